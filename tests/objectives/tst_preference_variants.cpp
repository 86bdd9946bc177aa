// The variants of preference losses against numbers computed elsewhere from the papers' formulas (tests/golden/preference_variants.py), and
// their gradients against finite differences.
#include <QtTest>

#include <cmath>
#include <functional>

#include <ATen/ATen.h>

#include "core/base/json.h"
#include "core/objectives/contrast_loss.h"
#include "core/objectives/dpo_loss.h"
#include "core/objectives/objective.h"
#include "core/objectives/sequence_pass.h"
#include "tests/support/test_main.h"

using namespace attune;

namespace {

const Json& variants() {
    static const Json golden = readJsonFile(ATTUNE_SOURCE_DIR "/tests/golden/preference_variants.json", {}).value();
    return golden;
}

bool agrees(double value, double expected, double tolerance = 1e-9) {
    return std::abs(value - expected) <= tolerance * std::max(1.0, std::abs(expected));
}

using Pair = std::pair<SequenceTerms, SequenceTerms>;

std::vector<Pair> pairsOf(const Json& batch) {
    std::vector<Pair> pairs;
    for (const Json& p : batch.at("pairs"))
        pairs.push_back({{p[0].get<double>(), p[1].get<double>(), p[2].get<double>()}, {p[3].get<double>(), p[4].get<double>(), p[5].get<double>()}});
    return pairs;
}

// The mean loss of a step whose pairs are sorted, and each pair's gradients.
double sortedLoss(const DpoOptions& options, std::vector<Pair> pairs, std::vector<PairLoss>* losses = nullptr) {
    const auto partners = sortedPartners(options.type, pairs);
    double sum = 0;
    for (std::size_t i = 0; i < pairs.size(); ++i) {
        pairs[i].first.partner = partners[i].first, pairs[i].second.partner = partners[i].second;
        const PairLoss loss = dpoLoss(options, pairs[i].first, pairs[i].second);
        sum += loss.loss / static_cast<double>(pairs.size());
        if (losses)
            losses->push_back(loss);
    }
    return sum;
}

double slopeOf(const std::function<double(double)>& f, double x) {
    return (f(x + 1e-5) - f(x - 1e-5)) / 2e-5;
}

} // namespace

