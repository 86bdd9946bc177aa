// attune-cli train RECIPE.yaml [--out DIR] [--resume] [--check] [--fit] [--set key=value ...]
#include <iostream>

#include "app/cli/commands.h"
#include "app/cli/fit_check.h"
#include "app/cli/recipe_help.h"
#include "app/cli/train_printer.h"
#include "app/run_setup.h"
#include "core/run/event_json.h"
#include "core/run/run_controller.h"
#include "core/run/run_folder.h"

namespace attune::cli {

namespace {

struct Options {
    std::string recipe, out;
    bool resume = false, useBest = false, noCache = false, check = false, fit = false;
    std::vector<std::string> assignments;
};

// Neither another run nor anything else is written over. A run that ended before its first checkpoint may start anew in its folder.
Status checkOutputFolder(const RunFolder& folder, bool resume) {
    std::error_code code;
    if (resume || !fs::is_directory(folder.root, code) || fs::is_empty(folder.root, code))
        return {};
    if (fs::exists(folder.checkpoints(), code))
        return fail(ErrorCode::InvalidArgument, "The folder " + folder.root.string() + " already holds a run",
                    "Add --resume to continue it, or choose another folder with --out.");
    if (!fs::exists(folder.metrics(), code))
        return fail(ErrorCode::InvalidArgument, "The folder " + folder.root.string() + " holds other files", "Choose a new or empty folder with --out.");
    return {};
}

Status train(const Options& options, Cli& cli) {
    Engine& engine = cli.engine();
    ATTUNE_ASSIGN(RunConfig config, readRunConfig(options.recipe, engine.catalog()));
    for (const std::string& assignment : options.assignments)
        ATTUNE_CHECK(setByPath(config, assignment, engine.catalog()));
    resolvePaths(config, fs::current_path());
    for (const Complaint& complaint : checkRunConfig(config, engine.catalog())) {
        if (complaint.severity == Complaint::Severity::Error)
            return fail(ErrorCode::InvalidArgument, options.recipe + ": " + complaint.message, complaint.hint);
    }
    if (options.check || options.fit) {
        ATTUNE_ASSIGN(const bool goOn, fitAndCheck(config, {options.check, options.fit, options.noCache}, cli));
        if (!goOn)
            return {};
    }
    fs::path out = options.out;
    if (out.empty())
        out = fs::path("runs") / (config.name.empty() ? fs::path(options.recipe).stem().string() : config.name);
    ATTUNE_CHECK(checkOutputFolder({out}, options.resume || options.useBest));
    ATTUNE_CHECK(engine.check(config));
    ATTUNE_ASSIGN(RunSetup setup, setUpRunFromFiles(config, out));
    for (std::size_t i = 0; i < setup.problems.size() && i < 20; ++i)
        std::cerr << "left out: " << setup.problems[i] << '\n';
    if (setup.problems.size() > 20)
        std::cerr << "left out: " << setup.problems.size() - 20 << " more rows\n";
    setup.request.resume = options.resume || options.useBest;
    setup.request.takeBest = options.useBest;
    if (options.noCache)
        setup.request.tokenCache.clear();

    TrainPrinter printer;
    Doctor doctor(DoctorFacts::of(config, engine.catalog()));
    EngineThread thread(0);
    RunController controller(engine, thread, [&](const TrainingEvent& event) {
        if (cli.json)
            printJson(eventToJson(event));
        else
            printer.print(event);
        for (const Finding& finding : doctor.add(event)) {
            if (cli.json)
                printJson(findingJson(finding));
            else
                printer.print(finding);
        }
    });
    ATTUNE_CHECK(controller.start(std::move(setup.request)));
    const std::stop_callback stopRun(cli.stop, [&] { controller.stop(); });
    ATTUNE_CHECK(controller.wait());
    if (!cli.json) {
        if (const std::string memory = printer.memoryText(); !memory.empty())
            std::cout << memory << '\n';
        std::cout << (controller.state() == RunState::Finished ? "Finished: " : "Stopped, continue with --resume: ") << out.string() << '\n';
    }
    return {};
}

} // namespace

void addTrainCommand(CLI::App& app, Cli& cli) {
    auto* command = app.add_subcommand("train", "Train as a recipe says; the run becomes a folder any tool can open");
    auto options = std::make_shared<Options>();
    command->add_option("recipe", options->recipe, "Recipe file (YAML)")->required();
    command->add_option("--out", options->out, "Run folder (default: runs/<name of the recipe>)");
    command->add_flag("--resume", options->resume, "Continue from the last checkpoint in the run folder, if there is one");
    command->add_flag("--use-best", options->useBest, "Train no more: make the best checkpoint of the stopped run in the run folder its result");
    command->add_flag("--check", options->check, "Only take two real steps over the longest rows and say what memory and time the run needs");
    command->add_flag("--fit", options->fit, "First change the recipe as little as possible so that it fits into the free memory, and say what");
    command->add_flag("--no-cache", options->noCache, "Neither read nor keep token rows (kept in $XDG_CACHE_HOME/attune/tokens or ~/.cache/attune/tokens)");
    command->add_option("--set", options->assignments, "Change one value of the recipe: section.key=value, such as training.epochs=1 (repeatable)");
    command->footer([&cli] { return recipeHelp(cli.engine().catalog()); });
    command->callback([options, &cli] {
        if (auto done = train(*options, cli); !done)
            cli.exitStatus = report(done.error());
    });
}

} // namespace attune::cli
