// attune-cli bench train|generate|tokenize|import|ui: the one instrument for speed. Prints one JSON object with --json.
#include <algorithm>
#include <iostream>

#include "app/cli/commands.h"
#include "app/run_setup.h"
#include "core/data/import_file.h"
#include "core/text/prompt_format.h"

namespace attune::cli {

namespace {

void runEngineBench(const std::string& what, const Json& options, Cli& cli) {
    auto result = cli.engine().bench(what, options, cli.stop);
    if (!result)
        cli.exitStatus = report(result.error());
    else
        printBench(*result, cli);
}

struct EngineOptions {
    std::string shape = "135m", model, method = "lora", dtype = "bf16", optimizer = "adamw";
    std::int64_t batch = 4, seq = 512, steps = 5, tokens = 128, threads = 0, microBatchTokens = 512, deviceBatch = 8;
    std::string data, tokenizer, packing = "packed", policy = "keep";
    Json toJson() const {
        return {{"shape", shape}, {"model", model}, {"method", method}, {"dtype", dtype},   {"batch", batch},
                {"seq", seq},     {"steps", steps}, {"tokens", tokens}, {"threads", threads},
                {"optimizer", optimizer}, {"packing", packing}, {"policy", policy}, {"micro_batch_tokens", microBatchTokens},
                {"device_batch", deviceBatch}};
    }
};

// Tokens and targets of each row of a data file, as training would make them.
Result<Json> dataRows(const std::string& file, const std::string& tokenizerFolder) {
    std::string folder = tokenizerFolder;
    if (folder.empty()) {
        ATTUNE_ASSIGN(const fs::path resources, resourcesFolder());
        folder = (resources / "starter_model").string();
    }
    ATTUNE_ASSIGN(auto tokenizer, Tokenizer::load(folder));
    ATTUNE_ASSIGN(const PromptFormat format, PromptFormat::forTokenizer(std::move(tokenizer)));
    ATTUNE_ASSIGN(const std::vector<Sample> samples, loadSamples(file));
    Json rows = Json::array();
    for (const Sample& sample : samples) {
        const auto row = sample.kind == SampleKind::Text ? format.textRow(sample.text, 0)
                                                         : format.trainingRow(sample.messages, TrainOn::Completion, 0);
        if (!row)
            continue;
        const auto targets = std::count(row->trained.begin() + 1, row->trained.end(), true);
        if (targets > 0)
            rows.push_back({row->ids.size(), targets});
    }
    return rows;
}

void addShape(CLI::App* command, EngineOptions& options) {
    command->add_option("--shape", options.shape, "Model shape with random weights: 15m, 135m, 360m, 1b, 7b")->capture_default_str();
    command->add_option("--model", options.model, "A model folder instead of a shape");
    command->add_option("--dtype", options.dtype, "bf16 or f32; generate also int8 (weights in 8 bits)")->capture_default_str();
    command->add_option("--threads", options.threads, "Threads, 0 = all cores")->capture_default_str();
}

} // namespace

void printBench(const Json& result, const Cli& cli) {
    if (cli.json)
        return printJson(result);
    for (const auto& [key, value] : result.items())
        std::cout << key << ": " << value.dump() << '\n';
}

void addBenchCommand(CLI::App& app, Cli& cli) {
    auto* bench = app.add_subcommand("bench", "Measure speed and memory against this machine's limit");
    bench->require_subcommand(1);

    auto options = std::make_shared<EngineOptions>();
    auto* train = bench->add_subcommand("train", "Training steps: tokens/s, peak memory, share of the GEMM limit");
    addShape(train, *options);
    train->add_option("--method", options->method, "lora, qlora or full")->capture_default_str();
    train->add_option("--optimizer", options->optimizer, "adamw, adamw_8bit, lion or adafactor")->capture_default_str();
    train->add_option("--batch", options->batch, "Rows of a step")->capture_default_str();
    train->add_option("--seq", options->seq, "Tokens of a row")->capture_default_str();
    train->add_option("--steps", options->steps, "Measured steps (the median counts)")->capture_default_str();
    train->add_option("--micro-batch", options->microBatchTokens, "Tokens computed at once")->capture_default_str();
    train->add_option("--policy", options->policy, "keep all activations for the backward, or recompute them")->capture_default_str();
    train->add_option("--data", options->data, "A data file: rows as long as its rows instead of --seq");
    train->add_option("--tokenizer", options->tokenizer, "With --data: the folder of the tokenizer (default: that of --model, else the starter model's)");
    train->add_option("--packing", options->packing, "packed: rows end to end; padded: filled up to the longest row of a device batch")->capture_default_str();
    train->add_option("--device-batch", options->deviceBatch, "With --packing padded: rows that are padded and computed together")->capture_default_str();
    train->callback([options, &cli] {
        Json json = options->toJson();
        if (!options->data.empty()) {
            auto rows = dataRows(options->data, options->tokenizer.empty() ? options->model : options->tokenizer);
            if (!rows) {
                cli.exitStatus = report(rows.error());
                return;
            }
            json["rows"] = std::move(*rows);
        }
        runEngineBench("train", json, cli);
    });

    auto generateOptions = std::make_shared<EngineOptions>();
    generateOptions->batch = 1;
    auto* generate = bench->add_subcommand("generate", "Prefill and decoding: tokens/s");
    addShape(generate, *generateOptions);
    generate->add_option("--batch", generateOptions->batch, "Prompts decoded together")->capture_default_str();
    generate->add_option("--seq", generateOptions->seq, "Tokens of a prompt")->capture_default_str();
    generate->add_option("--tokens", generateOptions->tokens, "Tokens to decode")->capture_default_str();
    generate->callback([generateOptions, &cli] { runEngineBench("generate", generateOptions->toJson(), cli); });

    addBenchTokenizeTo(*bench, cli);
    addBenchImportTo(*bench, cli);
    addBenchUiTo(*bench, cli);
}

} // namespace attune::cli
