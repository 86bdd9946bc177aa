// Rewards on answers that were judged by hand, hostile ones included, and the weighted sum.
#include <QtTest>

#include <cmath>
#include <set>

#include "core/plan/catalog.h"
#include "core/plan/param_check.h"
#include "core/rewards/reward_mix.h"
#include "tests/support/test_main.h"

using namespace attune;

namespace {

double scoreOf(const std::string& id, const ParamMap& params, std::string_view answer, std::string_view reference = {}, std::int64_t tokens = 1) {
    for (const auto& reward : builtinRewards())
        if (reward->description().id == id) {
            const auto made = reward->configured(params);
            return made ? (*made)->score({answer, reference, tokens}) : -1;
        }
    return -2;
}

const Reward& rewardOf(const std::string& id) {
    for (const auto& reward : builtinRewards())
        if (reward->description().id == id)
            return *reward;
    qFatal("no such reward");
}

} // namespace

class TestRewards : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void describesItself() {
        std::set<std::string> keys;
        for (const ParamSpec& spec : RewardMix::params()) {
            QVERIFY2(keys.insert(spec.key).second, spec.key.c_str());
            QVERIFY2(!spec.label.empty() && !spec.help.empty() && checkParam(spec, spec.defaultValue, spec.key), spec.key.c_str());
        }
        for (const auto& reward : builtinRewards())
            QVERIFY(keys.contains(reward->description().id + "_weight"));
    }

    void json() {
        const std::vector<std::string> two{"a", "b"};
        QCOMPARE(scoreOf("json", {}, "{\"a\": 1}"), 1.0);
        QCOMPARE(scoreOf("json", {}, "  {\"a\": [1, 2]}\n"), 1.0);
        for (const char* wrong : {"", "[1]", "3", "{\"a\": 1", "{\"a\": 1} and more", "{a: 1}", "Here: {\"a\": 1}"})
            QCOMPARE(scoreOf("json", {}, wrong), 0.0);
        QCOMPARE(scoreOf("json", {{"keys", two}}, "{\"a\": 1, \"b\": 2, \"c\": 3}"), 1.0);
        QCOMPARE(scoreOf("json", {{"keys", two}}, "{\"a\": 1}"), 0.75);
        QCOMPARE(scoreOf("json", {{"keys", two}}, "{}"), 0.5);
        QCOMPARE(scoreOf("json", {{"keys", two}, {"only_keys", true}}, "{\"a\": 1, \"b\": 2, \"c\": 3}"), 0.75);
        QCOMPARE(scoreOf("json", {{"keys", two}, {"only_keys", true}}, "{\"c\": 1, \"d\": 2, \"e\": 3}"), 0.5);
        QCOMPARE(scoreOf("json", {}, std::string(200000, '[')), 0.0); // deep nesting
        QCOMPARE(scoreOf("json", {}, "{\"a\": \"\xff\"}"), 0.0);
    }

    void jsonFields() {
        const char* wanted = "{\"kind\": \"bill\", \"amount\": 3, \"tags\": [\"x\", \"y\"], \"note\": null}";
        QCOMPARE(scoreOf("json_fields", {}, wanted, wanted), 1.0);
        QCOMPARE(scoreOf("json_fields", {}, "{\"amount\": 3, \"kind\": \"bill\"}", wanted), 0.5);
        QCOMPARE(scoreOf("json_fields", {}, "{\"kind\": \"Bill\", \"amount\": \"3\", \"tags\": [\"y\", \"x\"]}", wanted), 0.0);
        QCOMPARE(scoreOf("json_fields", {}, "no JSON", wanted), 0.0);
        QVERIFY(rewardOf("json_fields").referenceProblem(wanted).empty());
        QVERIFY(!rewardOf("json_fields").referenceProblem("{}").empty());
        QVERIFY(!rewardOf("json_fields").referenceProblem("plain text").empty());
    }

    void equalAnswers() {
        QCOMPARE(scoreOf("exact_match", {}, "  The wrong item. ", "wrong item"), 1.0);
        QCOMPARE(scoreOf("exact_match", {}, "wrong items", "wrong item"), 0.0);
        QCOMPARE(scoreOf("exact_match", {{"strict", true}}, "Wrong item", "wrong item"), 0.0);
        QCOMPARE(scoreOf("exact_match", {{"strict", true}}, " wrong item\n", "wrong item"), 1.0);
        QVERIFY(!rewardOf("exact_match").referenceProblem(" \n").empty());
    }

    void numbers() {
        QCOMPARE(scoreOf("number", {}, "so it is 1,250.0.", "#### 1250"), 1.0);
        QCOMPARE(scoreOf("number", {}, "first 5, then -3", "-3"), 1.0);
        QCOMPARE(scoreOf("number", {}, "3", "-3"), 0.0);
        QCOMPARE(scoreOf("number", {}, "between 5-7", "7"), 1.0); // a range, no sign
        QCOMPARE(scoreOf("number", {}, "none", "3"), 0.0);
        QCOMPARE(scoreOf("number", {}, "", "3"), 0.0);
        QCOMPARE(scoreOf("number", {}, std::string(100000, '9'), "3"), 0.0); // beyond every number
        QCOMPARE(scoreOf("number", {}, "1.2.3", "3"), 0.0);
        QVERIFY(rewardOf("number").referenceProblem("a dozen") != "" && rewardOf("number").referenceProblem("12").empty());
    }

    void similarWords() {
        QCOMPARE(scoreOf("similarity", {}, "the cat sat", "cat sat"), 1.0);
        QCOMPARE(scoreOf("similarity", {}, "dog", "cat"), 0.0);
        QVERIFY(std::abs(scoreOf("similarity", {}, "cat sat down", "cat ran") - 2.0 * (1.0 / 3) * 0.5 / (1.0 / 3 + 0.5)) < 1e-12);
    }

    void patterns() {
        const ParamMap order{{"pattern", std::string("ORD-[0-9]{3}")}};
        QCOMPARE(scoreOf("regex", order, "It is ORD-123 then"), 1.0);
        QCOMPARE(scoreOf("regex", order, "ord-123"), 0.0);
        ParamMap whole = order;
        whole["whole"] = true;
        QCOMPARE(scoreOf("regex", whole, "ORD-123\n"), 1.0);
        QCOMPARE(scoreOf("regex", whole, "It is ORD-123"), 0.0);
        whole["pattern"] = std::string("a|ab");
        QCOMPARE(scoreOf("regex", whole, "ab"), 1.0);
        QCOMPARE(scoreOf("regex", order, "\xff\xfe ORD-123"), 0.0); // not UTF-8
        const auto broken = rewardOf("regex").configured({{"pattern", std::string("(")}});
        QVERIFY(!broken && broken.error().message.find("regex_pattern") != std::string::npos);
        QVERIFY(!rewardOf("regex").configured({}));
    }

    void hostilePatternsGiveUp() {
        // Exponential for a backtracking matcher: work is limited, so it ends, with nothing.
        QCOMPARE(scoreOf("regex", {{"pattern", std::string("^(a|a)*$")}}, std::string(4000, 'a') + "b"), 0.0);
        QCOMPARE(scoreOf("regex", {{"pattern", std::string("(x+x+)+y")}}, std::string(20000, 'x')), 0.0);
    }

    void lengths() {
        const ParamMap ten{{"target", std::int64_t{10}}};
        QCOMPARE(scoreOf("length", ten, "", {}, 10), 1.0);
        QCOMPARE(scoreOf("length", ten, "", {}, 5), 0.5);
        QCOMPARE(scoreOf("length", ten, "", {}, 15), 0.5);
        QCOMPARE(scoreOf("length", ten, "", {}, 500), 0.0);
    }

    void mixIsTheWeightedSum() {
        const auto none = RewardMix::configured({});
        QVERIFY(none && none->empty());
        const auto mix = RewardMix::configured({{"json_weight", 2.0}, {"json_keys", std::vector<std::string>{"a"}},
                                                {"length_weight", -0.5}, {"length_target", std::int64_t{10}}});
        QVERIFY(mix && mix->parts().size() == 2);
        const auto scores = mix->scores({"{}", {}, 5});
        QCOMPARE(scores, (std::vector<double>{0.5, 0.5}));
        QCOMPARE(mix->total(scores), 2 * 0.5 - 0.5 * 0.5);
        QVERIFY(mix->referenceProblem("").empty());
        const auto compared = RewardMix::configured({{"exact_match_weight", 1.0}});
        QVERIFY(compared && compared->referenceProblem("").find("exact_match") != std::string::npos);
        const auto broken = RewardMix::configured({{"regex_weight", 1.0}, {"regex_pattern", std::string("[")}});
        QVERIFY(!broken);
    }
};

ATTUNE_TEST(TestRewards)
#include "tst_rewards.moc"
