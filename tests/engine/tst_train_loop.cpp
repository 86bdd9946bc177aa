// The loop's promises: it learns, continues bit by bit after a stop at any step, refuses NaN, survives a full disk.
#include <QTemporaryDir>
#include <QtTest>

#include <chrono>
#include <cmath>
#include <cstring>
#include <limits>
#include <set>
#include <thread>

#include <ATen/ATen.h>

#include "core/base/rng.h"
#include "core/engine/train_loop.h"
#include "tests/support/test_main.h"
#include "tests/support/tiny_model.h"

using namespace attune;

namespace {

// Wraps the real objective and spoils the loss of chosen calls.
class SpoiledObjective final : public Objective {
public:
    SpoiledObjective(const Objective& real, std::vector<int> spoiledCalls) : m_real(real), m_spoiled(std::move(spoiledCalls)) {}
    const Described& description() const override { return m_real.description(); }
    std::string sampleKind() const override { return m_real.sampleKind(); }
    Result<std::unique_ptr<Objective>> configured(const ParamMap& params) const override { return m_real.configured(params); }
    Result<ObjectiveOutput> trainMicroBatch(const ObjectiveInput& input) const override {
        auto output = m_real.trainMicroBatch(input);
        if (output && std::count(m_spoiled.begin(), m_spoiled.end(), ++m_calls))
            output->loss = std::numeric_limits<double>::quiet_NaN();
        return output;
    }
    Result<ObjectiveOutput> evaluateMicroBatch(const ObjectiveInput& input) const override { return m_real.evaluateMicroBatch(input); }

private:
    const Objective& m_real;
    std::vector<int> m_spoiled;
    mutable int m_calls = 0;
};

// Wraps the real objective and calls `during` in the middle of chosen validation micro-batches.
class WatchedObjective final : public Objective {
public:
    WatchedObjective(const Objective& real, std::function<void(int call)> during) : m_real(real), m_during(std::move(during)) {}
    const Described& description() const override { return m_real.description(); }
    std::string sampleKind() const override { return m_real.sampleKind(); }
    Result<std::unique_ptr<Objective>> configured(const ParamMap& params) const override { return m_real.configured(params); }
    Result<ObjectiveOutput> trainMicroBatch(const ObjectiveInput& input) const override { return m_real.trainMicroBatch(input); }
    Result<ObjectiveOutput> evaluateMicroBatch(const ObjectiveInput& input) const override {
        m_during(++m_calls);
        return m_real.evaluateMicroBatch(input);
    }
    int calls() const { return m_calls; }

private:
    const Objective& m_real;
    std::function<void(int)> m_during;
    mutable int m_calls = 0;
};

struct Setup {
    std::unique_ptr<CausalLm> model;
    std::unique_ptr<Optimizer> optimizer;
    TokenDataset train = test::copyRows(40, 5), validation = test::copyRows(12, 6);
    std::vector<TrainingEvent> events;
    std::unique_ptr<TrainLoop> loop;
    std::stop_source stop;

