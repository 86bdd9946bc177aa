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
