// Each rule on a run it must speak about, and on one like it that it must not.
#include <cmath>

#include <QtTest>

#include "core/plan/run_config.h"
#include "core/run/doctor.h"
#include "core/run/fake_engine.h"
#include "tests/support/test_main.h"

using namespace attune;

namespace {

using Metrics = std::map<std::string, double>;

DoctorFacts factsOf(const std::string& objective, ParamMap params = {}) {
    return {1e-5, 1, objective, std::move(params)};
}

void steps(Doctor& doctor, int count, const std::function<Metrics(int)>& metrics, int begin = 1) {
    for (int i = begin; i < begin + count; ++i) {
        StepFinished step;
        step.step = i, step.loss = 0.7 * std::exp(-i / 400.0), step.gradientNorm = 0.5, step.metrics = metrics(i);
        doctor.add(step);
    }
}

void validation(Doctor& doctor, int step, double loss, Metrics metrics) {
    EvalFinished eval;
    eval.step = step, eval.loss = loss, eval.metrics = std::move(metrics);
    doctor.add(eval);
}

void answers(Doctor& doctor, int step, const std::vector<std::string>& given, const std::vector<std::string>& expected) {
    for (std::size_t i = 0; i < given.size(); ++i)
        doctor.add(SampleGenerated{step, int(i), "Prompt " + std::to_string(i), i < expected.size() ? expected[i] : "", given[i]});
    doctor.add(CheckpointSaved{step, "", false});
}

const Finding* found(const Doctor& doctor, std::string_view id) {
    for (const Finding& finding : doctor.findings())
        if (finding.id == id)
            return &finding;
    return nullptr;
}

const std::vector<std::string> kExpected{"The invoice was paid in March.", "Your parcel left the depot this morning.",
                                         "Please restart the router and wait two minutes.", "Our office opens at nine on weekdays."};

} // namespace

class DoctorRulesTest : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void betterAnswersBecomingLessLikely() {
        Doctor doctor(factsOf("dpo", {{"beta", 0.1}, {"sft_weight", 0.0}}));
        validation(doctor, 0, 0.69, {{"logps/chosen", -80}, {"logps/rejected", -90}, {"rewards/margins", 0}});
        validation(doctor, 50, 0.50, {{"logps/chosen", -81}, {"logps/rejected", -110}, {"rewards/margins", 1}});
        QVERIFY(!found(doctor, "preference.chosen_falling")); // a nat is no fall
        validation(doctor, 100, 0.40, {{"logps/chosen", -90}, {"logps/rejected", -150}, {"rewards/margins", 4}});
        const Finding* finding = found(doctor, "preference.chosen_falling");
        QVERIFY(finding && finding->severity == Finding::Severity::Warning);
        QCOMPARE(finding->assignment, std::string("objective.sft_weight=1"));
        validation(doctor, 150, 0.35, {{"logps/chosen", -120}, {"logps/rejected", -300}, {"rewards/margins", 9}});
        QVERIFY(found(doctor, "preference.chosen_falling")->severity == Finding::Severity::Serious);