    template <class Event>
    std::vector<Event> all() const {
        std::vector<Event> found;
        for (const auto& event : events) {
            if (const auto* e = std::get_if<Event>(&event))
                found.push_back(*e);
        }
        return found;
    }
};

TrainSettings settings() {
    TrainSettings s;
    s.epochs = 3;
    s.batchSize = 8;
    s.learningRate = 5e-3;
    s.microBatchTokens = 48;
    s.evaluateEvery = 4;
    s.saveEvery = 2;
    s.scheduleId = "cosine";
    return s;
}

using SampleMaker = std::function<Status(std::int64_t step, std::stop_token stop)>;

// stopAfter < 0: never.
std::unique_ptr<Setup> makeRun(const fs::path& folder, const Objective& objective, const std::string& methodId, std::int64_t stopAfter,
                               const TrainSettings& s = settings(), SampleMaker samples = {}) {
    auto setup = std::make_unique<Setup>();
    setup->model = test::tinyModel(at::kFloat);
    const Method* method = findMethod(methodId);
    const ParamMap params = methodId == "lora" ? ParamMap{{"r", std::int64_t{4}}, {"dropout", 0.1}} : ParamMap{};
    if (!method->attach(*setup->model, params, 9))
        return nullptr;
    auto optimizer = builtinOptimizers().front().make(setup->model->trainable(), {});
    if (!optimizer)
        return nullptr;
    setup->optimizer = std::move(*optimizer);
    Setup* raw = setup.get();
    setup->loop = std::make_unique<TrainLoop>(
        TrainParts{*setup->model, *method, objective, *setup->optimizer, setup->train, &setup->validation, folder, "identity", std::move(samples)}, s,
        [raw, stopAfter](TrainingEvent event) {
            if (const auto* step = std::get_if<StepFinished>(&event); step && step->step == stopAfter)
                raw->stop.request_stop();
            raw->events.push_back(std::move(event));
        });
    return setup;
}

bool sameBits(const at::Tensor& a, const at::Tensor& b) {
    return a.sizes() == b.sizes() && std::memcmp(a.data_ptr(), b.data_ptr(), a.nbytes()) == 0;
}

// The run in `folder` to its end, in the same bits as one that was never stopped.
void continueAndCompare(const fs::path& folder, Setup& whole, const SampleMaker& samples) {
    auto run = makeRun(folder, *findObjective("sft"), "lora", -1, settings(), samples);
    QVERIFY(run->loop->resume().value());
    PauseToken pause;
    QVERIFY(run->loop->run(run->stop.get_token(), pause).value());
    const auto state = findMethod("lora")->state(*run->model), expected = findMethod("lora")->state(*whole.model);
    QCOMPARE(state.size(), expected.size());
    for (std::size_t i = 0; i < state.size(); ++i)
        QVERIFY2(sameBits(state[i].tensor, expected[i].tensor), state[i].name.c_str());
    TrainProgress progress = run->loop->progress();
    progress.seconds = whole.loop->progress().seconds;
    QCOMPARE(progress, whole.loop->progress());
    QCOMPARE(latestCheckpoint(folder)->progress, run->loop->progress());
}

} // namespace

