// The general probe: which rows it takes, that its numbers are those of the float64 reference, and that a run reports it.
#include <QTemporaryDir>
#include <QtTest>

#include <cmath>
#include <set>

#include <ATen/ATen.h>

#include "core/base/json.h"
#include "core/engine/general_probe.h"
#include "core/engine/train_loop.h"
#include "core/export/weight_reader.h"
#include "core/nn/decoder.h"
#include "tests/support/test_data.h"
#include "tests/support/test_main.h"
#include "tests/support/tiny_model.h"

using namespace attune;

namespace {

TokenDataset oneRow(const std::vector<std::int64_t>& ids) {
    TokenDataset data;
    TokenDataset::Row row;
    row.ids.assign(ids.begin(), ids.end());
    row.trained.assign(ids.size(), true);
    row.targets = static_cast<std::int64_t>(ids.size()) - 1;
    data.tokens = static_cast<std::int64_t>(ids.size()), data.targets = row.targets, data.longest = data.tokens;
    data.rows.push_back(std::move(row));
    return data;
}

} // namespace

class TestGeneralProbe : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void theSplitDependsOnTheRowsAlone() {
        TokenDataset data = test::copyRows(2000, 3);
        data.rows.push_back(data.rows[7]); // twice the same row
        const GeneralRows parts = splitGeneral(data);
        std::set<std::vector<TokenId>> probe, rest;
        for (const auto& row : parts.probe.rows)
            probe.insert(row.ids);
        for (const auto& row : parts.rest.rows)
            rest.insert(row.ids);
        for (const auto& ids : probe)
            QVERIFY(!rest.contains(ids));
        QVERIFY2(parts.probe.rows.size() > 300 && parts.probe.rows.size() < 500, std::to_string(parts.probe.rows.size()).c_str());
        std::int64_t tokens = 0;
        for (const auto& row : parts.rest.rows)
            tokens += static_cast<std::int64_t>(row.ids.size());
        QCOMPARE(parts.rest.tokens, tokens);
        std::reverse(data.rows.begin(), data.rows.end());
        std::set<std::vector<TokenId>> again;
        for (const auto& row : splitGeneral(data).probe.rows)
            again.insert(row.ids);
        QCOMPARE(again, probe);
        QCOMPARE(splitGeneral(oneRow({1, 2, 3})).probe.rows.size(), std::size_t{1});
        QVERIFY(splitGeneral({}).probe.rows.empty());
        for (std::uint64_t seed = 0; seed < 20; ++seed) // few rows: never without a probe
            QVERIFY(!splitGeneral(test::copyRows(2, seed)).probe.rows.empty());
        QVERIFY(splitGeneral(test::copyRows(40'000, 4)).probe.tokens < kProbeTokens + 64);
    }

    void numbersAreThoseOfTheReference() {
        ATTUNE_REQUIRE_TEST_DATA("models/stories260K");
        const auto golden = readJsonFile(dataPath / "golden_forward.json", {.maxBytes = 64 << 20});
        QVERIFY(golden.has_value());
        const auto source = ModelSource::open(dataPath);
        auto model = readModel(*source, {at::kDouble, at::kCPU});
        QVERIFY(model.has_value());
        TokenDataset data;
        double sum = 0;
        std::int64_t targets = 0;
        for (const Json& entry : golden->at("cases")) {
            const auto ids = entry.at("prompt_ids").get<std::vector<std::int64_t>>();
            const auto expected = entry.at("prompt_token_logprobs").get<std::vector<double>>();
            const TokenDataset row = oneRow(ids);
            data.rows.push_back(row.rows.front());
            for (const double value : expected)
                sum -= value;
            targets += static_cast<std::int64_t>(expected.size());
        }
        QVERIFY(targets > 0);
        TrainingPass pass(**model);
        const auto measured = measureGeneral(pass, data, 64, {});
        QVERIFY(measured && *measured);
        QCOMPARE((*measured)->targets, targets);
        QVERIFY2(std::abs((*measured)->loss - sum / static_cast<double>(targets)) < 2e-6, qPrintable(QString::number((*measured)->loss, 'g', 12)));

        // First choices, from whole logits instead of chunks.
        std::int64_t right = 0;
        for (const auto& row : data.rows) {
            const std::vector<std::int64_t> ids(row.ids.begin(), row.ids.end());
            for (std::size_t length = 1; length < ids.size(); ++length) {
                Decoder decoder(**model);
                const auto logits = decoder.prefill({std::vector<std::int64_t>(ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(length))});
                QVERIFY(logits.has_value());
                right += logits->reshape({-1}).argmax().item<std::int64_t>() == ids[length];
            }
        }
        QCOMPARE((*measured)->accuracy, static_cast<double>(right) / static_cast<double>(targets));
    }

    void aRunReportsItAtTheStartAndWithEveryValidation() {
        QTemporaryDir folder;
        auto model = test::tinyModel(at::kFloat);
        const Method& method = *findMethod("full");
        QVERIFY(method.attach(*model, {}, 1).has_value());
        auto optimizer = std::move(*builtinOptimizers().front().make(model->trainable(), {}));
        const TokenDataset train = test::copyRows(24, 5), probe = test::copyRows(9, 6);
        TrainSettings settings;
        settings.maxSteps = 10, settings.batchSize = 8, settings.evaluateEvery = 5, settings.learningRate = 5e-3;
        std::vector<EvalFinished> evals;
        TrainParts parts{*model, method, *findObjective("sft"), *optimizer, train, nullptr, folder.path().toStdString(), "identity", {}};
        parts.general = &probe;
        TrainLoop loop(std::move(parts), settings, [&](const TrainingEvent& event) {
            if (const auto* eval = std::get_if<EvalFinished>(&event))
                evals.push_back(*eval);
        });
        PauseToken pause;
        QVERIFY(loop.run({}, pause).value());
        QCOMPARE(evals.size(), std::size_t{3});
        for (std::size_t i = 0; i < 3; ++i) {
            QCOMPARE(evals[i].name, std::string("general"));
            QCOMPARE(evals[i].step, static_cast<std::int64_t>(5 * i));
            QCOMPARE(evals[i].targets, probe.targets);
            QCOMPARE(evals[i].metrics.at("perplexity"), std::exp(evals[i].loss));
        }
        TrainingPass pass(*model);
        QCOMPARE(evals[2].loss, (*measureGeneral(pass, probe, settings.microBatchTokens, {}))->loss);
        QCOMPARE(loop.progress().generalBefore, evals[0].loss);
        QCOMPARE(loop.progress().generalAfter, evals[2].loss);
        QCOMPARE(latestCheckpoint(folder.path().toStdString())->progress, loop.progress());
    }
};

ATTUNE_TEST(TestGeneralProbe)
#include "tst_general_probe.moc"
