// attune-cli model: what a model folder or a GGUF file holds. Reads no weights beyond samples for the identity.
#include <cstdio>
#include <iostream>

#include "app/cli/cli.h"
#include "app/cli/commands.h"
#include "app/cli/usage.h"
#include "core/families/model_family.h"
#include "core/model_report/capabilities.h"
#include "core/model_report/model_report.h"
#include "core/text/prompt_format.h"

namespace attune::cli {

namespace {

const char* ropeName(RopeScaling scaling) {
    switch (scaling) {
    case RopeScaling::None:
        return "none";
    case RopeScaling::Linear:
        return "linear";
    case RopeScaling::Dynamic:
        return "dynamic";
    case RopeScaling::Llama3:
        return "llama3";
    case RopeScaling::Yarn:
        return "yarn";
    case RopeScaling::LongRope:
        return "longrope";
    }
    return "";
}

const char* verdictId(ModelCapability::Verdict verdict) {
    return verdict == ModelCapability::Verdict::Fits ? "fits" : verdict == ModelCapability::Verdict::Tight ? "tight" : "too_large";
}

// Licence, what is wrong, and what this computer can do with it.
Status addJudgement(Json& result, const std::string& folder, const ModelConfig& config, const Catalog& catalog) {
    ATTUNE_ASSIGN(const ModelReport report, readModelReport(folder));
    result["licence"] = report.licence;
    if (!report.licence.empty())
        result["licence_source"] = report.licenceSource;
    Json problems = Json::array(), abilities = Json::array();
    for (const ModelProblem& problem : report.problems)
        problems.push_back({{"severity", problem.severity == ModelProblem::Severity::Error ? "error" : "warning"}, {"message", problem.message}, {"next", problem.hint}});
    for (const ModelCapability& each : modelCapabilities(config, folder, catalog, inspectComputer(folder)))
        abilities.push_back({{"id", each.id}, {"bytes", each.bytes}, {"verdict", verdictId(each.verdict)}, {"seconds_per_1000_rows", each.secondsPerThousandRows}});
    result["problems"] = problems;
    result["on_this_computer"] = abilities;
    return {};
}

Result<Json> describe(const std::string& folder, const Catalog& catalog) {
    ATTUNE_ASSIGN(const ModelSource source, ModelSource::open(folder));
    ATTUNE_ASSIGN(const ModelConfig config, readModelConfig(source));
    ATTUNE_ASSIGN(const std::string hash, source.fingerprint());
    Json files = Json::array();
    std::uint64_t numbers = 0;
    std::map<std::string, std::uint64_t> types;
    for (const auto& file : source.files()) {
        for (const TensorInfo& tensor : file->tensors()) {
            numbers += tensor.elements();
            types[tensor.storedAs.empty() ? tensorTypeName(tensor.type) : tensor.storedAs] += tensor.elements();
        }
        std::error_code code;
        const std::uint64_t bytes = fs::file_size(file->path(), code);
        files.push_back(
            {{"name", file->path().filename().string()}, {"tensors", file->tensors().size()}, {"bytes", code ? 0 : bytes}});
    }
    Json result{{"architecture", config.architecture},
                {"family", config.familyId},
                {"parameters", config.totalParameters()},
                {"active_parameters", config.activeParameters()},
                {"experts", config.experts},
                {"experts_per_token", config.experts > 0 ? config.expertsPerToken : 0},
                {"stored_numbers", numbers},
                {"stored_types", types},
                {"context_length", config.contextLength},
                {"vocabulary_size", config.vocabularySize},
                {"hidden_size", config.hiddenSize},
                {"layers", config.layers},
                {"heads", config.heads},
                {"kv_heads", config.kvHeads},
                {"head_dim", config.headDim},
                {"intermediate_size", config.intermediateSize},
                {"tied_head", config.tiedHead},
                {"rope_scaling", ropeName(config.rope.scaling)},
                {"dtype", config.torchDtype},
                {"eos_ids", config.eosIds},
                {"hash", hash},
                {"files", files}};
    // The weights may be good where the tokenizer is not: say so instead of failing as a whole.
    const auto tokenizer = Tokenizer::load(folder);
    if (tokenizer) {
        result["tokenizer"] = {
            {"tokens", (*tokenizer)->vocabularySize()},
            {"hash", (*tokenizer)->hash()},
            {"fits", (*tokenizer)->vocabularySize() <= static_cast<std::size_t>(config.vocabularySize)}};
        const auto format = PromptFormat::forTokenizer(*tokenizer);
        if (format)
            result["template"] = {{"chat", format->hasChatTemplate()}, {"hash", format->hash()}};
        else
            result["template"] = {{"error", format.error().message}};
    } else {
        result["tokenizer"] = {{"error", tokenizer.error().message}};
    }
    ATTUNE_CHECK(addJudgement(result, folder, config, catalog));
    return result;
}

std::string million(double value) {
    char text[64];
    std::snprintf(text, sizeof(text),
                  value >= 1e9   ? "%.2f billion"
                  : value >= 1e6 ? "%.1f million"
                                 : "%.0f",
                  value >= 1e9   ? value / 1e9
                  : value >= 1e6 ? value / 1e6
                                 : value);
    return text;
}

void print(const Json& info) {
    const auto line = [](const char* label, const std::string& value) {
        std::printf("%-14s %s\n", label, value.c_str());
    };
    const auto number = [&](const char* key) { return std::to_string(info[key].get<std::int64_t>()); };
    line("architecture",
         info["architecture"].get<std::string>() + " (family " + info["family"].get<std::string>() + ")");
    std::string stored;
    for (const auto& [type, numbers] : info["stored_types"].items())
        stored += (stored.empty() ? "" : ", ") + type;
    line("parameters", million(info["parameters"].get<double>()) + ", stored as " + stored);
    if (info["experts"].get<std::int64_t>() > 0)
        line("experts", number("experts") + " in each layer, " + number("experts_per_token") + " for each token: " +
                            million(info["active_parameters"].get<double>()) + " parameters are used at a time");
    line("shape", number("layers") + (number("layers") == "1" ? " layer x " : " layers x ") + number("hidden_size") + ", " + number("heads") + " heads (" +
                      number("kv_heads") + " for keys), MLP " + number("intermediate_size") + ", vocabulary " +
                      number("vocabulary_size"));
    line("context", number("context_length") + " tokens");
    const Json& tokenizer = info["tokenizer"];
    line("tokenizer", tokenizer.contains("error")
                          ? tokenizer["error"].get<std::string>()
                          : std::to_string(tokenizer["tokens"].get<std::int64_t>()) + " tokens" +
                                (tokenizer["fits"].get<bool>() ? "" : ", more than the model embeds: it does not fit"));
    if (info.contains("template")) {
        const Json& chat = info["template"];
        line("chat template", chat.contains("error")     ? chat["error"].get<std::string>()
                              : chat["chat"].get<bool>() ? "yes, " + chat["hash"].get<std::string>()
                                                         : "none");
    }
    line("licence", info["licence"].get<std::string>().empty() ? "not named in its files" : info["licence"].get<std::string>() + ", from " + info["licence_source"].get<std::string>());
    line("hash", info["hash"].get<std::string>());
    for (const Json& file : info["files"])
        line("file", file["name"].get<std::string>() + ", " + std::to_string(file["tensors"].get<std::size_t>()) +
                         " tensors, " + std::to_string(file["bytes"].get<std::uint64_t>()) + " bytes");
    for (const Json& each : info["on_this_computer"]) {
        char text[96];
        std::snprintf(text, sizeof text, "%.2f GB, %s", each["bytes"].get<double>() / 1e9,
                      each["verdict"] == "fits" ? "fits" : each["verdict"] == "tight" ? "only where other programs are closed" : "too large");
        line(each["id"] == "generate" ? "answering" : "training", (each["id"] == "generate" ? "" : each["id"].get<std::string>() + ": ") + text);
    }
    for (const Json& problem : info["problems"])
        line(problem["severity"] == "error" ? "problem" : "note", problem["message"].get<std::string>() + ". " + problem["next"].get<std::string>());
    std::fflush(stdout);
}

void addInitializeTo(CLI::App& modelCommand, Cli& cli) {
    auto* init = modelCommand.add_subcommand("init", "Random weights for a folder with config and tokenizer only, to pre-train from");
    auto folder = std::make_shared<std::string>();
    auto seed = std::make_shared<std::uint64_t>(1);
    init->add_option("folder", *folder, "Model folder")->required();
    init->add_option("--seed", *seed, "Seed of the random weights")->check(atLeast(0))->capture_default_str();
    init->callback([folder, seed, &cli] {
        if (const auto done = cli.engine().initializeModel(*folder, *seed); !done)
            cli.exitStatus = report(done.error());
    });
}

} // namespace

void addModelCommand(CLI::App& app, Cli& cli) {
    auto* command = app.add_subcommand("model", "What a model folder holds");
    command->require_subcommand(1);
    auto* info = command->add_subcommand("info", "Architecture, size, context, licence, template, identity, files, problems and what this computer can do with it");
    addEstimateTo(*command, cli);
    addInitializeTo(*command, cli);
    auto folder = std::make_shared<std::string>();
    info->add_option("folder", *folder, "Model folder or GGUF file")->required();
    info->callback([folder, &cli] {
        const auto described = describe(*folder, cli.engine().catalog());
        if (!described)
            cli.exitStatus = report(described.error());
        else if (cli.json)
            printJson(*described);
        else
            print(*described);
    });
}

} // namespace attune::cli
