// The arithmetic of learning from rewards against numbers computed elsewhere in double precision, and its gradients against
// finite differences.
#include <QtTest>

#include <cmath>

#include "core/objectives/grpo_loss.h"
#include "tests/support/test_main.h"

using namespace attune;

namespace {

bool close(double value, double expected, double tolerance = 1e-11) {
    return std::abs(value - expected) <= tolerance * std::max(1.0, std::abs(expected));
}

} // namespace

class TestPolicyLosses : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void groupAdvantagesEqualTheirDefinition() {
        const std::vector<double> rewards{1.0, 0.0, 0.5, 0.25, 2.0, 2.0, 2.0, 2.0};
        const std::vector<std::int64_t> groups{3, 3, 3, 3, 1, 1, 1, 1};
        const double byGroup[4] = {1.3171565993073961, -1.0244551327946414, 0.14635073325637735, -0.43905219976913207};
        const double byBatch[4] = {0.6386086854181451, -0.49669564421411283, 0.07095652060201611, -0.21286956180604835};
        const double plain[4] = {0.5625, -0.4375, 0.0625, -0.1875};
        const auto group = groupAdvantages(rewards, groups, RewardScale::Group), batch = groupAdvantages(rewards, groups, RewardScale::Batch),
                   none = groupAdvantages(rewards, groups, RewardScale::None);
        for (std::size_t i = 0; i < 4; ++i) {
            QVERIFY(close(group[i], byGroup[i]) && close(batch[i], byBatch[i]) && close(none[i], plain[i]));
            QVERIFY(group[4 + i] == 0 && batch[4 + i] == 0 && none[4 + i] == 0);
        }
        QCOMPARE(groupsWithoutSignal(rewards, groups), 0.5);
        QCOMPARE(groupAdvantages(std::vector<double>{5.0}, std::vector<std::int64_t>{0}, RewardScale::Group).front(), 0.0);
    }

    void tokenLossesEqualTheirDefinition() {
        struct Case {
            double advantage, old, now, reference, low, high, beta, loss, kl;
            bool clipped;
        };
        for (const Case& c : {Case{0.8, -1.0, -0.7, -1.2, 0.2, 0.28, 0.04, -1.019738773611, 0.106530659713, true},
                              Case{-0.8, -1.0, -0.7, -1.2, 0.2, 0.28, 0.04, 1.084148272449, 0.106530659713, false},
                              Case{-0.5, -0.5, -1.1, -0.6, 0.2, 0.2, 0.1, 0.414872127070, 0.148721270700, true},
                              Case{0.5, -0.5, -1.1, -0.6, 0.2, 0.2, 0.1, -0.259533690977, 0.148721270700, false}}) {
            const GrpoOptions options{c.low, c.high, c.beta};
            const GrpoTokenLoss token = grpoTokenLoss(options, c.advantage, c.old, c.now, c.reference);
            QVERIFY(close(token.loss, c.loss) && close(token.kl, c.kl));
            QCOMPARE(token.clipped, c.clipped);
            const double move = 1e-6;
            const auto at = [&](double now) { return grpoTokenLoss(options, c.advantage, c.old, now, c.reference).loss; };
            QVERIFY(close(token.dLogProb, (at(c.now + move) - at(c.now - move)) / (2 * move), 1e-8));
        }
        QCOMPARE(grpoTokenLoss({}, 0.7, -2.0, -2.0, -9.0).kl, 0.0); // without beta the reference does not count
    }
};

ATTUNE_TEST(TestPolicyLosses)
#include "tst_policy_losses.moc"