        Doctor healthy(factsOf("dpo", {{"beta", 0.1}}));
        for (int i = 0; i < 5; ++i)
            validation(healthy, i * 50, 0.69 - 0.05 * i, {{"logps/chosen", -80.0 + i}, {"rewards/margins", double(i)}});
        QVERIFY(!found(healthy, "preference.chosen_falling"));
    }
    void withoutValidationStepsAreCompared() {
        const auto chosen = [](double fall) {
            return [fall](int i) { return Metrics{{"logps/chosen", -60 - fall * i / 100.0}, {"rewards/margins", i / 50.0}}; };
        };
        Doctor falling(factsOf("orpo")), steady(factsOf("orpo"));
        steps(falling, 200, chosen(20));
        steps(steady, 200, chosen(2));
        QVERIFY(found(falling, "preference.chosen_falling") && !found(steady, "preference.chosen_falling"));
        QCOMPARE(found(falling, "preference.chosen_falling")->assignment, std::string("training.learning_rate=3.33e-06"));
    }
    void divergenceRunningAway() {
        Doctor away(factsOf("grpo", {{"beta", 0.04}})), steady(factsOf("grpo", {{"beta", 0.04}}));
        for (Doctor* doctor : {&away, &steady})
            doctor->add(CheckpointSaved{60, "", false});
        steps(away, 120, [](int i) { return Metrics{{"kl", 0.02 * std::exp(std::max(0, i - 80) / 8.0)}}; });
        steps(steady, 120, [](int) { return Metrics{{"kl", 0.8}}; }); // high, but where the recipe lets it be
        const Finding* finding = found(away, "kl.running_away");
        QVERIFY(finding && !found(steady, "kl.running_away"));
        QCOMPARE(finding->assignment, std::string("objective.beta=0.08"));
        QCOMPARE(finding->useCheckpoint, 60);
        Doctor thumbs(factsOf("kto", {{"beta", 0.1}})); // sums over answers: a few nats are nothing
        steps(thumbs, 120, [](int i) { return Metrics{{"kl", 0.2 * std::exp(std::max(0, i - 80) / 14.0)}}; });
        QVERIFY(!found(thumbs, "kl.running_away"));
    }
    void aRewardThatIsHacked() {
        const auto run = [](double length, double distinct) {
            return [=](int i) {
                const double done = std::min(1.0, i / 150.0);
                return Metrics{{"reward", 0.2 + 0.6 * done}, {"reward_std", 0.2}, {"completions/mean_length", 60 + length * done},
                               {"completions/distinct_2", 0.8 - distinct * done}, {"kl", 0.01 + 0.02 * done}, {"entropy", 1.0}};
            };
        };
        Doctor hacked(factsOf("grpo", {{"beta", 0.04}})), longer(factsOf("grpo")), honest(factsOf("grpo"));
        steps(hacked, 200, run(120, 0.5));
        steps(longer, 200, run(120, 0.0)); // one sign alone may be the task
        steps(honest, 200, run(5, 0.05));
        const Finding* finding = found(hacked, "reward.hacked");
        QVERIFY(finding && finding->severity == Finding::Severity::Serious);
        QVERIFY(finding->message.find("times as long") != std::string::npos);
        QVERIFY(!found(longer, "reward.hacked") && !found(honest, "reward.hacked"));
        QVERIFY(found(longer, "length.drift") && !found(honest, "length.drift"));
    }
    void watchedAnswersOfTheWrongLength() {
        const std::vector<std::string> start{"A short word or two here", "Some other few words", "Yet more of the same kind", "And these are the last"};
        std::vector<std::string> rambling;
        for (const std::string& text : kExpected)
            rambling.push_back(text + " " + text + " Then there is more to say: " + text);
        Doctor drifting(factsOf("dpo", {{"loss_type", std::string("sigmoid")}})), fine(factsOf("dpo"));
        answers(drifting, 0, start, kExpected);
        answers(drifting, 20, rambling, kExpected);
        answers(fine, 0, rambling, kExpected);
        answers(fine, 20, kExpected, kExpected);
        const Finding* finding = found(drifting, "length.drift");
        QVERIFY(finding);
        QCOMPARE(finding->assignment, std::string("objective.loss_type=sigmoid_norm"));
        QVERIFY(!found(fine, "length.drift"));
        Doctor alwaysLong(factsOf("sft")); // the base model was no better
        answers(alwaysLong, 0, rambling, kExpected);
        answers(alwaysLong, 20, rambling, kExpected);
        QVERIFY(!found(alwaysLong, "length.drift"));
    }
    void theSameAnswerToEverything() {
        Doctor collapsed(factsOf("sft")), varied(factsOf("sft")), labels(factsOf("sft"));
        answers(collapsed, 0, kExpected, kExpected);
        answers(collapsed, 20, std::vector<std::string>(4, "Please contact support."), kExpected);
        const Finding* finding = found(collapsed, "answers.collapsed");
        QVERIFY(finding && finding->severity == Finding::Severity::Serious);
        QCOMPARE(finding->useCheckpoint, 0);
        QVERIFY(finding->assignment.starts_with("training.learning_rate="));
        answers(varied, 0, {"Hm.", "Well.", "I see.", "So."}, kExpected);
        answers(varied, 20, kExpected, kExpected);
        QVERIFY(!found(varied, "answers.collapsed"));
        const std::vector<std::string> same(4, "refund"); // answers that are alike by their nature
        answers(labels, 0, {"I think", "Maybe", "a refund", "the"}, same);
        answers(labels, 20, same, same);
        QVERIFY(!found(labels, "answers.collapsed"));
    }
    void answersThatRepeatThemselves() {
        std::vector<std::string> looping, alike;
        for (int i = 0; i < 4; ++i) {
            std::string loop = "number " + std::to_string(i);
            for (int word = 0; word < 12; ++word)
                loop += " and so on";
            looping.push_back(loop);
            alike.push_back("Thank you for your message, we will look into case " + std::to_string(i) + " as soon as possible.");
        }
        Doctor repeating(factsOf("sft")), template_(factsOf("sft"));
        answers(repeating, 0, kExpected, kExpected);
        answers(repeating, 20, looping, kExpected);
        QVERIFY(found(repeating, "answers.collapsed"));
        answers(template_, 0, kExpected, kExpected);
        answers(template_, 20, alike, kExpected);
        const Finding* finding = found(template_, "answers.collapsed");
        QVERIFY(finding && finding->message.find("self-BLEU") != std::string::npos);
    }
    void noChoiceOfWordsIsLeft() {
        const auto entropy = [](double end, bool reward) {
            return [=](int i) {
                Metrics metrics{{"entropy", 1.2 + (end - 1.2) * std::min(1.0, i / 120.0)}};
                if (reward)
                    metrics["reward"] = 0.5;
                return metrics;
            };
        };
        Doctor certain(factsOf("grpo")), curious(factsOf("grpo")), examples(factsOf("sft"));
        steps(certain, 200, entropy(0.02, true));
        steps(curious, 200, entropy(0.6, true));
        steps(examples, 200, entropy(0.02, false)); // learning from examples ends in certainty
        QVERIFY(found(certain, "entropy.collapsed"));
        QVERIFY(!found(curious, "entropy.collapsed") && !found(examples, "entropy.collapsed"));
    }
    void jsonThatIsNoneAnyMore() {
        const std::vector<std::string> wanted{R"({"a": 1})", R"({"a": 2})", R"({"a": 3})"};
        Doctor broken(factsOf("dpo")), learning(factsOf("sft")), prose(factsOf("sft"));
        answers(broken, 0, {R"({"a": 9})", R"({"a": 1})", "no"}, wanted);
        answers(broken, 20, {R"({"a": 9)", "{a}", "no"}, wanted);
        const Finding* finding = found(broken, "format.json");
        QVERIFY(finding && finding->useCheckpoint == 0);
        answers(learning, 0, {"no", "no", "no"}, wanted);
        answers(learning, 20, wanted, wanted);
        QVERIFY(!found(learning, "format.json"));
        answers(prose, 0, {R"({"a": 9})", R"({"a": 9})"}, kExpected); // JSON was never asked for
        answers(prose, 20, {"Yes.", "No."}, kExpected);
        QVERIFY(!found(prose, "format.json"));
    }
    void markersAsText() {
        Doctor leaking(factsOf("sft")), clean(factsOf("sft"));
        answers(leaking, 0, {"Fine.", "Good.", "Yes."}, kExpected);
        answers(leaking, 20, {"Fine.<|im_end|>", "Good.<|im_end|>", "Yes."}, kExpected);
        answers(clean, 20, {"Fine.", "a <| b", "Yes."}, kExpected);
        QVERIFY(found(leaking, "format.markers") && !found(clean, "format.markers"));
    }
    void emptyAnswers() {
        Doctor silent(factsOf("sft")), speaking(factsOf("sft"));
        answers(silent, 0, kExpected, kExpected);
        answers(silent, 20, {"", " ", "Your parcel", ""}, kExpected);
        answers(speaking, 0, kExpected, kExpected);
        answers(speaking, 20, {"", "Yes.", "No.", "Perhaps."}, kExpected);
        QVERIFY(found(silent, "format.empty") && !found(speaking, "format.empty"));
    }
    void everyFixIsAChangeTheRecipeTakes() {
        // The recipe's own values come from the catalog, so a doctor knows what it would change.
        RunConfig config;
        config.objective.id = "dpo";
        const DoctorFacts facts = DoctorFacts::of(config, fakeCatalog());
        QCOMPARE(facts.learningRate, 1e-5); // usual for preferences with an adapter; the recipe names none
        QCOMPARE(facts.number("beta", 0), 0.1);
        Doctor doctor(facts);
        steps(doctor, 120, [](int i) { return Metrics{{"objective/kl", 2 * std::exp(std::max(0, i - 80) / 8.0)}}; });
        const Finding* finding = found(doctor, "kl.running_away");
        QVERIFY(finding);
        QVERIFY2(setByPath(config, finding->assignment, fakeCatalog()).has_value(), finding->assignment.c_str());
        QCOMPARE(std::get<double>(config.objective.params.at("beta")), 0.2);
    }
    void aResumedRunIsNotJudgedTwice() {
        Doctor doctor(factsOf("sft"));
        steps(doctor, 80, [](int) { return Metrics{}; });
        steps(doctor, 60, [](int) { return Metrics{}; }, 41); // from the checkpoint of step 40
        QVERIFY(doctor.findings().empty());
        for (int i = 0; i < 2; ++i) {
            validation(doctor, 50, 1.0, {});
            validation(doctor, 60, 1.2, {});
        }
        QVERIFY(!found(doctor, "eval.rising")); // two measurements, said twice
    }
};

ATTUNE_TEST(DoctorRulesTest)
#include "tst_doctor_rules.moc"
