// Runs that begin with another run's checkpoint, and runs that end with their best one without training on.
#include <algorithm>
#include <cmath>

#include <QTemporaryDir>
#include <QtTest>

#include "core/engine/train_run.h"
#include "core/model_files/safetensors.h"
#include "tests/support/test_data.h"
#include "tests/support/test_main.h"

using namespace attune;

namespace {

struct StartedRun {
    Status status;
    std::map<std::int64_t, double> validation; // loss by step
    std::int64_t bestCheckpoint = -1, steps = 0;
    std::string lastWords;
};

std::shared_ptr<const SampleSource> conversations() {
    std::vector<Sample> samples;
    const char* const who[] = {"Tim", "Lily", "Tom", "Anna"};
    for (int i = 0; i < 16; ++i) {
        Sample sample;
        const std::string name = who[i % 4], thing = i % 3 == 0 ? "ball" : i % 3 == 1 ? "dog" : "boat";
        sample.messages = {{"user", "Tell me about " + name + " and the " + thing + "."},
                           {"assistant", name + " was happy with the " + thing + "."}};
        samples.push_back(sample);
    }
    return std::make_shared<VectorSampleSource>(samples, "rows");
}

TrainRequest request(const fs::path& model, const fs::path& folder) {
    TrainRequest made;
    made.config.model = model.string();
    made.config.data.train = "in memory";
    made.config.training = {{"max_steps", std::int64_t{30}}, {"batch_size", std::int64_t{4}},        {"precision", std::string("f32")},
                            {"learning_rate", 5e-3},         {"sample_max_tokens", std::int64_t{0}}, {"save_every", std::int64_t{10}},
                            {"eval_every", std::int64_t{10}}};
    made.folder = folder.string();
    made.train = conversations();
    made.validation = conversations();
    return made;
}

StartedRun run(const TrainRequest& of, std::int64_t stopAfter = -1) {
    StartedRun ran;
    std::stop_source stop;
    PauseToken pause;
    fs::create_directories(of.folder);
    ran.status = trainRun(of, stop.get_token(), pause, [&](const TrainingEvent& event) {
        if (const auto* step = std::get_if<StepFinished>(&event)) {
            ++ran.steps;
            if (step->step == stopAfter)
                stop.request_stop();
        } else if (const auto* eval = std::get_if<EvalFinished>(&event)) {
            ran.validation[eval->step] = eval->loss;
        } else if (const auto* saved = std::get_if<CheckpointSaved>(&event)) {
            ran.bestCheckpoint = saved->best ? saved->step : ran.bestCheckpoint;
        } else if (const auto* state = std::get_if<StateChanged>(&event)) {
            ran.lastWords = state->what;
        }
    });
    return ran;
}

/// Shapes and bytes of every tensor, whatever it is called, in an order of their own.
std::vector<std::string> contents(const fs::path& file) {
    std::vector<std::string> all;
    const auto opened = SafetensorsFile::open(file);
    if (!opened)
        return all;
    for (const TensorInfo& tensor : (*opened)->tensors()) {
        std::string bytes(tensor.end - tensor.begin, '\0');
        if ((*opened)->read(tensor, std::as_writable_bytes(std::span(bytes))))
            all.push_back(hashBytes(bytes));
    }
    std::sort(all.begin(), all.end());
    return all;
}

} // namespace

