// attune-cli export --run DIR --format adapter|merged|gguf|nf4 --out DIR [--quant q8_0] [--set key=value]
#include <iostream>

#include "app/cli/commands.h"
#include "core/plan/param_check.h"

namespace attune::cli {

namespace {

struct ExportArguments {
    ExportRequest request;
    std::string quant;
    std::vector<std::string> settings; // "key=value"
};

// The options as values of the format's own list.
Status readOptions(ExportArguments& arguments, Cli& cli) {
    if (!arguments.quant.empty())
        arguments.settings.push_back("quant=" + arguments.quant);
    for (const std::string& setting : arguments.settings) {
        const auto equals = setting.find('=');
        const std::string key = setting.substr(0, equals), text = equals == std::string::npos ? "" : setting.substr(equals + 1);
        const ParamSpec* spec = nullptr;
        for (const Described& format : cli.engine().catalog().exporters)
            if (format.id == arguments.request.format)
                spec = findParam(format.params, key);
        if (!spec || equals == std::string::npos)
            return fail(ErrorCode::InvalidArgument, "The export format " + arguments.request.format + " has no option \"" + setting + "\"",
                        "gguf has quant and system, merged has shard_gb, nf4 has merge and shard_gb; write --set key=value.");
        ATTUNE_ASSIGN(arguments.request.options[key], parseParam(*spec, text, key));
    }
    return {};
}

Status exportRun(ExportArguments& arguments, Cli& cli) {
    ATTUNE_CHECK(readOptions(arguments, cli));
    const ExportRequest& request = arguments.request;
    ATTUNE_ASSIGN(const ExportReport report, cli.engine().exportRun(request, cli.stop, [](const TrainingEvent&) {}));
    if (cli.json) {
        printJson({{"files", report.files},
                   {"max_logit_difference", report.maxLogitDifference},
                   {"token_agreement", report.tokenAgreement},
                   {"compared_tokens", report.comparedTokens}});
        return {};
    }
    for (const std::string& file : report.files)
        std::cout << file << '\n';
    std::cout << "Reloaded and compared with the checkpoint: largest logit difference " << report.maxLogitDifference << ", "
              << 100.0 * report.tokenAgreement << " % of " << report.comparedTokens << " tokens agree\n";
    return {};
}

} // namespace

void addExportCommand(CLI::App& app, Cli& cli) {
    auto* command = app.add_subcommand("export", "Write a run's result for other tools, reload it and check it");
    auto arguments = std::make_shared<ExportArguments>();
    command->add_option("--run", arguments->request.runFolder, "Run folder")->required();
    command->add_option("--format", arguments->request.format, "adapter (PEFT), merged (safetensors), gguf (llama.cpp, Ollama) or nf4 (4 bits, bitsandbytes)")->required();
    command->add_option("--out", arguments->request.outputFolder, "Folder to write; must be new or empty")->required();
    command->add_option("--quant", arguments->quant, "gguf: q8_0 (default), q4_k_m, q4_0, f16 or bf16");
    command->add_option("--set", arguments->settings, "An option of the format: shard_gb=2 (merged, nf4), merge=false (nf4), system=... (gguf)");
    command->callback([arguments, &cli] {
        if (auto done = exportRun(*arguments, cli); !done)
            cli.exitStatus = report(done.error());
    });
}

} // namespace attune::cli
