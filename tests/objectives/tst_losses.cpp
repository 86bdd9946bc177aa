// The losses of the objectives against numbers computed elsewhere from the papers' formulas, and their gradients against
// finite differences.
#include <QtTest>

#include <cmath>
#include <functional>

#include "core/base/json.h"
#include "core/objectives/contrast_loss.h"
#include "core/objectives/dpo_loss.h"
#include "core/objectives/kto_loss.h"
#include "core/objectives/ppo_loss.h"
#include "core/objectives/reward_loss.h"
#include "tests/support/test_main.h"

using namespace attune;

namespace {

constexpr double kTolerance = 1e-9, kStep = 1e-5, kGradientTolerance = 1e-7;

const Json& lossGolden() {
    static const Json golden = readJsonFile(ATTUNE_SOURCE_DIR "/tests/golden/objective_losses.json", {}).value();
    return golden;
}

bool near(double value, double expected, double tolerance = kTolerance) {
    return std::abs(value - expected) <= tolerance * std::max(1.0, std::abs(expected));
}

#define COMPARE_NEAR(value, expected)                                                                                  \
    QVERIFY2(near(value, expected), qPrintable(QString("%1 = %2, expected %3")                                         \
                                                   .arg(#value)                                                        \
                                                   .arg(value, 0, 'g', 17)                                             \
                                                   .arg(double(expected), 0, 'g', 17)))

SequenceTerms termsOf(const Json& json, const std::string& side) {
    SequenceTerms terms;
    terms.logProb = json.at(side).get<double>();
    terms.reference = json.at("reference_" + side).get<double>();
    terms.tokens = json.at(side + "_tokens").get<double>();
    return terms;
}

using PairFunction = std::function<PairLoss(const SequenceTerms&, const SequenceTerms&)>;

double derivative(const std::function<double(double)>& f, double x) {
    return (f(x + kStep) - f(x - kStep)) / (2 * kStep);
}

void checkGradient(const PairFunction& loss, const SequenceTerms& chosen, const SequenceTerms& rejected, const char* what) {
    const PairLoss at = loss(chosen, rejected);
    const auto moved = [](SequenceTerms terms, double logProb) {
        terms.logProb = logProb;
        return terms;
    };
    const double w = derivative([&](double x) { return loss(moved(chosen, x), rejected).loss; }, chosen.logProb);
    const double l = derivative([&](double x) { return loss(chosen, moved(rejected, x)).loss; }, rejected.logProb);
    QVERIFY2(near(at.dChosen, w, kGradientTolerance), qPrintable(QString("%1: %2, expected %3").arg(what).arg(at.dChosen).arg(w)));
    QVERIFY2(near(at.dRejected, l, kGradientTolerance), qPrintable(QString("%1: %2, expected %3").arg(what).arg(at.dRejected).arg(l)));
}

// Pairs on all sides of the losses' bends, at sizes that real answers have.
std::vector<std::pair<SequenceTerms, SequenceTerms>> manyPairs() {
    std::vector<std::pair<SequenceTerms, SequenceTerms>> pairs;
    for (const double w : {-90.0, -12.0, -0.4})
        for (const double l : {-120.0, -15.0, -2.0})
            for (const double reference : {-70.0, -10.0})
                pairs.push_back({{w, reference, 9}, {l, reference - 3, 14}});
    return pairs;
}

} // namespace

class TestLosses : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void dpoFamilyEqualsTheGoldenNumbers() {
        int compared = 0;
        for (const Json& pair : lossGolden().at("pairs"))
            for (const auto& [id, expected] : pair.at("dpo").items()) {
                const auto type = dpoLossFromId(id);
                QVERIFY2(type, id.c_str());
                const DpoOptions options{*type, pair.at("beta").get<double>(), pair.at("label_smoothing").get<double>()};
                const double loss = dpoLoss(options, termsOf(pair, "chosen"), termsOf(pair, "rejected")).loss;
                QVERIFY2(near(loss, expected.get<double>()), qPrintable(QString("%1: %2").arg(id.c_str()).arg(loss, 0, 'g', 17)));
                ++compared;
            }
        QCOMPARE(compared, 2 * (static_cast<int>(dpoLossIds().size()) - 2)); // those that sort a step: tst_preference_variants
    }

    void dpoGradientsEqualFiniteDifferences() {
        for (const std::string& id : dpoLossIds())
            for (const double beta : {0.1, 0.6})
                for (const auto& [chosen, rejected] : manyPairs()) {
                    const DpoOptions options{*dpoLossFromId(id), beta, 0.15, 0.5};
                    if (sortsPairs(options.type))
                        continue; // of a whole step: tst_preference_variants
                    if (options.type == DpoLoss::Hinge && std::abs(1 - beta * (chosen.logRatio() - rejected.logRatio())) < 1e-3)
                        continue; // at the bend
                    if (options.type == DpoLoss::DiscoPop && beta * (chosen.logRatio() - rejected.logRatio()) < -15)
                        continue; // exp(-z) leaves no digits for a difference
                    checkGradient([&](const auto& w, const auto& l) { return dpoLoss(options, w, l); }, chosen, rejected, id.c_str());
                }
    }

