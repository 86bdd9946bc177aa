#include "app/cli/commands.h"

namespace attune::cli {

const std::vector<AddCommand>& commands() {
    static const std::vector<AddCommand> list = {
        addDemoCommand,  addAdviseCommand, addDataCommand,     addModelCommand,  addTokenizeCommand, addRenderCommand,
        addScoreCommand, addTrainCommand,  addSweepCommand,    addGenerateCommand, addExportCommand, addBenchCommand,
        addEmbedCommand,
    };
    return list;
}

} // namespace attune::cli
