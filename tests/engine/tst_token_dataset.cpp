// Micro-batch planning: nothing lost, nothing twice, budgets kept, little left empty.
#include <QtTest>

#include <numeric>

#include "core/base/rng.h"
#include "core/engine/token_dataset.h"
#include "tests/support/test_main.h"

using namespace attune;

class TestTokenDataset : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void everyRowExactlyOnceAndWithinBudget() {
        Rng rng(1);
        for (int round = 0; round < 50; ++round) {
            std::vector<std::int64_t> lengths(1 + rng.below(300));
            for (auto& length : lengths)
                length = static_cast<std::int64_t>(1 + rng.below(700));
            const auto plan = planMicroBatches(lengths, 512);
            std::vector<int> seen(lengths.size(), 0);
            for (const auto& group : plan) {
                std::int64_t tokens = 0;
                for (const auto row : group) {
                    ++seen[row];
                    tokens += lengths[row];
                }
                QVERIFY(tokens <= 512 || group.size() == 1);
            }
            QVERIFY(std::all_of(seen.begin(), seen.end(), [](int n) { return n == 1; }));
        }
    }

    void shortRowsFillTheBudget() {
        Rng rng(2);
        std::vector<std::int64_t> lengths(4000);
        for (auto& length : lengths)
            length = static_cast<std::int64_t>(10 + rng.below(120));
        const auto plan = planMicroBatches(lengths, 512);
        const auto tokens = std::accumulate(lengths.begin(), lengths.end(), std::int64_t{0});
        QVERIFY(static_cast<double>(tokens) / (512.0 * static_cast<double>(plan.size())) > 0.97);
    }

    void theOrderIsAFunctionOfTheLengths() {
        const std::vector<std::int64_t> lengths{100, 400, 112, 300, 212, 512, 600};
        const auto plan = planMicroBatches(lengths, 512);
        QCOMPARE(plan, planMicroBatches(lengths, 512));
        // Longest first, each into the fullest micro-batch that still has room: 600 | 512 | 400 + 112 | 300 + 212 | 100.
        const std::vector<std::vector<std::uint32_t>> expected{{6}, {5}, {1, 2}, {3, 4}, {0}};
        QCOMPARE(plan, expected);
    }
};

ATTUNE_TEST(TestTokenDataset)
#include "tst_token_dataset.moc"
