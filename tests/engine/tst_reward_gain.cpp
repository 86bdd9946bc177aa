// The gain of a run that learns from rewards: the same prompts before and after, with an interval, and the words at the end.
#include <QtTest>

#include <cmath>
#include <vector>

#include "core/engine/checkpoint.h"
#include "core/engine/reward_gain.h"
#include "tests/support/test_main.h"

using namespace attune;

class TestRewardGain : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void promptsAreComparedOneByOne() {
        std::map<std::string, double> carried, first, later;
        addRewardGain(std::vector<double>{0.1, 0.9, 0.5, 0.2}, carried, first);
        QVERIFY(first.empty() && carried.size() == 4); // nothing to compare with yet
        addRewardGain(std::vector<double>{0.3, 1.0, 0.5, 0.3}, carried, later);
        // Differences 0.2, 0.1, 0, 0.1: mean 0.1, deviation sqrt(0.02 / 3), t of 3 degrees of freedom 3.182446.
        const double half = 3.182446305 * std::sqrt(0.02 / 3) / 2;
        QVERIFY(std::abs(later.at("reward_gain") - 0.1) < 1e-12);
        QVERIFY(std::abs(later.at("reward_gain/low") - (0.1 - half)) < 1e-8);
        QVERIFY(std::abs(later.at("reward_gain/high") - (0.1 + half)) < 1e-8);
        QCOMPARE(carried.size(), std::size_t{4}); // the first measurement stays the one to compare with
    }
    void onePromptHasNoInterval() {
        std::map<std::string, double> carried, metrics;
        addRewardGain(std::vector<double>{0.1}, carried, metrics);
        addRewardGain(std::vector<double>{0.4}, carried, metrics);
        QVERIFY(std::abs(metrics.at("reward_gain") - 0.3) < 1e-12 && !metrics.contains("reward_gain/low"));
    }
    void theEndIsSaidInWords() {
        TrainProgress progress;
        QCOMPARE(rewardInWords(progress), std::string());
        progress.bestMetrics = {{"reward", 0.634}, {"reward_gain", 0.032}, {"reward_gain/low", 0.01}, {"reward_gain/high", 0.054}};
        QCOMPARE(rewardInWords(progress), std::string("validation reward 0.602 before, 0.634 after (gain 0.032, 95 % interval 0.010 to 0.054)"));
        progress.bestMetrics["reward_gain/low"] = -0.01;
        QVERIFY(rewardInWords(progress).ends_with("no gain that these prompts can tell from chance"));
        progress.bestMetrics = {{"reward", -1.0}}; // the start was best, and a reward may be any number
        QVERIFY(rewardInWords(progress).starts_with("nothing was learned") && rewardInWords(progress).ends_with("-1.000"));
    }
};

ATTUNE_TEST(TestRewardGain)
#include "tst_reward_gain.moc"
