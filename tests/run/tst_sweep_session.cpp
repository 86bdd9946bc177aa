// A sweep in a project: trials become runs, failures are kept, and a sweep goes on after a stop or a crash where it was.
#include <QtTest>

#include "core/run/fake_engine.h"
#include "core/run/sweep_session.h"
#include "core/store/dataset_appender.h"
#include "core/store/project.h"
#include "tests/support/test_main.h"

using namespace attune;

namespace {

// The fake's losses as a function of the learning rate: best at 2e-4, then the nearer in ratio the better.
constexpr const char* kRates = "learning_rate=2e-6,2e-5,2e-4,2e-3";

} // namespace

class SweepSessionTest : public QObject {
    Q_OBJECT

    QTemporaryDir m_folder;
    int m_number = 0;
    std::unique_ptr<Project> m_project;
    FakeEngine m_engine{{.steps = 40, .evalEvery = 5}};

    fs::path place() const { return fs::path(m_folder.path().toStdString()) / ("p" + std::to_string(m_number) + ".attune"); }
    RunConfig base(bool validation = true) {
        auto appender = m_project->datasets().beginImport("rows", "rows.jsonl", {});
        for (int i = 0; i < 40; ++i) {
            Sample sample;
            sample.messages = {{"user", "question " + std::to_string(i)}, {"assistant", "answer"}};
            sample.split = validation && i % 4 == 0 ? Split::Validation : Split::Train;
            if (!(*appender)->add(sample))
                qFatal("no row");
        }
        if (!(*appender)->commit())
            qFatal("no rows");
        RunConfig config;
        config.name = "claims";
        config.model = "models/tiny";
        config.data.datasetVersion = m_project->datasets().freeze((*appender)->datasetId())->id;
        return config;
    }
    SweepPlan plan(SweepKind kind, const RunConfig& config, const std::string& knob = kRates, std::int64_t trials = 0) {
        SweepPlan made;
        made.kind = kind, made.trials = trials, made.eta = 2;
        made.knobs = {*parseSweepKnob(knob, config, m_engine.catalog())};
        return made;
    }
    std::int64_t create(SweepKind kind, const std::string& knob = kRates, std::int64_t trials = 0) {
        RunConfig config = base();
        if (kind == SweepKind::Halving)
            config.training["max_steps"] = std::int64_t{40}; // as many as the fake makes
        const auto id = createSweep(*m_project, m_engine.catalog(), config, plan(kind, config, knob, trials));
        if (!id)
            qFatal("%s", id.error().message.c_str());
        return *id;
    }
    SweepState state(std::int64_t id) {
        auto read = readSweep(*m_project, m_engine.catalog(), id);
        if (!read)
            qFatal("%s", read.error().message.c_str());
        return *read;
    }

private Q_SLOTS:
    void init() {
        ++m_number;
        m_project = std::move(*Project::create(place()));
    }
    void cleanup() { m_project.reset(); }

    void everyTrialIsARunOfTheProject() {
        const std::int64_t id = create(SweepKind::Grid);
        int started = 0, measured = 0;
        SweepListener listener;
        listener.started = [&](const PreparedTrial&) { ++started; };
        listener.ended = [&](const PreparedTrial&, TrialEnd end) { measured += end == TrialEnd::Measured ? 1 : 0; };
        QVERIFY(runSweep(*m_project, m_engine, id, {}, listener));
        QCOMPARE(started, 4);
        QCOMPARE(measured, 4);
        const SweepState done = state(id);
        QCOMPARE(done.record.state, std::string("finished"));
        QCOMPARE(done.plan.rows, std::int64_t{30});
        QCOMPARE(done.ranking(), (std::vector<std::size_t>{2, 1, 3, 0})); // |log ratio| to 2e-4: 0, 1, 1, 2
        for (const SweepTrialRecord& trial : done.trials) {
            const auto run = m_project->runs().get(trial.runId);
            QVERIFY(run);
            QCOMPARE(run->state, std::string("finished"));
            const auto recipe = parseRunConfig(run->recipe, m_engine.catalog(), run->name);
            QVERIFY(recipe);
            QCOMPARE(std::get<double>(recipe->training.at("learning_rate")), std::stod(trial.values[0]));
            // The best measured value, not that of the base model before the first step.
            double best = 1e9;
            const auto curve = m_project->runs().curve(trial.runId, "validation_loss");
            for (const CurvePoint& point : *curve)
                if (point.step > 0)
                    best = std::min(best, point.value);
            QCOMPARE(trial.results, std::vector<double>{best});
        }
    }

