// Ship it or not: thresholds set before training, judged against measured scores. What was not measured never passes.
// Pure functions.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/base/json.h"
#include "core/eval/score.h"

namespace attune {

struct GateRule {
    std::string score;             // Score::id
    std::optional<double> atLeast; // the tuned value
    std::optional<double> atMost;
    bool mustImprove = false;      // the paired interval of the difference excludes 0 on the good side
    std::optional<double> maxDrop; // allowed worsening, in the score's unit
    std::int64_t minRows = 0;      // fewer rows count as not measured
};
enum class GateVerdict { Accepted, Rejected, NotMeasured };
const char* gateVerdictId(GateVerdict verdict); // "accepted", "rejected", "not_measured"

struct GateReason {
    GateVerdict verdict = GateVerdict::NotMeasured;
    std::string score, sentence; // "Valid JSON is 97.3 % (146 of 150), at least 95 % is required."
};
struct GateResult {
    GateVerdict verdict =
        GateVerdict::NotMeasured; // one rejection rejects; else one missing measurement; no rules: NotMeasured
    std::vector<GateReason> reasons;
    std::string limits = {}; // what was asked for, and when that was settled; "" = not known
};
GateResult judge(const std::vector<GateRule>& rules, const std::vector<ScoreChange>& changes);
/// [{"score":"json.valid","at_least":0.95}, {"score":"token_f1","must_improve":true}, ...]. Errors: InvalidData naming
/// the entry.
Result<std::vector<GateRule>> gateRulesFromJson(const Json& json);
Json gateResultToJson(const GateResult& result);

} // namespace attune
