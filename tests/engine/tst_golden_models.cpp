// Real models against float64 reference numbers computed elsewhere (golden_forward.json): log-probabilities, logits,
// greedy ids.
#include <cmath>

#include <ATen/ATen.h>

#include "core/base/json.h"
#include "core/engine/score.h"
#include "core/export/weight_reader.h"
#include "core/nn/decoder.h"
#include "tests/support/test_data.h"
#include "tests/support/test_main.h"

using namespace attune;

namespace {

constexpr double kTolerance = 1e-4;

struct Opened {
    std::unique_ptr<CausalLm> model;
    Json golden;
};

Opened openModel(const fs::path& folder, at::ScalarType type) {
    auto source = ModelSource::open(folder);
    if (!source)
        qFatal("%s", source.error().message.c_str());
    auto model = readModel(*source, {type, at::kCPU});
    if (!model)
        qFatal("%s", model.error().message.c_str());
    auto golden = readJsonFile(folder / "golden_forward.json");
    if (!golden)
        qFatal("%s", golden.error().message.c_str());
    return {std::move(*model), std::move(*golden)};
}

double largestDifference(const at::Tensor& logits, const std::vector<double>& expected) {
    const at::Tensor row = logits.reshape({-1}).to(at::kDouble);
    double largest = 0;
    for (std::size_t i = 0; i < expected.size(); ++i)
        largest = std::max(largest, std::abs(row[static_cast<std::int64_t>(i)].item<double>() - expected[i]));
    return largest;
}

std::vector<std::int64_t> greedy(Decoder& decoder, at::Tensor logits, std::size_t count) {
    std::vector<std::int64_t> ids;
    while (true) {
        ids.push_back(logits.argmax(-1).item<std::int64_t>());
        if (ids.size() == count)
            return ids;
        auto next = decoder.step({ids.back()});
        if (!next)
            qFatal("%s", next.error().message.c_str());
        logits = *next;
    }
}

} // namespace

class TestGoldenModels : public QObject {
    Q_OBJECT

    void compareStories(const fs::path& folder) {
        Opened opened = openModel(folder, at::kFloat);
        std::vector<std::vector<std::int64_t>> prompts;
        double worstScore = 0, worstLogit = 0;
        for (const Json& entry : opened.golden["cases"]) {
            const auto ids = entry["prompt_ids"].get<std::vector<std::int64_t>>();
            const auto expected = entry["prompt_token_logprobs"].get<std::vector<double>>();
            const auto scores = scoreRows(*opened.model, {ids}, {});
            QVERIFY2(scores, scores ? "" : scores.error().message.c_str());
            QCOMPARE((*scores)[0].size(), expected.size());
            for (std::size_t i = 0; i < expected.size(); ++i)
                worstScore = std::max(worstScore, std::abs(static_cast<double>((*scores)[0][i]) - expected[i]));
            Decoder decoder(*opened.model);
            const auto logits = decoder.prefill({ids});
            QVERIFY(logits);
            worstLogit =
                std::max(worstLogit, largestDifference(*logits, entry["last_logits"].get<std::vector<double>>()));
            const auto wanted = entry["greedy_ids"].get<std::vector<std::int64_t>>();
            QCOMPARE(greedy(decoder, *logits, wanted.size()), wanted);
            prompts.push_back(ids);
        }
        qInfo("largest difference: log-probabilities %.2g, logits %.2g", worstScore, worstLogit);
        QVERIFY(worstScore < kTolerance);
        QVERIFY(worstLogit < kTolerance);

        // All rows packed together give the same numbers as alone.
        const auto together = scoreRows(*opened.model, prompts, {});
        QVERIFY(together);
        for (std::size_t row = 0; row < prompts.size(); ++row) {
            const auto alone = scoreRows(*opened.model, {prompts[row]}, {});
            for (std::size_t i = 0; i < (*alone)[0].size(); ++i)
                QVERIFY(std::abs((*together)[row][i] - (*alone)[0][i]) < 1e-5);
        }
    }

private Q_SLOTS:
    void storiesModelAgrees() {
        ATTUNE_REQUIRE_TEST_DATA("models/stories260K");
        compareStories(dataPath);
    }

    void tiedModelStoredAsHeadOnlyAgrees() {
        ATTUNE_REQUIRE_TEST_DATA("models/TinyStories-656K");
        compareStories(dataPath);
    }

    void gpt2Agrees() {
        ATTUNE_REQUIRE_TEST_DATA("models/tiny-gpt2-random");
        Opened opened = openModel(dataPath, at::kFloat);
        const auto ids = opened.golden["prompt_ids"].get<std::vector<std::int64_t>>();
        const auto best = opened.golden["argmax_per_position"].get<std::vector<std::int64_t>>();
        Decoder decoder(*opened.model);
        auto logits = decoder.prefill({{ids[0]}});
        for (std::size_t i = 0;; ++i) {
            QVERIFY(logits);
            QCOMPARE(logits->argmax(-1).item<std::int64_t>(), best[i]);
            if (i + 1 == ids.size())
                break;
            logits = decoder.step({ids[i + 1]});
        }
        const double worst =
            largestDifference(*logits, opened.golden["last_logits_first_1000"].get<std::vector<double>>());
        qInfo("largest difference of logits %.2g", worst);
        QVERIFY(worst < kTolerance);
        QVERIFY(std::abs(logits->to(at::kDouble).sum().item<double>() -
                         opened.golden["last_logits_sum"].get<double>()) < 1e-2);
        QVERIFY(std::abs(at::logsumexp(logits->to(at::kDouble), {1}).item<double>() -
                         opened.golden["last_logsumexp"].get<double>()) < kTolerance);
        const auto scores = scoreRows(*opened.model, {ids}, {});
        QVERIFY(scores);
        Decoder again(*opened.model);
        const auto first = again.prefill({{ids[0]}});
        const double expected = at::log_softmax(first->to(at::kDouble), -1)[0][ids[1]].item<double>();
        QVERIFY(std::abs(static_cast<double>((*scores)[0][0]) - expected) < kTolerance);
    }
};

ATTUNE_TEST(TestGoldenModels)
#include "tst_golden_models.moc"