    void aFailedTrialIsKeptAndTheSweepGoesOn() {
        FakeEngine failing({.steps = 40, .evalEvery = 5, .failAboveRate = 1e-3});
        const std::int64_t id = create(SweepKind::Grid);
        QVERIFY(runSweep(*m_project, failing, id, {}, {}));
        const SweepState done = state(id);
        QCOMPARE(done.record.state, std::string("finished"));
        QVERIFY(done.trials[3].failed && QString::fromStdString(done.trials[3].error).contains("NaN or Inf"));
        QVERIFY(QString::fromStdString(done.trials[3].error).contains("lower learning rate"));
        QCOMPARE(m_project->runs().get(done.trials[3].runId)->state, std::string("failed"));
        QCOMPARE(done.ranking(), (std::vector<std::size_t>{2, 1, 0}));
    }

    // Four trials, eta 2: all to step 10, the better two from there to 20, the best to 40.
    void halvingContinuesItsSurvivors() {
        const std::int64_t id = create(SweepKind::Halving, kRates, 4);
        std::vector<std::tuple<std::int64_t, int, bool, std::int64_t>> order; // trial, rung, continued, stops after
        SweepListener listener;
        std::int64_t steps = 0;
        listener.started = [&](const PreparedTrial& trial) {
            order.emplace_back(trial.position, trial.rung, trial.run.request.resume, trial.run.request.stopAfterStep);
        };
        listener.event = [&](const TrainingEvent& event) { steps += std::holds_alternative<StepFinished>(event) ? 1 : 0; };
        QVERIFY(runSweep(*m_project, m_engine, id, {}, listener));
        const std::vector<std::tuple<std::int64_t, int, bool, std::int64_t>> expected{
            {0, 0, false, 10}, {1, 0, false, 10}, {2, 0, false, 10}, {3, 0, false, 10}, {2, 1, true, 20}, {1, 1, true, 20}, {2, 2, true, 0}};
        QCOMPARE(order, expected);
        QCOMPARE(steps, std::int64_t{4 * 10 + 2 * 10 + 20}); // nothing is trained twice
        const SweepState done = state(id);
        QCOMPARE(done.trials[2].results.size(), std::size_t{3});
        QCOMPARE(done.trials[1].results.size(), std::size_t{2});
        QCOMPARE(m_project->runs().list()->size(), std::size_t{4}); // a survivor's run goes on, no new one begins
        QCOMPARE(m_project->runs().get(done.trials[2].runId)->state, std::string("finished"));
        QCOMPARE(m_project->runs().get(done.trials[0].runId)->state, std::string("stopped"));
        for (const SweepTrialRecord& trial : done.trials) // the curve of a survivor has no gap and no step twice
            QCOMPARE(m_project->runs().curve(trial.runId, "loss")->size(), (std::vector<std::size_t>{10, 20, 40, 10})[std::size_t(trial.position)]);
    }

    void aStopKeepsWhatWasDoneAndTheSweepGoesOn() {
        FakeEngine slow({.steps = 40, .stepTime = std::chrono::milliseconds(2), .evalEvery = 5});
        const std::int64_t id = create(SweepKind::Grid);
        std::stop_source stop;
        SweepListener listener;
        std::vector<std::int64_t> started;
        listener.started = [&](const PreparedTrial& trial) { started.push_back(trial.position); };
        listener.event = [&](const TrainingEvent& event) {
            if (const auto* step = std::get_if<StepFinished>(&event); step && started.size() == 2 && step->step == 7)
                stop.request_stop();
        };
        QVERIFY(runSweep(*m_project, slow, id, stop.get_token(), listener));
        QCOMPARE(state(id).record.state, std::string("stopped"));
        QCOMPARE(state(id).trials[0].results.size(), std::size_t{1});
        QVERIFY(state(id).trials[1].results.empty() && !state(id).trials[1].failed);
        listener.event = [](const TrainingEvent&) {};
        QVERIFY(runSweep(*m_project, slow, id, {}, listener));
        QCOMPARE(started, (std::vector<std::int64_t>{0, 1, 1, 2, 3})); // not the first again
        QCOMPARE(state(id).record.state, std::string("finished"));
        QCOMPARE(m_project->runs().list()->size(), std::size_t{4});
    }

