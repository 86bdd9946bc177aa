// Every subcommand's own file defines one of these; commands.cpp lists them.
#pragma once

#include "app/cli/cli.h"

namespace attune::cli {

void addDemoCommand(CLI::App& app, Cli& cli);
void addAdviseCommand(CLI::App& app, Cli& cli);
void addDataCommand(CLI::App& app, Cli& cli);
void addModelCommand(CLI::App& app, Cli& cli);
void addEstimateTo(CLI::App& modelCommand, Cli& cli); // `model estimate`
void addTokenizeCommand(CLI::App& app, Cli& cli);
void addRenderCommand(CLI::App& app, Cli& cli);
void addScoreCommand(CLI::App& app, Cli& cli);
void addEmbedCommand(CLI::App& app, Cli& cli);
void addTrainCommand(CLI::App& app, Cli& cli);
void addSweepCommand(CLI::App& app, Cli& cli);
void addGenerateCommand(CLI::App& app, Cli& cli);
void addExportCommand(CLI::App& app, Cli& cli);
void addBenchCommand(CLI::App& app, Cli& cli);
void printBench(const Json& result, const Cli& cli); // one object, or one line per figure
void addBenchTokenizeTo(CLI::App& benchCommand, Cli& cli); // `bench tokenize`
void printWithRate(Result<Json> result, Cli& cli); // with the machine's own rates beside it, for work that is not products
void addBenchImportTo(CLI::App& benchCommand, Cli& cli);   // `bench import`
void addBenchUiTo(CLI::App& benchCommand, Cli& cli);       // `bench ui`

} // namespace attune::cli