    void lossesStayFiniteFarOut() {
        for (const std::string& id : dpoLossIds()) {
            if (id == "discopop")
                continue; // grows as exp(-z) by definition
            for (const double far : {-20000.0, 20000.0}) {
                const PairLoss loss = dpoLoss({*dpoLossFromId(id), 0.5, 0.1}, {-30 + far, -30, 20}, {-30, -30, 20});
                QVERIFY2(std::isfinite(loss.loss) && std::isfinite(loss.dChosen) && std::isfinite(loss.dRejected), id.c_str());
            }
        }
        QVERIFY(std::isfinite(dpoLoss({DpoLoss::DiscoPop, 0.5, 0}, {20000, 0, 20}, {-30, -30, 20}).dChosen));
        // A model that is certain of an answer: infinite odds are bounded.
        const PairLoss certain = orpoLoss(0.1, {0, 0, 5}, {-10, 0, 5});
        QVERIFY(std::isfinite(certain.loss) && std::isfinite(certain.dChosen));
    }

    void lossesWithoutReferenceEqualTheGoldenNumbers() {
        for (const Json& pair : lossGolden().at("pairs")) {
            const SequenceTerms w = termsOf(pair, "chosen"), l = termsOf(pair, "rejected");
            const double beta = pair.at("beta").get<double>(), smoothing = pair.at("label_smoothing").get<double>();
            COMPARE_NEAR(orpoLogOdds(w, l), pair.at("orpo_log_odds").get<double>());
            COMPARE_NEAR(orpoLoss(beta, w, l).loss, pair.at("orpo").get<double>());
            COMPARE_NEAR(cpoLoss(beta, 0, w, l).loss, pair.at("cpo").get<double>());
            COMPARE_NEAR(cpoLoss(beta, smoothing, w, l).loss, pair.at("cpo_smoothed").get<double>());
            for (const Json& simpo : pair.at("simpo"))
                COMPARE_NEAR(simpoLoss(simpo.at("beta").get<double>(), simpo.at("gamma").get<double>(), 0, w, l).loss,
                             simpo.at("loss").get<double>());
        }
    }

    void theirGradientsEqualFiniteDifferences() {
        for (const auto& [chosen, rejected] : manyPairs()) {
            checkGradient([](const auto& w, const auto& l) { return orpoLoss(0.3, w, l); }, chosen, rejected, "orpo");
            checkGradient([](const auto& w, const auto& l) { return cpoLoss(0.1, 0.1, w, l); }, chosen, rejected, "cpo");
            checkGradient([](const auto& w, const auto& l) { return simpoLoss(2.5, 1.375, 0.1, w, l); }, chosen, rejected, "simpo");
        }
    }

    void ktoEqualsTheGoldenNumbers() {
        for (const Json& pair : lossGolden().at("pairs")) {
            const SequenceTerms good = termsOf(pair, "chosen"), bad = termsOf(pair, "rejected");
            const Json& kto = pair.at("kto");
            KtoOptions options{pair.at("beta").get<double>(), kto.at("desirable_weight").get<double>(),
                               kto.at("undesirable_weight").get<double>(), false};
            const double kl = kto.at("kl").get<double>();
            COMPARE_NEAR(ktoLoss(options, true, good, kl).loss, kto.at("desirable").get<double>());
            COMPARE_NEAR(ktoLoss(options, false, bad, kl).loss, kto.at("undesirable").get<double>());
            options.apoZero = true;
            COMPARE_NEAR(ktoLoss(options, true, good, kl).loss, kto.at("apo_desirable").get<double>());
            COMPARE_NEAR(ktoLoss(options, false, bad, kl).loss, kto.at("apo_undesirable").get<double>());
        }
        COMPARE_NEAR(ktoDivergence(3.0, 4), 0.75);
        COMPARE_NEAR(ktoDivergence(-3.0, 4), 0.0);
    }

    void ktoGradientsEqualFiniteDifferences() {
        for (const bool apoZero : {false, true})
            for (const bool desirable : {false, true})
                for (const auto& [answer, other] : manyPairs()) {
                    const KtoOptions options{0.2, 1.3, 0.7, apoZero};
                    const double expected = derivative(
                        [&, terms = answer](double x) {
                            return ktoLoss(options, desirable, {x, terms.reference, terms.tokens}, 0.8).loss;
                        },
                        answer.logProb);
                    QVERIFY(near(ktoLoss(options, desirable, answer, 0.8).dLogProb, expected, kGradientTolerance));
                }
    }