    // The process dies between a run's end and the note of it, then in the middle of a run: the database is all there is.
    void aCrashLosesNothing() {
        const std::int64_t id = create(SweepKind::Grid);
        auto first = prepareNextTrial(*m_project, m_engine, id);
        QVERIFY(first && *first);
        const std::int64_t run = (*first)->run.id;
        QVERIFY(m_project->runs().setState(run, "running"));
        m_project.reset();
        m_project = std::move(*Project::open(place()));
        QCOMPARE(state(id).record.state, std::string("interrupted"));
        const auto again = prepareNextTrial(*m_project, m_engine, id);
        QVERIFY(again && *again);
        QCOMPARE((*again)->position, std::int64_t{0});
        QCOMPARE((*again)->run.id, run);
        QVERIFY((*again)->run.request.resume);
        QVERIFY(runSweep(*m_project, m_engine, id, {}, {}));
        QCOMPARE(state(id).record.state, std::string("finished"));
        QCOMPARE(state(id).ranking().size(), std::size_t{4});
        QCOMPARE(m_project->runs().list()->size(), std::size_t{4});
    }

    void aFullDiskStopsTheSweepAndBlamesNoTrial() {
        const std::int64_t id = create(SweepKind::Grid);
        auto first = prepareNextTrial(*m_project, m_engine, id);
        QVERIFY(first && *first);
        const auto end = recordTrialEnd(*m_project, m_engine.catalog(), id, 0, Error{ErrorCode::OutOfSpace, "The disk is full", "Free some space."});
        QVERIFY(!end && end.error().code == ErrorCode::OutOfSpace);
        QVERIFY(!state(id).trials[0].failed);
    }

    void aTrialThatCannotBePreparedIsKeptWithTheReason() {
        const std::int64_t id = create(SweepKind::Grid, "r=4,8");
        Project& project = *m_project;
        SweepTrialRecord damaged = state(id).trials[0];
        RunRecord unreadable;
        unreadable.name = "broken", unreadable.recipe = "method: {id: no_such}";
        damaged.runId = *project.runs().add(unreadable);
        QVERIFY(project.sweeps().setTrial(id, damaged));
        const auto next = prepareNextTrial(project, m_engine, id); // its recipe cannot be read any more: the second trial comes
        QVERIFY(next && *next);
        QCOMPARE((*next)->position, std::int64_t{1});
        QVERIFY(state(id).trials[0].failed && QString::fromStdString(state(id).trials[0].error).contains("no_such"));
    }

    void whatCannotBeMeasuredIsRefusedBeforeItStarts() {
        const RunConfig config = base(false);
        const auto without = createSweep(*m_project, m_engine.catalog(), config, plan(SweepKind::Grid, config));
        QVERIFY(!without && QString::fromStdString(without.error().message).contains("no validation rows"));
        SweepPlan byTraining = plan(SweepKind::Grid, config);
        byTraining.metric = "loss";
        const auto id = createSweep(*m_project, m_engine.catalog(), config, byTraining);
        QVERIFY(id);
        QVERIFY(runSweep(*m_project, m_engine, *id, {}, {}));
        const SweepState done = state(*id);
        const auto curve = m_project->runs().curve(done.trials[0].runId, "loss"); // the mean of the last tenth: 4 of 40
        double sum = 0;
        for (std::size_t i = 36; i < 40; ++i)
            sum += (*curve)[i].value;
        QVERIFY(std::abs(done.trials[0].results[0] - sum / 4) < 1e-12);
    }

    void unknownSweepsAreErrors() {
        QVERIFY(!readSweep(*m_project, m_engine.catalog(), 99));
        QVERIFY(!m_project->sweeps().setState(99, "running"));
        QVERIFY(!m_project->sweeps().setTrial(99, {}));
        QVERIFY(m_project->sweeps().list()->empty());
    }
};

ATTUNE_TEST(SweepSessionTest)
#include "tst_sweep_session.moc"
