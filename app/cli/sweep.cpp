// attune-cli sweep RECIPE.yaml --over KEY=VALUES ... [--kind grid|random|halving] [--trials N] [--metric NAME] [--project DIR] [--resume]
#include <iostream>

#include "app/cli/commands.h"
#include "app/cli/sweep_printer.h"
#include "app/cli/usage.h"
#include "app/run_setup.h"
#include "core/families/model_family.h"
#include "core/run/event_json.h"
#include "core/store/dataset_appender.h"
#include "core/store/project.h"

namespace attune::cli {

namespace {

struct SweepOptions {
    std::string recipe, project, kind = "grid", metric = "validation_loss";
    std::vector<std::string> over, assignments;
    std::int64_t trials = 0, eta = 3, seed = 42;
    bool resume = false, dryRun = false;
};
constexpr std::int64_t kUsualTrials = 9; // random and halving; two halvings by three

Result<SweepPlan> planOf(const SweepOptions& options, const RunConfig& base, const Catalog& catalog) {
    SweepPlan plan;
    ATTUNE_ASSIGN(plan.kind, sweepKindFromId(options.kind));
    if (plan.kind == SweepKind::Grid && options.trials > 0)
        return fail(ErrorCode::InvalidArgument, "A grid runs all its combinations, so --trials has no meaning", "Leave it away, or choose --kind random.");
    plan.trials = plan.kind == SweepKind::Grid ? 0 : options.trials > 0 ? options.trials : kUsualTrials;
    plan.metric = options.metric;
    plan.seed = static_cast<std::uint64_t>(options.seed);
    plan.eta = options.eta;
    for (const std::string& text : options.over) {
        ATTUNE_ASSIGN(SweepKnob knob, parseSweepKnob(text, base, catalog));
        plan.knobs.push_back(std::move(knob));
    }
    return plan;
}

// Every n-th row as the model will see it.
Result<DataShape> shapeOf(const SampleSource& source, const PromptFormat& format) {
    constexpr std::size_t kRowsLookedAt = 200;
    DataShape shape;
    shape.rows = static_cast<std::int64_t>(source.size());
    double tokens = 0, targets = 0, rows = 0;
    for (std::size_t i = 0; i < source.size(); i += std::max<std::size_t>(1, source.size() / kRowsLookedAt)) {
        ATTUNE_ASSIGN(Sample sample, source.at(i));
        if (sample.kind != SampleKind::Chat && sample.kind != SampleKind::Text)
            sample.messages.push_back(chosenMessage(sample));
        const auto row = sample.kind == SampleKind::Text ? format.textRow(sample.text, 0) : format.trainingRow(sample.messages, TrainOn::Completion, 0);
        if (!row)
            continue; // left out in training as well
        const auto trained = static_cast<double>(std::count(row->trained.begin(), row->trained.end(), true));
        tokens += static_cast<double>(row->ids.size()), targets += trained, rows += 1;
        shape.longestTokens = std::max(shape.longestTokens, static_cast<std::int64_t>(row->ids.size()));
    }
    if (rows == 0)
        return fail(ErrorCode::InvalidData, "No row of the training data can be read by this model", "Look at the data with attune-cli data check.");
    shape.averageTokens = tokens / rows, shape.averageTargets = targets / rows;
    return shape;
}

Result<SweepEstimate> estimate(const SweepPlan& plan, const RunConfig& base, const SampleSource& train, const Catalog& catalog) {
    ATTUNE_ASSIGN(const ModelSource source, ModelSource::open(base.model));
    ATTUNE_ASSIGN(const ModelConfig model, readModelConfig(source));
    ATTUNE_ASSIGN(auto tokenizer, Tokenizer::load(base.model));
    ATTUNE_ASSIGN(const PromptFormat format, PromptFormat::forTokenizer(std::move(tokenizer)));
    ATTUNE_ASSIGN(const DataShape shape, shapeOf(train, format));
    return estimateSweep(plan, base, model, shape, inspectComputer(base.model), catalog);
}

// The rows become a frozen version of the project, so that every trial is a run like any other there.
Result<std::int64_t> importRows(Project& project, const TrainRequest& rows, const std::string& name, const std::string& file) {
    ATTUNE_ASSIGN(const std::unique_ptr<DatasetAppender> appender, project.datasets().beginImport(name, file, {}));
    for (const auto& [source, split] : {std::pair{rows.train, Split::Train}, std::pair{rows.validation, Split::Validation}})
        for (std::size_t i = 0; source && i < source->size(); ++i) {
            ATTUNE_ASSIGN(Sample sample, source->at(i));
            sample.split = split;
            ATTUNE_CHECK(appender->add(sample));
        }
    ATTUNE_CHECK(appender->commit());
    ATTUNE_ASSIGN(const DatasetVersion version, project.datasets().freeze(appender->datasetId(), "For a sweep"));
    return version.id;
}

// The project may lie elsewhere than the recipe.
std::string generalFile(const RunConfig& base) {
    return base.data.general.empty() ? "" : fs::absolute(base.data.general).string();
}

// The sweep of the same command, whatever became of it; 0 = none.
Result<std::int64_t> sameSweep(Project& project, const Catalog& catalog, const SweepPlan& plan, const RunConfig& base, const std::string& source) {
    ATTUNE_ASSIGN(const std::vector<SweepRecord> sweeps, project.sweeps().list());
    for (const SweepRecord& record : sweeps) {
        const auto known = readSweep(project, catalog, record.id);
        if (!known || known->record.source != source || !(known->plan == plan))
            continue;
        RunConfig recipe = known->base;
        if (!source.empty()) { // the rows were compared by their content; general data is known by its place
            if (recipe.data.general != generalFile(base))
                continue;
            recipe.data = base.data;
        }
        if (recipe == base)
            return record.id;
    }
    return 0;
}

Result<std::int64_t> sweepIn(Project& project, const Catalog& catalog, const SweepOptions& options, SweepPlan plan, RunConfig base, const RunSetup& setup) {
    std::string source;
    if (setup.request.train) {
        source = setup.request.train->hash() + (setup.request.validation ? setup.request.validation->hash() : "");
        plan.rows = static_cast<std::int64_t>(setup.request.train->size());
    } else {
        ATTUNE_ASSIGN(const auto train, project.datasets().source(base.data.datasetVersion, Split::Train));
        plan.rows = static_cast<std::int64_t>(train->size());
    }
    if (options.resume) {
        ATTUNE_ASSIGN(const std::int64_t known, sameSweep(project, catalog, plan, base, source));
        if (known != 0)
            return known;
    }
    if (setup.request.train) {
        const std::string file = base.data.train, general = generalFile(base);
        base.data = {};
        base.data.general = general;
        ATTUNE_ASSIGN(base.data.datasetVersion, importRows(project, setup.request, fs::path(file).stem().string(), file));
    }
    return createSweep(project, catalog, base, std::move(plan), source);
}

Status sweep(const SweepOptions& options, Cli& cli) {
    Engine& engine = cli.engine();
    const Catalog& catalog = engine.catalog();
    ATTUNE_ASSIGN(RunConfig base, readRunConfig(options.recipe, catalog));
    for (const std::string& assignment : options.assignments)
        ATTUNE_CHECK(setByPath(base, assignment, catalog));
    resolvePaths(base, fs::current_path());
    if (base.name.empty())
        base.name = fs::path(options.recipe).stem().string();
    ATTUNE_ASSIGN(SweepPlan plan, planOf(options, base, catalog));
    const bool files = base.data.datasetVersion == 0;
    if (!files && options.project.empty())
        return fail(ErrorCode::InvalidArgument, "The recipe names a data version of a project, but no project is given", "Add --project NAME.attune.");
    RunSetup setup;
    std::unique_ptr<Project> project;
    std::shared_ptr<const SampleSource> train;
    if (files) {
        ATTUNE_ASSIGN(setup, setUpRunFromFiles(base, {}));
        for (std::size_t i = 0; i < setup.problems.size() && i < 20; ++i)
            std::cerr << "left out: " << setup.problems[i] << '\n';
        train = setup.request.train;
    } else {
        ATTUNE_ASSIGN(project, Project::open(options.project));
        ATTUNE_ASSIGN(train, project->datasets().source(base.data.datasetVersion, Split::Train));
    }
    plan.rows = static_cast<std::int64_t>(train->size());
    ATTUNE_ASSIGN(const std::vector<TrialValues> trials, sweepTrials(plan, base, catalog));
    ATTUNE_CHECK(engine.check(base)); // what is wrong with every trial is said once, before any
    const auto estimated = estimate(plan, base, *train, catalog);
    printSweepPlan(cli, plan, trials.size(), estimated ? std::optional(*estimated) : std::nullopt);
    if (options.dryRun)
        return {};

    fs::path folder = options.project;
    if (folder.empty())
        folder = fs::path("sweeps") / (base.name + Project::kExtension);
    if (!project) {
        std::error_code code;
        if (folder.has_parent_path())
            fs::create_directories(folder.parent_path(), code);
        ATTUNE_ASSIGN(project, Project::openOrCreate(folder));
    }
    ATTUNE_ASSIGN(const std::int64_t id, sweepIn(*project, catalog, options, plan, base, setup));
    SweepListener listener;
    listener.ended = [&](const PreparedTrial& trial, TrialEnd end) {
        if (const auto state = readSweep(*project, catalog, id))
            printTrial(cli, *state, trial, end);
    };
    ATTUNE_CHECK(runSweep(*project, engine, id, cli.stop, listener));
    ATTUNE_ASSIGN(const SweepState state, readSweep(*project, catalog, id));
    printSweepTable(cli, state);
    if (!cli.json)
        std::cout << (state.record.state == "finished" ? "Finished: " : "Stopped, continue with --resume: ") << project->folder().string() << '\n';
    if (state.record.state == "finished" && state.ranking().empty())
        return fail(ErrorCode::InvalidData, "No trial of the sweep could be measured", "Each trial's reason stands above.");
    return {};
}

} // namespace

void addSweepCommand(CLI::App& app, Cli& cli) {
    auto* command = app.add_subcommand("sweep", "Train a recipe many times with other settings and compare");
    auto options = std::make_shared<SweepOptions>();
    command->add_option("recipe", options->recipe, "Recipe file (YAML)")->required();
    command->add_option("--over", options->over, "A knob and its values: learning_rate=1e-4..1e-2:log, r=4,8,16, schedule.id=linear,cosine (repeatable)")
        ->required();
    command->add_option("--kind", options->kind, "grid: all combinations; random: a number of them; halving: many short runs, the best go on")
        ->capture_default_str();
    command->add_option("--trials", options->trials, "Trials of random and halving (default: 9)")->check(atLeast(2));
    command->add_option("--metric", options->metric, "What trials are compared by")->capture_default_str();
    command->add_option("--seed", options->seed, "Seed of the drawn settings")->check(atLeast(0))->capture_default_str();
    command->add_option("--eta", options->eta, "Halving keeps one trial in so many")->check(CLI::Range(2, 10))->capture_default_str();
    command->add_option("--project", options->project, "Project that holds the sweep and its runs (default: sweeps/<name>.attune)");
    command->add_flag("--resume", options->resume, "Continue this sweep where it was, if the project has it");
    command->add_flag("--dry-run", options->dryRun, "Only say how many runs and how much time it takes");
    command->add_option("--set", options->assignments, "Change one value of the recipe first: section.key=value (repeatable)");
    command->callback([options, &cli] {
        if (auto done = sweep(*options, cli); !done)
            cli.exitStatus = report(done.error());
    });
}

} // namespace attune::cli
