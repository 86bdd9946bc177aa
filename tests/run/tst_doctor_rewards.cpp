// The doctor on runs that learn from rewards: each rule on a run that shows what it looks for, and silence on a good one.
#include <QtTest>

#include <algorithm>
#include <cmath>
#include <functional>
#include <set>

#include "core/run/doctor.h"
#include "tests/support/test_main.h"

using namespace attune;

namespace {

using RewardMetrics = std::map<std::string, double>;

// A healthy run: the reward rises, everything else stays.
RewardMetrics healthy(double t) {
    return {{"reward", 0.2 + 0.5 * t}, {"reward_std", 0.2},  {"frac_reward_zero_std", 0.1},       {"completions/mean_length", 40},
            {"kl", 0.02 + 0.03 * t},   {"entropy", 1.0},     {"completions/clipped_ratio", 0.05}, {"completions/distinct_2", 0.5}};
}

// What is said over 120 steps; t runs from 0 to 1.
std::set<std::string> saidOver(const std::function<void(double, RewardMetrics&)>& change, const char* leftOut = "") {
    Doctor doctor(1e-4);
    std::set<std::string> ids;
    for (int i = 1; i <= 120; ++i) {
        StepFinished step;
        step.step = i, step.loss = 0.001 * (i % 7) - 0.003, step.gradientNorm = 0.5; // about zero, as such losses are
        const double t = i / 120.0;
        step.metrics = healthy(t);
        change(t, step.metrics);
        step.metrics.erase(leftOut);
        for (const Finding& finding : doctor.add(step)) {
            ids.insert(finding.id);
            if (finding.message.empty() || finding.fix.empty() || finding.step != i)
                ids.insert("incomplete");
        }
        EvalFinished eval;
        eval.step = i, eval.loss = -step.metrics.at("reward"), eval.metrics = {{"reward", step.metrics.at("reward")}};
        for (const Finding& finding : doctor.add(eval))
            ids.insert(finding.id);
    }
    return ids;
}

} // namespace

class TestDoctorRewards : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void aGoodRunIsLeftAlone() {
        QVERIFY(saidOver([](double, RewardMetrics&) {}).empty());
        QVERIFY(saidOver([](double, RewardMetrics&) {}, "kl").empty());
    }
    void eachRuleSpeaks() {
        const auto says = [](const std::function<void(double, RewardMetrics&)>& change, const std::set<std::string>& expected) {
            const auto said = saidOver(change);
            QString all;
            for (const std::string& id : said)
                all += QString::fromStdString(id) + " ";
            QVERIFY2(said == expected, qPrintable(all));
        };
        says([](double t, RewardMetrics& m) { m["kl"] = 2 * std::pow(t, 8); }, {"kl.running_away"}); // faster and faster
        says([](double, RewardMetrics& m) { m["frac_reward_zero_std"] = 0.95; }, {"reward.silent"});
        says([](double, RewardMetrics& m) { m["reward"] = 0.2; }, {"reward.flat"});
        says([](double t, RewardMetrics& m) { m["completions/mean_length"] = 40 + 60 * t; }, {"length.drift"});
        says([](double, RewardMetrics& m) { m["completions/clipped_ratio"] = 0.97; }, {"answers.cut_off"});
        // The reward rises while answers say the same over and over.
        says([](double t, RewardMetrics& m) { m["completions/distinct_2"] = 0.5 - 0.4 * t, m["entropy"] = 1 - 0.9 * t; }, {"reward.hacked"});
        // Losing variety without gaining reward is no hacking.
        says([](double t, RewardMetrics& m) { m["completions/distinct_2"] = 0.5 - 0.4 * t, m["reward"] = 0.2 + 0.05 * t; }, {});
    }
    void aRunWithoutAGainEndsWithWords() {
        // Four measurements of which the last is the run's end; gains with their intervals.
        const auto end = [](const std::vector<double>& rewards, double half, int total) {
            Doctor doctor(1e-5);
            for (int i = 0; i < int(rewards.size()); ++i) {
                EvalFinished eval;
                eval.step = 10 * i, eval.loss = -rewards[std::size_t(i)], eval.metrics = {{"reward", rewards[std::size_t(i)]}};
                const double gain = rewards[std::size_t(i)] - rewards[0];
                if (i > 0) {
                    eval.metrics.insert({{"reward_gain", gain}, {"reward_gain/low", gain - half}, {"reward_gain/high", gain + half}});
                    StepFinished step;
                    step.step = 10 * i, step.totalSteps = total, step.metrics = healthy(0.1 * i);
                    doctor.add(step);
                }
                doctor.add(eval);
            }
            for (const Finding& finding : doctor.findings())
                if (finding.id == "reward.not_learned")
                    return finding;
            return Finding{};
        };
        const Finding noise = end({0.5, 0.51, 0.52, 0.51}, 0.03, 30);
        QVERIFY2(noise.message.find("0.02 above the start, with a 95 % interval of -0.01 to 0.05") != std::string::npos, noise.message.c_str());
        QCOMPARE(noise.assignment, std::string("training.learning_rate=3e-05"));
        const Finding worse = end({0.5, 0.4, 0.45, 0.4}, 0.03, 30);
        QVERIFY2(worse.message.find("no measurement was above the 0.5 at the start") != std::string::npos, worse.message.c_str());
        QVERIFY(end({0.5, 0.55, 0.6, 0.58}, 0.03, 30).id.empty()); // the best measurement counts: its weights are used
        QVERIFY(end({0.5, 0.51, 0.52, 0.51}, 0.03, 90).id.empty()); // in its midst nothing is said
    }
    void fallingRewardsAreCalledSo() {
        Doctor doctor;
        for (int i = 0; i < 4; ++i) {
            EvalFinished eval;
            eval.step = i, eval.loss = -0.8 + 0.1 * i, eval.metrics = {{"reward", -eval.loss}};
            doctor.add(eval);
        }
        QVERIFY(!doctor.findings().empty() && doctor.findings().front().id == "eval.rising");
        const std::string& said = doctor.findings().front().message;
        QVERIFY2(said.find("validation reward has been falling since step 1 (0.8 to 0.5)") != std::string::npos, said.c_str());
    }
    void hackingNamesWhatItSaw() {
        Doctor doctor;
        for (int i = 1; i <= 60; ++i) {
            StepFinished step;
            step.step = i;
            step.metrics = healthy(i / 60.0);
            step.metrics["completions/mean_length"] = i < 30 ? 40 : 160, step.metrics["kl"] = i < 30 ? 0.05 : 0.9;
            doctor.add(step);
        }
        const auto found = std::find_if(doctor.findings().begin(), doctor.findings().end(), [](const Finding& f) { return f.id == "reward.hacked"; });
        QVERIFY(found != doctor.findings().end());
        QVERIFY2(found->message.find("4 times as long") != std::string::npos, found->message.c_str());
        QVERIFY(found->severity == Finding::Severity::Serious);
    }
};

ATTUNE_TEST(TestDoctorRewards)
#include "tst_doctor_rewards.moc"