class TestTrainLoop : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void learnsTheRule_data() {
        QTest::addColumn<QString>("method");
        for (const auto& method : builtinMethods())
            QTest::newRow(method->description().id.c_str()) << QString::fromStdString(method->description().id);
    }
    void learnsTheRule() {
        QFETCH(QString, method);
        QTemporaryDir folder;
        TrainSettings s = settings();
        s.epochs = 30;
        auto run = makeRun(folder.path().toStdString(), *findObjective("sft"), method.toStdString(), -1, s);
        QVERIFY(run);
        PauseToken pause;
        const auto done = run->loop->run(run->stop.get_token(), pause);
        QVERIFY2(done, done ? "" : done.error().message.c_str());
        QVERIFY(*done);
        const auto evals = run->all<EvalFinished>();
        QVERIFY(evals.size() > 3);
        QCOMPARE(evals.front().step, 0);
        // An adapter on frozen random weights (head included) can only bend what is there; all weights can learn the rule.
        // Rounded weights bend less, and a few virtual tokens least of all.
        const double share = method == "full" ? 0.9 : method == "lora" ? 0.98 : 0.995;
        QVERIFY2(evals.back().loss < share * evals.front().loss,
                 qPrintable(QString("%1 -> %2").arg(evals.front().loss).arg(evals.back().loss)));
        const auto steps = run->all<StepFinished>();
        QCOMPARE(static_cast<std::int64_t>(steps.size()), run->loop->totalSteps());
    }

    void stopAnywhereAndContinueBitForBit() {
        const Objective& sft = *findObjective("sft");
        QTemporaryDir whole;
        auto reference = makeRun(whole.path().toStdString(), sft, "lora", -1);
        PauseToken pause;
        QVERIFY(reference->loop->run(reference->stop.get_token(), pause).value());
        const auto expected = findMethod("lora")->state(*reference->model);
        const std::int64_t total = reference->loop->totalSteps();
        QCOMPARE(total, 15);

        for (const std::int64_t first : {1, 2, 3, 5, 8, 14}) {
            QTemporaryDir folder;
            // Two interruptions: after `first` steps and again two steps later.
            for (const std::int64_t stopAfter : {first, first + 2, std::int64_t{-1}}) {
                auto run = makeRun(folder.path().toStdString(), sft, "lora", stopAfter);
                const auto resumed = run->loop->resume();
                QVERIFY2(resumed, resumed ? "" : resumed.error().message.c_str());
                const auto done = run->loop->run(run->stop.get_token(), pause);
                QVERIFY2(done, done ? "" : done.error().message.c_str());
                if (!*done)
                    continue;
                const auto state = findMethod("lora")->state(*run->model);
                QCOMPARE(state.size(), expected.size());
                for (std::size_t i = 0; i < state.size(); ++i)
                    QVERIFY2(sameBits(state[i].tensor, expected[i].tensor), state[i].name.c_str());
                QCOMPARE(run->loop->progress().bestLoss, reference->loop->progress().bestLoss);
            }
        }
    }

    // What a sweep's survivors do: stop at a step that was named, its measuring included, and go on from there.
    void stopsAtTheNamedStepAndContinuesBitForBit() {
        const Objective& sft = *findObjective("sft");
        QTemporaryDir whole, folder;
        auto reference = makeRun(whole.path().toStdString(), sft, "lora", -1);
        PauseToken pause;
        QVERIFY(reference->loop->run(reference->stop.get_token(), pause).value());
        for (const std::int64_t last : {4, 8, 8}) { // the second time at 8 there is nothing left to do
            TrainSettings s = settings();
            s.stopAfterStep = last;
            auto run = makeRun(folder.path().toStdString(), sft, "lora", -1, s);
            QVERIFY(run->loop->resume());
            QVERIFY(!run->loop->run(run->stop.get_token(), pause).value());
            QCOMPARE(run->loop->progress().step, last);
            QVERIFY(!run->loop->progress().measuringDue);
            QCOMPARE(latestCheckpoint(folder.path().toStdString())->progress.step, last);
        }
        continueAndCompare(folder.path().toStdString(), *reference, {});
    }

    // A stop does not wait for the rest of a validation pass or of the samples; the continued run repeats them whole.
    void stopWithinAMeasuringAndContinueBitForBit() {
        const Objective& sft = *findObjective("sft");
        std::vector<std::int64_t> sampled;
        const SampleMaker sample = [&](std::int64_t step, std::stop_token) -> Status {
            sampled.push_back(step);
            return {};
        };
        QTemporaryDir whole;
        const WatchedObjective counted(sft, [](int) {});
        auto reference = makeRun(whole.path().toStdString(), counted, "lora", -1, settings(), sample);
        PauseToken pause;
        QVERIFY(reference->loop->run(reference->stop.get_token(), pause).value());
        const std::vector<std::int64_t> allSamples = std::exchange(sampled, {});
        const int perPass = counted.calls() / 5; // steps 0, 4, 8, 12 and the last, 15
        QVERIFY(perPass > 2);
        QCOMPARE(counted.calls(), 5 * perPass);

        for (int pass = 0; pass < 5; ++pass) {
            QTemporaryDir folder;
            std::stop_source stop;
            const int stopAt = pass * perPass + 2;
            const WatchedObjective objective(sft, [&](int call) {
                if (call == stopAt)
                    stop.request_stop();
            });
            auto run = makeRun(folder.path().toStdString(), objective, "lora", -1, settings(), sample);
            QVERIFY(!run->loop->run(stop.get_token(), pause).value());
            QCOMPARE(objective.calls(), stopAt); // nothing after the micro-batch in hand
            QCOMPARE(static_cast<int>(run->all<EvalFinished>().size()), pass);
            sampled.clear();
            continueAndCompare(folder.path().toStdString(), *reference, sample);
            QCOMPARE(sampled, std::vector<std::int64_t>(allSamples.begin() + pass, allSamples.end()));
        }
        QTemporaryDir folder; // in the samples of step 4
        std::stop_source stop;
        const SampleMaker stopping = [&](std::int64_t step, std::stop_token) -> Status {
            if (step == 4)
                stop.request_stop();
            return {};
        };
        auto run = makeRun(folder.path().toStdString(), sft, "lora", -1, settings(), stopping);
        QVERIFY(!run->loop->run(stop.get_token(), pause).value());
        QCOMPARE(run->loop->progress().step, 4);
        sampled.clear();
        continueAndCompare(folder.path().toStdString(), *reference, sample);
        QCOMPARE(sampled.front(), 4);
    }

    // Which rows a step sees, against the definition: the shuffle of (seed, epoch), cut into batches; whatever steps came before.
    void theRowsOfAStepAreAFunctionOfSeedAndStep() {
        class Recorded final : public Objective {
        public:
            const Described& description() const override { return m_real.description(); }
            std::string sampleKind() const override { return m_real.sampleKind(); }
            Result<std::unique_ptr<Objective>> configured(const ParamMap& params) const override { return m_real.configured(params); }
            Result<ObjectiveOutput> trainMicroBatch(const ObjectiveInput& input) const override {
                std::multiset<std::vector<std::int64_t>> rows;
                for (std::size_t row = 0; row + 1 < input.batch.rowStarts.size(); ++row)
                    rows.emplace(input.batch.ids.begin() + input.batch.rowStarts[row], input.batch.ids.begin() + input.batch.rowStarts[row + 1]);
                steps.push_back(std::move(rows));
                return m_real.trainMicroBatch(input);
            }
            Result<ObjectiveOutput> evaluateMicroBatch(const ObjectiveInput& input) const override { return m_real.evaluateMicroBatch(input); }
            mutable std::vector<std::multiset<std::vector<std::int64_t>>> steps;

        private:
            const Objective& m_real = *findObjective("sft");
        };
        TrainSettings s = settings();
        s.batchSize = 7; // 40 rows: the last batch of an epoch is smaller
        s.microBatchTokens = 100000; // one call a step
        const auto expected = [&](const TokenDataset& data, std::int64_t step) {
            const auto order = permutation(40, s.seed, static_cast<std::uint64_t>(step / 6));
            std::multiset<std::vector<std::int64_t>> rows;
            for (std::int64_t i = step % 6 * 7; i < std::min<std::int64_t>(40, step % 6 * 7 + 7); ++i) {
                const auto& ids = data.rows[order[static_cast<std::size_t>(i)]].ids;
                rows.emplace(ids.begin(), ids.end());
            }
            return rows;
        };
        for (const std::int64_t stopAfter : {std::int64_t{-1}, std::int64_t{5}, std::int64_t{8}}) {
            QTemporaryDir folder;
            const Recorded objective{};
            PauseToken pause;
            auto run = makeRun(folder.path().toStdString(), objective, "lora", stopAfter, s);
            if (!run->loop->run(run->stop.get_token(), pause).value()) { // the rest in another process
                run = makeRun(folder.path().toStdString(), objective, "lora", -1, s);
                QVERIFY(run->loop->resume().value());
                QVERIFY(run->loop->run(run->stop.get_token(), pause).value());
            }
            QCOMPARE(objective.steps.size(), std::size_t{18});
            for (std::size_t step = 0; step < objective.steps.size(); ++step)
                QVERIFY2(objective.steps[step] == expected(run->train, static_cast<std::int64_t>(step)), std::to_string(step).c_str());
        }
    }

    void theTimeLeftCountsValidation() {
        QTemporaryDir folder;
        constexpr auto kPass = std::chrono::milliseconds(200); // far longer than the tiny model's steps
        TrainSettings s = settings();
        s.microBatchTokens = 100000; // a pass is one call
        const WatchedObjective slow(*findObjective("sft"), [&](int) { std::this_thread::sleep_for(kPass); });
        auto run = makeRun(folder.path().toStdString(), slow, "lora", -1, s);
        PauseToken pause;
        QVERIFY(run->loop->run(run->stop.get_token(), pause).value());
        const auto steps = run->all<StepFinished>();
        QVERIFY(steps.front().secondsLeft > 4 * 0.2); // after steps 4, 8, 12 and 15
        QVERIFY(steps.back().secondsLeft > 0.2 && steps.back().secondsLeft < steps.front().secondsLeft / 2);
    }

    void aCheckpointOfAnotherRecipeIsRefused() {
        QTemporaryDir folder;
        auto run = makeRun(folder.path().toStdString(), *findObjective("sft"), "lora", 3);
        PauseToken pause;
        QVERIFY(!run->loop->run(run->stop.get_token(), pause).value());
        auto optimizer = builtinOptimizers().front().make(run->model->trainable(), {});
        TrainLoop other({*run->model, *findMethod("lora"), *findObjective("sft"), **optimizer, run->train, nullptr,
                         folder.path().toStdString(), "another", {}},
                        settings(), [](TrainingEvent) {});
        const auto resumed = other.resume();
        QVERIFY(!resumed);
        QCOMPARE(resumed.error().code, ErrorCode::InvalidData);
    }

    void aDamagedCheckpointDoesNotCount() {
        QTemporaryDir folder;
        auto run = makeRun(folder.path().toStdString(), *findObjective("sft"), "lora", 6);
        PauseToken pause;
        QVERIFY(!run->loop->run(run->stop.get_token(), pause).value());
        const auto newest = latestCheckpoint(folder.path().toStdString());
        QVERIFY(newest);
        QCOMPARE(newest->progress.step, 6);
        { // flip one byte in the middle of the weights
            QFile file(QString::fromStdString((newest->folder / "model.safetensors").string()));
            QVERIFY(file.open(QIODevice::ReadWrite));
            file.seek(file.size() / 2);
            char byte = 0;
            file.getChar(&byte);
            file.seek(file.size() / 2);
            file.putChar(static_cast<char>(byte ^ 1));
        }
        const auto older = latestCheckpoint(folder.path().toStdString());
        QVERIFY(older);
        QVERIFY(older->progress.step < 6);
    }

    void aNonFiniteStepChangesNothing() {
        QTemporaryDir folder;
        const SpoiledObjective spoiled(*findObjective("sft"), {1});
        TrainSettings s = settings();
        s.microBatchTokens = 100000; // one micro-batch a step: call 1 is step 1
        s.maxSteps = 1;
        auto run = makeRun(folder.path().toStdString(), spoiled, "lora", -1, s);
        const auto before = findMethod("lora")->state(*run->model);
        std::vector<at::Tensor> copies;
        for (const auto& entry : before)
            copies.push_back(entry.tensor.clone());
        PauseToken pause;
        QVERIFY(run->loop->run(run->stop.get_token(), pause));
        const auto after = findMethod("lora")->state(*run->model);
        for (std::size_t i = 0; i < after.size(); ++i)
            QVERIFY(sameBits(after[i].tensor, copies[i]));
        const auto warnings = run->all<WarningRaised>();
        QCOMPARE(warnings.size(), std::size_t{1});
        QCOMPARE(QString::fromStdString(warnings.front().id), QString("numerical.refused"));
        QVERIFY(QString::fromStdString(warnings.front().message).contains("rows"));
    }

    void threeNonFiniteStepsInARowEndTheRun() {
        QTemporaryDir folder;
        const SpoiledObjective spoiled(*findObjective("sft"), {4, 5, 6});
        TrainSettings s = settings();
        s.microBatchTokens = 100000;
        auto run = makeRun(folder.path().toStdString(), spoiled, "lora", -1, s);
        PauseToken pause;
        const auto done = run->loop->run(run->stop.get_token(), pause);
        QVERIFY(!done);
        QCOMPARE(done.error().code, ErrorCode::Numerical);
        QVERIFY(latestCheckpoint(folder.path().toStdString())); // what was saved before is still there
    }

    void earlyStoppingUsesTheBestCheckpoint() {
        QTemporaryDir folder;
        TrainSettings s = settings();
        s.learningRate = 3e-2; // overshoots: validation rises
        s.epochs = 40;
        s.earlyStoppingPatience = 2;
        auto run = makeRun(folder.path().toStdString(), *findObjective("sft"), "full", -1, s);
        PauseToken pause;
        QVERIFY(run->loop->run(run->stop.get_token(), pause).value());
        const auto evals = run->all<EvalFinished>();
        const auto best = std::min_element(evals.begin(), evals.end(), [](auto& a, auto& b) { return a.loss < b.loss; });
        QCOMPARE(run->loop->progress().bestStep, best->step);
        const auto restored = run->loop->restoreBest();
        QVERIFY(restored);
        QCOMPARE(*restored, best->step);
        // Without that checkpoint the run keeps the weights it has, and says so.
        fs::remove_all(checkpointAt(folder.path().toStdString(), best->step)->folder);
        const auto fallback = run->loop->restoreBest();
        QVERIFY(fallback);
        QCOMPARE(*fallback, run->loop->progress().step);
        const auto warnings = run->all<WarningRaised>();
        QVERIFY(!warnings.empty() && warnings.back().id == "checkpoint.best_missing");
    }
};

ATTUNE_TEST(TestTrainLoop)
#include "tst_train_loop.moc"