class TestPreferenceVariants : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void divergencesEqualTheGoldenNumbers() {
        for (const Json& batch : variants().at("batches")) {
            const auto pairs = pairsOf(batch);
            for (std::size_t kind = 0; kind < divergenceIds().size(); ++kind) {
                const Json& rows = batch.at("divergences").at(divergenceIds()[kind]);
                for (std::size_t i = 0; i < pairs.size(); ++i)
                    for (const char* id : {"sigmoid", "ipo", "apo_zero"}) {
                        DpoOptions options{*dpoLossFromId(id), batch.at("beta").get<double>()};
                        options.divergence = static_cast<Divergence>(kind), options.alpha = batch.at("alpha").get<double>();
                        const PairLoss loss = dpoLoss(options, pairs[i].first, pairs[i].second);
                        QVERIFY2(agrees(loss.loss, rows[i].at(id).get<double>()), id);
                        const auto at = [&](double w, double l) {
                            Pair moved = pairs[i];
                            moved.first.logProb = w, moved.second.logProb = l;
                            return dpoLoss(options, moved.first, moved.second).loss;
                        };
                        const double w = pairs[i].first.logProb, l = pairs[i].second.logProb;
                        QVERIFY(agrees(loss.dChosen, slopeOf([&](double x) { return at(x, l); }, w), 1e-6));
                        QVERIFY(agrees(loss.dRejected, slopeOf([&](double x) { return at(w, x); }, l), 1e-6));
                    }
            }
        }
    }

    void divergencesStayFiniteFarOut() {
        for (std::size_t kind = 0; kind < divergenceIds().size(); ++kind)
            for (const double far : {-20000.0, 20000.0}) {
                DpoOptions options;
                options.divergence = static_cast<Divergence>(kind);
                const PairLoss loss = dpoLoss(options, {far, 0, 9}, {-far, 0, 9});
                QVERIFY(std::isfinite(loss.loss) && std::isfinite(loss.dChosen) && std::isfinite(loss.dRejected));
            }
    }

    void sortedPairsEqualTheGoldenNumbers() {
        for (const Json& batch : variants().at("batches"))
            for (const char* id : {"aot", "aot_unpaired"}) {
                const auto pairs = pairsOf(batch);
                const DpoOptions options{*dpoLossFromId(id), batch.at("beta").get<double>(), batch.at("smoothing").get<double>()};
                std::vector<PairLoss> losses;
                QVERIFY2(agrees(sortedLoss(options, pairs, &losses), batch.at(id).get<double>()), id);
                // Of the whole step's loss: an answer that moves a little keeps its rank.
                for (std::size_t i = 0; i < pairs.size(); ++i) {
                    const auto moved = [&](double w, double l) {
                        auto others = pairs;
                        others[i].first.logProb = w, others[i].second.logProb = l;
                        return sortedLoss(options, others) * static_cast<double>(pairs.size());
                    };
                    const double w = pairs[i].first.logProb, l = pairs[i].second.logProb;
                    QVERIFY(agrees(losses[i].dChosen, slopeOf([&](double x) { return moved(x, l); }, w), 1e-6));
                    QVERIFY(agrees(losses[i].dRejected, slopeOf([&](double x) { return moved(w, x); }, l), 1e-6));
                }
            }
    }

    void relativesWithoutReferenceEqualTheGoldenNumbers() {
        for (const Json& batch : variants().at("batches")) {
            const auto pairs = pairsOf(batch);
            const double beta = batch.at("beta").get<double>(), gamma = batch.at("gamma").get<double>(),
                         smoothing = batch.at("smoothing").get<double>(), alpha = batch.at("alpha_po").get<double>();
            for (std::size_t i = 0; i < pairs.size(); ++i) {
                const std::vector<std::pair<std::function<PairLoss(const SequenceTerms&, const SequenceTerms&)>, double>> cases{
                    {[&](const auto& w, const auto& l) { return cpoHingeLoss(beta, w, l); }, batch.at("cpo")[i].at("hinge").get<double>()},
                    {[&](const auto& w, const auto& l) { return cpoIpoLoss(beta, w, l); }, batch.at("cpo")[i].at("ipo").get<double>()},
                    {[&](const auto& w, const auto& l) { return simpoLoss(beta, gamma, smoothing, w, l, alpha); },
                     batch.at("alpha_po_losses")[i].get<double>()}};
                for (const auto& [function, expected] : cases) {
                    const auto& [w, l] = pairs[i];
                    const PairLoss loss = function(w, l);
                    QVERIFY2(agrees(loss.loss, expected), qPrintable(QString("%1, expected %2").arg(loss.loss, 0, 'g', 17).arg(expected)));
                    if (function(w, l).loss == 0)
                        continue; // at the hinge's bend
                    const double dw = slopeOf([&, f = function](double x) { return f({x, 0, pairs[i].first.tokens}, pairs[i].second).loss; }, w.logProb);
                    const double dl = slopeOf([&, f = function](double x) { return f(pairs[i].first, {x, 0, pairs[i].second.tokens}).loss; }, l.logProb);
                    QVERIFY(agrees(loss.dChosen, dw, 1e-6) && agrees(loss.dRejected, dl, 1e-6));
                }
            }
        }
        // Near zero AlphaPO is SimPO.
        const SequenceTerms w{-12, 0, 9}, l{-20, 0, 11};
        QVERIFY(agrees(simpoLoss(2.5, 1.0, 0.1, w, l, 1e-9).loss, simpoLoss(2.5, 1.0, 0.1, w, l).loss, 1e-6));
    }

    // Sums and weights out of log-probabilities token by token, as the passes give them: the prompt's targets come first.
    void answersAreSummedAsTheirOptionsSay() {
        for (const Json& answer : variants().at("answers")) {
            std::vector<double> logProbs, facts;
            std::vector<RowFacts> rows;
            const std::int64_t shared = static_cast<std::int64_t>(std::min(answer.at("chosen").size(), answer.at("rejected").size()));
            for (const char* side : {"chosen", "rejected"}) {
                RowFacts row;
                const auto tokens = answer.at(side).get<std::vector<double>>(), squares = answer.at(std::string(side) + "_squares").get<std::vector<double>>();
                row.answerBegin = 2, row.answerTargets = static_cast<std::int64_t>(tokens.size()), row.targets = row.answerTargets + 2;
                row.sharedTokens = shared, row.restWeight = answer.at("weight").get<double>();
                for (const double prompt : {-7.0, -9.0})
                    logProbs.push_back(prompt), facts.insert(facts.end(), {1, 0.5, 2, -3});
                for (std::size_t i = 0; i < tokens.size(); ++i)
                    logProbs.push_back(tokens[i]), facts.insert(facts.end(), {0, 0.25, -1, squares[i]});
                rows.push_back(row);
            }
            TargetFacts given;
            given.numbers = at::tensor(facts, at::kDouble).view({-1, 4});
            const auto sums = sumByRow(at::tensor(logProbs, at::kDouble), rows, given);
            QVERIFY(agrees(sums[0].answer, answer.at("chosen_sum").get<double>()));
            QVERIFY(agrees(sums[1].answer, answer.at("rejected_sum").get<double>()));
            QVERIFY(agrees(pairWeight(sums[0].surprise, sums[1].surprise), answer.at("pair_weight").get<double>()));
            QCOMPARE(sums[0].likeliest, 2.0);
            QVERIFY(agrees(sums[1].entropy, 1 + 0.25 * static_cast<double>(rows[1].answerTargets)));
            QVERIFY(agrees(sums[1].meanLogit, 4 - static_cast<double>(rows[1].answerTargets)));
        }
    }

    void lossesAreMixedByTheirWeights() {
        const Objective& dpo = *findObjective("dpo");
        const ParamMap mixed{{"loss_weight", 0.8}, {"more_losses", std::vector<std::string>{"bco_pair=0.2"}}, {"sft_weight", 1.0}};
        QVERIFY(dpo.configured(mixed));
        for (const char* bad : {"bco_pair=", "bco_pair=x", "nothing=1", "bco_pair=-1", "=1", ""}) {
            const auto refused = dpo.configured({{"more_losses", std::vector<std::string>{bad}}});
            QVERIFY2(!refused && refused.error().message.find("more_losses") != std::string::npos, bad);
        }
        QVERIFY(!dpo.configured({{"loss_type", std::string("aot")}, {"more_losses", std::vector<std::string>{"aot_unpaired=1"}}}));
        QVERIFY((*dpo.configured({{"more_losses", std::vector<std::string>{"aot=0.5"}}}))->needs().partners);
        QVERIFY(!(*dpo.configured({}))->needs().partners);
    }
};

ATTUNE_TEST(TestPreferenceVariants)
#include "tst_preference_variants.moc"
