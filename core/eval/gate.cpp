#include "core/eval/gate.h"

#include <algorithm>
#include <cmath>

#include "core/eval/score_text.h"

namespace attune {

namespace {

std::string rowsText(const Score& score) {
    return " on " + std::to_string(score.n) + " rows";
}

// One sentence and verdict per requirement of a rule.
void judgeRule(const GateRule& rule, const ScoreChange* change, std::vector<GateReason>& reasons) {
    const auto add = [&](GateVerdict verdict, std::string sentence) {
        reasons.push_back({verdict, rule.score, std::move(sentence)});
    };
    const auto pass = [](bool good) { return good ? GateVerdict::Accepted : GateVerdict::Rejected; };
    if (!change || !change->after.measured())
        return add(GateVerdict::NotMeasured,
                   "\"" + (change ? change->after.title : rule.score) + "\" was not measured.");
    const Score& after = change->after;
    if (after.n < rule.minRows)
        return add(GateVerdict::NotMeasured, after.title + " was measured" + rowsText(after) + " only; at least " +
                                                 std::to_string(rule.minRows) + " are required.");
    if (rule.atLeast)
        add(pass(after.value >= *rule.atLeast), after.title + " is " + scoreText(after) + rowsText(after) +
                                                    "; at least " + percentText(*rule.atLeast) + " is required.");
    if (rule.atMost)
        add(pass(after.value <= *rule.atMost), after.title + " is " + scoreText(after) + rowsText(after) +
                                                   "; at most " + percentText(*rule.atMost) + " is allowed.");
    if (!rule.mustImprove && !rule.maxDrop)
        return;
    if (!change->paired)
        return add(GateVerdict::NotMeasured, after.title + " was not measured before and after on the same rows.");
    const double gain = after.higherIsBetter ? change->delta : -change->delta;
    if (rule.mustImprove)
        add(pass(change->improved()), after.title + " changed by " + deltaText(*change) + " points" +
                                          (change->improved() ? ", an improvement beyond chance."
                                                              : "; an improvement beyond chance is required."));
    if (rule.maxDrop)
        add(pass(gain >= -*rule.maxDrop), after.title + " changed by " + deltaText(*change) +
                                              " points; a drop of at most " + percentText(*rule.maxDrop) +
                                              " is allowed.");
}

} // namespace

const char* gateVerdictId(GateVerdict verdict) {
    switch (verdict) {
    case GateVerdict::Accepted:
        return "accepted";
    case GateVerdict::Rejected:
        return "rejected";
    case GateVerdict::NotMeasured:
        break;
    }
    return "not_measured";
}

GateResult judge(const std::vector<GateRule>& rules, const std::vector<ScoreChange>& changes) {
    GateResult result;
    for (const GateRule& rule : rules) {
        const auto found = std::find_if(changes.begin(), changes.end(),
                                        [&](const ScoreChange& change) { return change.before.id == rule.score; });
        judgeRule(rule, found == changes.end() ? nullptr : &*found, result.reasons);
    }
    const auto any = [&](GateVerdict verdict) {
        return std::any_of(result.reasons.begin(), result.reasons.end(),
                           [&](const GateReason& reason) { return reason.verdict == verdict; });
    };
    if (any(GateVerdict::Rejected))
        result.verdict = GateVerdict::Rejected;
    else if (!result.reasons.empty() && !any(GateVerdict::NotMeasured))
        result.verdict = GateVerdict::Accepted;
    return result;
}

Result<std::vector<GateRule>> gateRulesFromJson(const Json& json) {
    constexpr const char* kHint = "Allowed keys: score, at_least, at_most, must_improve, max_drop, min_rows.";
    if (!json.is_array())
        return fail(ErrorCode::InvalidData, "Gate rules must be a JSON array",
                    "Write [{\"score\": \"json.valid\", \"at_least\": 0.95}].");
    std::vector<GateRule> rules;
    for (const Json& entry : json) {
        const std::string where = "Gate rule " + std::to_string(rules.size() + 1);
        if (!entry.is_object() || !entry.contains("score") || !entry["score"].is_string())
            return fail(ErrorCode::InvalidData, where + " names no score", kHint);
        GateRule rule;
        bool demands = false;
        for (const auto& [key, value] : entry.items()) {
            const bool isNumber = value.is_number() && std::isfinite(value.get<double>());
            if (key == "score")
                rule.score = value.get<std::string>();
            else if (key == "at_least" && isNumber)
                rule.atLeast = value.get<double>(), demands = true;
            else if (key == "at_most" && isNumber)
                rule.atMost = value.get<double>(), demands = true;
            else if (key == "max_drop" && isNumber)
                rule.maxDrop = value.get<double>(), demands = true;
            else if (key == "must_improve" && value.is_boolean())
                rule.mustImprove = value.get<bool>(), demands = demands || rule.mustImprove;
            else if (key == "min_rows" && value.is_number_integer())
                rule.minRows = value.get<std::int64_t>();
            else
                return fail(ErrorCode::InvalidData,
                            where + ": \"" + key.substr(0, 40) + "\" is unknown or has the wrong type", kHint);
        }
        if (!demands)
            return fail(ErrorCode::InvalidData, where + " (" + rule.score + ") demands nothing", kHint);
        rules.push_back(std::move(rule));
    }
    return rules;
}

Json gateResultToJson(const GateResult& result) {
    Json reasons = Json::array();
    for (const GateReason& reason : result.reasons)
        reasons.push_back(
            {{"score", reason.score}, {"verdict", gateVerdictId(reason.verdict)}, {"reason", reason.sentence}});
    Json json{{"verdict", gateVerdictId(result.verdict)}, {"reasons", std::move(reasons)}};
    if (!result.limits.empty())
        json["limits"] = result.limits;
    return json;
}

} // namespace attune
