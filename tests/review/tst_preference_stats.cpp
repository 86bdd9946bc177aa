#include <cmath>

#include <QtTest>

#include "core/review/preference_stats.h"
#include "tests/support/test_main.h"

using namespace attune;

namespace {

// Votes so that the wanted answer wins, whatever side it is on.
void vote(ReviewQueue& queue, std::size_t index, Preference verdict) {
    const bool tunedLeft = queue.pair(index).tunedLeft;
    const SideVerdict side = verdict == Preference::Tie                    ? SideVerdict::Tie
                             : verdict == Preference::BothBad              ? SideVerdict::BothBad
                             : (verdict == Preference::Tuned) == tunedLeft ? SideVerdict::Left
                                                                           : SideVerdict::Right;
    queue.record(index, side);
}

} // namespace

class PreferenceStatsTest : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void countsWinsTiesTagsAndLengths() {
        std::vector<PairItem> items;
        for (int i = 0; i < 30; ++i)
            items.push_back({std::to_string(i),
                             std::string(static_cast<std::size_t>(10 + i * 10), 'x'),
                             "b",
                             "t",
                             "",
                             {i % 2 ? "odd" : "even"}});
        ReviewQueue queue(items, 3);
        for (std::size_t i = 0; i < 30; ++i)
            vote(queue, i,
                 i < 15   ? Preference::Tuned
                 : i < 20 ? Preference::Base
                 : i < 26 ? Preference::Tie
                          : Preference::BothBad);
        const PreferenceStats stats = preferenceStats(queue);
        QCOMPARE(stats.all.tuned, 15);
        QCOMPARE(stats.all.base, 5);
        QCOMPARE(stats.all.tie, 6);
        QCOMPARE(stats.all.bothBad, 4);
        QCOMPARE(stats.all.winRate, 0.75);
        // Wilson of 15 of 20, computed by hand: (0.53130, 0.88814).
        QVERIFY(std::abs(stats.all.interval.low - 0.53130) < 1e-4 &&
                std::abs(stats.all.interval.high - 0.88814) < 1e-4);
        QVERIFY(std::abs(stats.all.pValue - 0.04138946533) < 1e-9); // 2 * sum C(20, k), k = 0..5, / 2^20
        QCOMPARE(stats.byTag.at("odd").votes() + stats.byTag.at("even").votes(), 30);
        QCOMPARE(stats.byTag.at("odd").votes(), 15);
        QCOMPARE(stats.byLength.at("short").votes(), 10);
        QCOMPARE(stats.byLength.at("medium").votes(), 10);
        QCOMPARE(stats.byLength.at("long").votes(), 10);
        QCOMPARE(stats.leftChosen + stats.rightChosen, 20);
        QVERIFY(stats.sequential.verdict == SequentialState::Verdict::Undecided);
        QVERIFY(stats.sequential.expectedMore > 0);
    }
    void sidednessShows() {
        std::vector<PairItem> items;
        for (int i = 0; i < 40; ++i)
            items.push_back({std::to_string(i), "p", "b", "t", "", {}});
        ReviewQueue queue(items, 8);
        for (std::size_t i = 0; i < 40; ++i)
            queue.record(i, SideVerdict::Left);
        const PreferenceStats stats = preferenceStats(queue);
        QCOMPARE(stats.leftChosen, 40);
        QCOMPARE(stats.rightChosen, 0);
        QCOMPARE(stats.all.tuned, stats.tunedLeft);
    }
    void emptyQueueHasNoOpinion() {
        const PreferenceStats stats = preferenceStats(ReviewQueue({}, 1));
        QCOMPARE(stats.all.votes(), 0);
        QCOMPARE(stats.all.interval, (Interval{0, 1}));
    }
    void kappaOfTheTextbook() {
        // 20 yes-yes, 5 yes-no, 10 no-yes, 15 no-no: observed 0.7, expected 0.5, kappa 0.4.
        std::vector<PairVote> first, second;
        const auto add = [&](int count, Preference a, Preference b) {
            for (int i = 0; i < count; ++i) {
                const std::string id = std::to_string(first.size());
                first.push_back({id, a, false, "", {}, 0});
                second.push_back({id, b, false, "", {}, 0});
            }
        };
        add(20, Preference::Tuned, Preference::Tuned);
        add(5, Preference::Tuned, Preference::Base);
        add(10, Preference::Base, Preference::Tuned);
        add(15, Preference::Base, Preference::Base);
        second.push_back({"only second", Preference::Tie, false, "", {}, 0});
        const Kappa kappa = cohensKappa(first, second);
        QCOMPARE(kappa.items, 50);
        QVERIFY(std::abs(kappa.observed - 0.7) < 1e-12);
        QVERIFY(std::abs(kappa.expected - 0.5) < 1e-12);
        QVERIFY(std::abs(kappa.kappa - 0.4) < 1e-12);
        QCOMPARE(cohensKappa(first, {}).items, 0);
        QCOMPARE(cohensKappa({first[0]}, {second[0]}).kappa, 1.0);
    }
};

ATTUNE_TEST(PreferenceStatsTest)
#include "tst_preference_stats.moc"