class RunStartTest : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void theBestCheckpointBecomesTheResult() {
        ATTUNE_REQUIRE_TEST_DATA("models/stories260K");
        QTemporaryDir temporary;
        const fs::path folder = temporary.path().toStdString();
        TrainRequest first = request(dataPath, folder / "run");
        const StartedRun stopped = run(first, 17);
        QVERIFY(stopped.status.has_value());
        QCOMPARE(stopped.bestCheckpoint, 10);
        QVERIFY(!fs::exists(folder / "run" / "adapter"));
        first.resume = first.takeBest = true;
        const StartedRun ended = run(first);
        QVERIFY2(ended.status.has_value(), ended.status ? "" : ended.status.error().message.c_str());
        QCOMPARE(ended.steps, 0);
        QVERIFY2(ended.lastWords.starts_with("Finished; the weights of step 10 are used"), ended.lastWords.c_str());
        const auto adapter = contents(folder / "run" / "adapter" / "adapter_model.safetensors");
        QVERIFY(!adapter.empty());
        QCOMPARE(adapter, contents(folder / "run" / "checkpoints" / "step-000010" / "model.safetensors"));
        QVERIFY(adapter != contents(folder / "run" / "checkpoints" / "step-000017" / "model.safetensors"));
        // It has finished: continuing trains no more.
        first.takeBest = false;
        QCOMPARE(run(first).steps, 0);
    }

    void withoutACheckpointThereIsNothingToUse() {
        ATTUNE_REQUIRE_TEST_DATA("models/stories260K");
        QTemporaryDir folder;
        TrainRequest never = request(dataPath, folder.path().toStdString());
        never.resume = never.takeBest = true;
        const StartedRun ran = run(never);
        QVERIFY(!ran.status && ran.status.error().code == ErrorCode::NotFound && !ran.status.error().hint.empty());
    }

    void aRunBeginsWithAnothersWeights() {
        ATTUNE_REQUIRE_TEST_DATA("models/stories260K");
        QTemporaryDir temporary;
        const fs::path folder = temporary.path().toStdString();
        const StartedRun first = run(request(dataPath, folder / "first"), 17);
        QCOMPARE(first.bestCheckpoint, 10);
        TrainRequest next = request(dataPath, folder / "next");
        next.config.training["learning_rate"] = 1e-3;
        next.config.start = next.start = (folder / "first" / "checkpoints" / "step-000010").string();
        const StartedRun whole = run(next);
        QVERIFY2(whole.status.has_value(), whole.status ? "" : whole.status.error().message.c_str());
        // What it measures before its first step is what the other measured then.
        QVERIFY2(std::abs(whole.validation.at(0) - first.validation.at(10)) < 1e-6,
                 qPrintable(QString("%1, %2").arg(whole.validation.at(0)).arg(first.validation.at(10))));
        QVERIFY(first.validation.at(0) > whole.validation.at(0) + 0.1); // which is not the base model
        QVERIFY(whole.validation.at(30) < whole.validation.at(0));

        // Continued it repeats itself bit by bit, also when the start is gone.
        TrainRequest parts = next;
        parts.folder = (folder / "parts").string();
        QVERIFY(run(parts, 12).status.has_value());
        fs::remove_all(folder / "first");
        parts.resume = true;
        const StartedRun rest = run(parts);
        QVERIFY2(rest.status.has_value(), rest.status ? "" : rest.status.error().message.c_str());
        QCOMPARE(contents(folder / "parts" / "adapter" / "adapter_model.safetensors"), contents(folder / "next" / "adapter" / "adapter_model.safetensors"));

        TrainRequest gone = next;
        gone.folder = (folder / "gone").string();
        const StartedRun refused = run(gone);
        QVERIFY(!refused.status && refused.status.error().code == ErrorCode::NotFound);
        QVERIFY(refused.status.error().message.find("step-000010") != std::string::npos);
    }

    void aStartOfAnotherShapeIsRefusedInWords() {
        ATTUNE_REQUIRE_TEST_DATA("models/stories260K");
        QTemporaryDir temporary;
        const fs::path folder = temporary.path().toStdString();
        QVERIFY(run(request(dataPath, folder / "first"), 12).status.has_value());
        TrainRequest other = request(dataPath, folder / "other");
        other.config.method.params["r"] = std::int64_t{4};
        other.start = (folder / "first" / "checkpoints" / "step-000010").string();
        const StartedRun refused = run(other);
        QVERIFY(!refused.status);
        QVERIFY2(refused.status.error().message.find("do not fit this run") != std::string::npos, refused.status.error().message.c_str());
        QVERIFY(refused.status.error().hint.find("rank") != std::string::npos);
    }
};

ATTUNE_TEST(RunStartTest)
#include "tst_run_start.moc"
