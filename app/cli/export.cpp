// attune-cli export --run DIR --format adapter|merged --out DIR
#include <iostream>

#include "app/cli/commands.h"

namespace attune::cli {

namespace {

Status exportRun(const ExportRequest& request, Cli& cli) {
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
    auto request = std::make_shared<ExportRequest>();
    command->add_option("--run", request->runFolder, "Run folder")->required();
    command->add_option("--format", request->format, "adapter (PEFT) or merged (safetensors)")->required();
    command->add_option("--out", request->outputFolder, "Folder to write; must be new or empty")->required();
    command->callback([request, &cli] {
        if (auto done = exportRun(*request, cli); !done)
            cli.exitStatus = report(done.error());
    });
}

} // namespace attune::cli
