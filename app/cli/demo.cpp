// attune-cli demo: the sample project end to end on the starter model: base answers, training, tuned answers, gate, report.
#include <iostream>

#include "app/cli/commands.h"
#include "app/cli/progress_line.h"
#include "app/cli/train_printer.h"
#include "app/run_setup.h"
#include "core/data/import_file.h"
#include "core/eval/before_after.h"
#include "core/eval/gate.h"
#include "core/eval/png_chart.h"
#include "core/eval/report.h"
#include "core/run/metric_sink.h"
#include "core/run/run_controller.h"
#include "core/run/run_folder.h"

namespace attune::cli {

namespace {

constexpr std::size_t kSamplesInReport = 12;

Status trainSample(Engine& engine, const RunConfig& config, const fs::path& folder, Cli& cli) {
    ATTUNE_ASSIGN(RunSetup setup, setUpRunFromFiles(config, folder));
    TrainPrinter printer;
    EngineThread thread(0);
    RunController controller(engine, thread, [&](const TrainingEvent& event) { printer.print(event); });
    ATTUNE_CHECK(controller.start(std::move(setup.request)));
    const std::stop_callback stopRun(cli.stop, [&] { controller.stop(); });
    ATTUNE_CHECK(controller.wait());
    if (controller.state() != RunState::Finished)
        return fail(ErrorCode::Cancelled, "The run was stopped", "Start the demo again.");
    return {};
}

// The loss curve of the run's record: training as it was, and validation.
Result<LineChart> lossChart(const fs::path& runFolder) {
    ATTUNE_ASSIGN(const MetricsRead read, readMetrics(RunFolder{runFolder}.metrics()));
    const auto curves = metricCurves(read.events);
    LineChart chart;
    chart.title = "Loss per step (lower is better)";
    chart.xLabel = "optimizer step";
    chart.yLabel = "nats per token";
    if (const auto found = curves.find("loss"); found != curves.end())
        chart.series.push_back({"training", found->second.steps, found->second.values, 0x2f6fdb});
    if (const auto found = curves.find("eval.validation"); found != curves.end())
        chart.series.push_back({"validation", found->second.steps, found->second.values, 0xa86400, false, true});
    if (const auto found = curves.find("eval.general"); found != curves.end())
        chart.series.push_back({"general data", found->second.steps, found->second.values, 0x2e8540, false, true});
    return chart;
}

// Empties the run's folder for another demo, but only where nothing but a demo was: its recipe is written first, and trains on the sample.
Status prepareFolders(const fs::path& out, const RunFolder& run, const RunConfig& config, const Catalog& catalog) {
    std::error_code code;
    const auto sampleFile = [](const std::string& file) { return fs::path(file).parent_path().filename() / fs::path(file).filename(); };
    const auto earlier = readRunConfig(run.recipe(), catalog);
    const bool ours = earlier && earlier->name == config.name && sampleFile(earlier->data.train) == sampleFile(config.data.train);
    if (fs::is_directory(out, code) && !fs::is_empty(out, code) && !ours)
        return fail(ErrorCode::InvalidArgument, "The folder " + out.string() + " holds other files", "Choose a new or empty folder with --out.");
    fs::remove_all(run.root, code);
    fs::create_directories(run.root, code);
    if (code)
        return fail(errnoError(code.value(), "Cannot create", run.root));
    return writeFileAtomic(run.recipe(), toYaml(config));
}

struct Outcome {
    BeforeAfter evaluation;
    GateResult gate;
    fs::path report, chart;
};

Result<Outcome> runDemo(const fs::path& out, Cli& cli) {
    ATTUNE_ASSIGN(const fs::path resources, resourcesFolder());
    const fs::path sample = resources / "sample_project", run = out / "run";
    Engine& engine = cli.engine();
    ATTUNE_ASSIGN(const RunConfig config, readRunConfig(sample / "recipe.yaml", engine.catalog()));
    ATTUNE_ASSIGN(const Json gateJson, readJsonFile(sample / "gate.json"));
    ATTUNE_ASSIGN(const std::vector<GateRule> rules, gateRulesFromJson(gateJson));
    ATTUNE_CHECK(prepareFolders(out, {run}, config, engine.catalog()));

    std::cerr << "1 of 3  Training the starter model on the sample project\n";
    ATTUNE_CHECK(trainSample(engine, config, run, cli));

    std::cerr << "2 of 3  Both models answer the test messages\n";
    BeforeAfterRequest request;
    request.model = config.model;
    request.adapter = run.string();
    request.maxTokens = 128;
    ATTUNE_ASSIGN(request.rows, loadSamples(config.data.test));
    Outcome outcome;
    {
        ProgressLine line;
        ATTUNE_ASSIGN(outcome.evaluation, evaluateBeforeAfter(engine, request, cli.stop, [&](double done, const char* what) {
                          line.show(std::string(what) + ": " + std::to_string(static_cast<int>(100 * done)) + " %");
                      }));
    }
    outcome.gate = judge(rules, outcome.evaluation.changes);

    std::cerr << "3 of 3  Writing the report\n";
    ATTUNE_ASSIGN(const LineChart chart, lossChart(run));
    outcome.chart = out / "loss.png";
    ATTUNE_CHECK(writePngChart(outcome.chart, chart));
    RunReport report;
    report.title = "Sample project: customer messages to records";
    report.summary = "A LoRA adapter was trained on the sample's training rows; base and tuned model answered the same " +
                     std::to_string(request.rows.size()) + " test rows.";
    ATTUNE_ASSIGN(const std::string trainHash, hashFile(config.data.train));
    ATTUNE_ASSIGN(const std::string testHash, hashFile(config.data.test));
    report.facts = {{"Base model", fs::path(config.model).filename().string()},
                    {"Training data (XXH3)", trainHash},
                    {"Test data (XXH3)", testHash},
                    {"Method", config.method.id},
                    {"Objective", config.objective.id}};
    report.scores = outcome.evaluation.changes;
    report.gate = outcome.gate;
    report.curves = {chart};
    for (std::size_t i = 0; i < std::min(kSamplesInReport, request.rows.size()); ++i)
        report.samples.push_back({request.rows[i].messages.front().content, outcome.evaluation.expected[i],
                                  outcome.evaluation.base[i], outcome.evaluation.tuned[i]});
    RunConfig shown = config; // the report names files, not this machine's folders
    shown.model = fs::path(config.model).filename().string();
    for (std::string* file : {&shown.data.train, &shown.data.validation, &shown.data.test, &shown.data.general})
        *file = fs::path(*file).filename().string();
    report.recipeYaml = toYaml(shown);
    outcome.report = out / "report.html";
    ATTUNE_CHECK(writeFileAtomic(outcome.report, reportHtml(report)));
    return outcome;
}

} // namespace

void addDemoCommand(CLI::App& app, Cli& cli) {
    auto* command = app.add_subcommand("demo", "The sample project end to end: train, evaluate base and tuned, gate, report");
    auto out = std::make_shared<std::string>("attune-demo");
    command->add_option("--out", *out, "Folder for the run, the loss curve and the report")->capture_default_str();
    command->callback([out, &cli] {
        auto outcome = runDemo(*out, cli);
        if (!outcome) {
            cli.exitStatus = report(outcome.error());
            return;
        }
        if (cli.json) {
            Json scores = Json::array();
            for (const ScoreChange& change : outcome->evaluation.changes)
                scores.push_back({{"id", change.before.id},
                                  {"n", change.after.n},
                                  {"base", change.before.value},
                                  {"tuned", change.after.value},
                                  {"tuned_low", change.after.interval.low},
                                  {"tuned_high", change.after.interval.high}});
            printJson({{"scores", scores},
                       {"gate", gateResultToJson(outcome->gate)},
                       {"report", outcome->report.string()},
                       {"loss_curve", outcome->chart.string()}});
        } else {
            std::cout << '\n' << scoreTable(outcome->evaluation.changes) << '\n';
            for (const GateReason& reason : outcome->gate.reasons)
                std::cout << "  " << gateVerdictId(reason.verdict) << ": " << reason.sentence << '\n';
            std::cout << "Gate: " << gateVerdictId(outcome->gate.verdict) << "\nLoss curve: " << outcome->chart.string()
                      << "\nReport: " << outcome->report.string() << '\n';
        }
        cli.exitStatus = outcome->gate.verdict == GateVerdict::Accepted ? 0 : 3;
    });
}

} // namespace attune::cli
