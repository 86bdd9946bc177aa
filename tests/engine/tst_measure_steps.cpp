// The check before a run on a real model: figures of two real steps, nothing left behind.
#include <QTemporaryDir>
#include <QtTest>

#include "core/engine/measure_steps.h"
#include "tests/support/test_data.h"
#include "tests/support/test_main.h"

using namespace attune;

namespace {

std::shared_ptr<const SampleSource> rows(int count) {
    std::vector<Sample> samples;
    for (int i = 0; i < count; ++i) {
        Sample sample;
        sample.messages = {{"user", "Tell me about number " + std::to_string(i) + "."}, {"assistant", "It is a number"}};
        for (int word = 0; word < i; ++word) // the last rows are the longest
            sample.messages.back().content += " and more";
        samples.push_back(sample);
    }
    return std::make_shared<VectorSampleSource>(samples, "rows");
}

TokenDataset lengths(const std::vector<std::size_t>& tokens, std::size_t rowsPerSample) {
    TokenDataset data;
    data.rowsPerSample = rowsPerSample;
    for (std::size_t i = 0; i < tokens.size(); ++i) {
        TokenDataset::Row row;
        row.ids.assign(tokens[i], 1);
        row.trained.assign(tokens[i], true);
        row.targets = static_cast<std::int64_t>(tokens[i]) - 1;
        row.source = i / rowsPerSample;
        data.rows.push_back(row);
    }
    return data;
}

} // namespace

class MeasureStepsTest : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void theLongestSamplesAreTaken() {
        const TokenDataset longest = longestSamples(lengths({5, 9, 3, 9, 7}, 1), 3);
        QCOMPARE(longest.rows.size(), std::size_t{3});
        QCOMPARE(longest.rows[0].source, std::size_t{1});
        QCOMPARE(longest.rows[1].source, std::size_t{3});
        QCOMPARE(longest.rows[2].source, std::size_t{4});
        QCOMPARE(longest.tokens, 25);
        QCOMPARE(longest.targets, 22);
        QCOMPARE(longest.longest, 9);
        const TokenDataset pairs = longestSamples(lengths({5, 5, 2, 9, 1, 1}, 2), 1); // a pair counts as a whole
        QCOMPARE(pairs.rows.size(), std::size_t{2});
        QCOMPARE(pairs.rows[0].source, std::size_t{1});
        QCOMPARE(pairs.longest, 11);
        QCOMPARE(longestSamples(lengths({4, 4}, 1), 50).rows.size(), std::size_t{2});
    }

    void twoStepsAreMeasuredAndNothingStays() {
        ATTUNE_REQUIRE_TEST_DATA("models/stories260K");
        QTemporaryDir folder;
        qputenv("TMPDIR", folder.path().toUtf8()); // where the check may write, and must leave nothing
        TrainRequest request;
        request.config.model = dataPath.string();
        request.config.training = {{"batch_size", std::int64_t{4}}, {"epochs", 2.0}};
        request.folder = (folder.path() + "/run").toStdString();
        request.train = rows(40);
        std::vector<TrainingEvent> events;
        const auto measured = measureSteps(request, {}, [&](TrainingEvent event) { events.push_back(std::move(event)); });
        qunsetenv("TMPDIR");
        QVERIFY2(measured.has_value(), measured ? "" : measured.error().message.c_str());
        QCOMPARE(measured->steps, 2);
        QCOMPARE(measured->rows, 4);
        QCOMPARE(measured->runSteps, 20); // 2 epochs of 10
        QVERIFY(measured->beforeBytes > 1'000'000 && measured->beforeBytes < measured->peakBytes);
        QVERIFY(measured->otherLoad >= -1 && measured->otherLoad <= 1);
        QVERIFY(measured->peakBytes > 10'000'000 && measured->predictedPeakBytes > 10'000'000);
        QVERIFY(measured->secondsPerStep > 0 && measured->tokensPerSecond > 0 && measured->runSeconds > 0);
        std::int64_t steps = 0, tokens = 0;
        for (const TrainingEvent& event : events)
            if (const auto* step = std::get_if<StepFinished>(&event))
                ++steps, tokens = step->tokens;
        QCOMPARE(steps, 2);
        QVERIFY(tokens > 3 * measured->longestTokens); // four rows of nearly the same length
        QVERIFY(QDir(folder.path()).entryList(QDir::AllEntries | QDir::NoDotAndDotDot).isEmpty());
    }

    void aStopEndsTheCheck() {
        ATTUNE_REQUIRE_TEST_DATA("models/stories260K");
        TrainRequest request;
        request.config.model = dataPath.string();
        request.train = rows(8);
        std::stop_source stop;
        stop.request_stop();
        const auto measured = measureSteps(request, stop.get_token(), [](const TrainingEvent&) {});
        QVERIFY(!measured);
        QCOMPARE(measured.error().code, ErrorCode::Cancelled);
    }
};

ATTUNE_TEST(MeasureStepsTest)
#include "tst_measure_steps.moc"