    void ktoKnowsWhenClassesAreOutOfBalance() {
        QVERIFY(ktoBalance(50, 50, {}).balanced);
        const KtoBalance skewed = ktoBalance(80, 20, {}); // equation 8: 1 <= 80 w_good / (20 w_bad) <= 4/3
        QVERIFY(!skewed.balanced);
        COMPARE_NEAR(skewed.desirableFrom, 0.25);
        COMPARE_NEAR(skewed.desirableTo, 0.3325);
        COMPARE_NEAR(skewed.undesirableTo, 4.0);
        QVERIFY(ktoBalance(80, 20, {0.1, 0.3, 1, false}).balanced);
        QVERIFY(ktoBalance(80, 20, {0.1, 1, 3.5, false}).balanced);
        QVERIFY(ktoBalance(10, 0, {}).balanced);
    }

    void rewardLossEqualsTheGoldenNumbers() {
        for (const Json& r : lossGolden().at("reward")) {
            const double w = r.at("chosen").get<double>(), l = r.at("rejected").get<double>();
            const double margin = r.at("margin").get<double>(), centring = r.at("centring").get<double>();
            const PairLoss loss = rewardLoss(w, l, margin, centring);
            COMPARE_NEAR(loss.loss, r.at("loss").get<double>());
            const double dw = derivative([&](double x) { return rewardLoss(x, l, margin, centring).loss; }, w);
            const double dl = derivative([&](double x) { return rewardLoss(w, x, margin, centring).loss; }, l);
            QVERIFY(near(loss.dChosen, dw, kGradientTolerance) && near(loss.dRejected, dl, kGradientTolerance));
        }
    }

    void ppoEqualsTheGoldenNumbers() {
        for (const Json& p : lossGolden().at("ppo")) {
            const auto list = [&](const char* key) { return p.at(key).get<std::vector<double>>(); };
            const auto one = [&](const char* key) { return p.at(key).get<double>(); };
            const auto same = [&](const std::vector<double>& values, const char* key) {
                const auto expected = list(key);
                QCOMPARE(values.size(), expected.size());
                for (std::size_t t = 0; t < values.size(); ++t)
                    COMPARE_NEAR(values[t], expected[t]);
            };
            const auto old = list("old"), reference = list("reference"), values = list("values");
            const auto rewards = ppoRewards(old, reference, one("kl_coefficient"), KlEstimator::K1, one("score"));
            same(rewards, "rewards");
            std::vector<double> k3;
            for (std::size_t t = 0; t < old.size(); ++t)
                k3.push_back(klEstimate(KlEstimator::K3, old[t], reference[t]));
            same(k3, "k3");
            Advantages advantages = generalizedAdvantages(rewards, values, one("gamma"), one("lambda"));
            same(advantages.advantages, "advantages");
            same(advantages.returns, "returns");
            whiten(advantages.advantages);
            same(advantages.advantages, "whitened");

            const PpoOptions options{one("clip_range"), one("clip_range_value"), one("value_coefficient")};
            const auto fresh = list("new"), freshValues = list("new_values");
            double policy = 0, value = 0;
            for (std::size_t t = 0; t < old.size(); ++t) {
                const auto at = [&](double logProb, double v) {
                    return ppoTokenLoss(options, advantages.advantages[t], old[t], logProb, values[t], v, advantages.returns[t]);
                };
                const PpoTokenLoss loss = at(fresh[t], freshValues[t]);
                policy += loss.policy, value += loss.value;
                const double dLogProb = derivative([&](double x) { return at(x, freshValues[t]).policy; }, fresh[t]);
                const double dValue = derivative([&](double x) { return at(fresh[t], x).value; }, freshValues[t]);
                QVERIFY(near(loss.dLogProb, dLogProb, kGradientTolerance) && near(loss.dValue, dValue, kGradientTolerance));
            }
            const auto count = static_cast<double>(old.size());
            COMPARE_NEAR(policy / count, one("policy_loss"));
            COMPARE_NEAR(value / count, one("value_loss"));
            COMPARE_NEAR(policy / count + options.valueCoefficient * value / count, one("loss"));
        }
    }

    void whitenedRewardsKeepTheirMean() {
        std::vector<double> rewards{0.5, -1.0, 2.0, 0.25};
        whiten(rewards, true);
        double sum = 0;
        for (const double r : rewards)
            sum += r;
        COMPARE_NEAR(sum / 4, 0.4375);
        std::vector<double> single{3.0};
        whiten(single);
        QCOMPARE(single.front(), 3.0);
    }
};

ATTUNE_TEST(TestLosses)
#include "tst_losses.moc"
