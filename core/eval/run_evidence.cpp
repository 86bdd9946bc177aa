#include "core/eval/run_evidence.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "core/eval/score_text.h"

namespace attune {

namespace {

constexpr double kForgotten = 0.05; // rise of the general loss, as a share of what it was

std::string figure(double value) {
    char text[32];
    std::snprintf(text, sizeof text, "%.3g", value);
    return text;
}

std::string fromTo(const BeforeAndAfter& pair) { return "from " + figure(pair.before) + " to " + figure(pair.after); }

void judgeScores(const std::vector<ScoreChange>& scores, std::vector<GateReason>& reasons) {
    bool improved = false;
    std::vector<const ScoreChange*> measured;
    for (const ScoreChange& change : scores)
        if (change.before.measured() && change.after.measured() && change.paired)
            measured.push_back(&change);
    if (measured.empty())
        return reasons.push_back({GateVerdict::NotMeasured, "scores", "Base and tuned model were not measured on test rows."});
    for (const ScoreChange* change : measured) {
        improved = improved || change->improved();
        if (change->worsened())
            reasons.push_back({GateVerdict::Rejected, change->after.id,
                               change->after.title + " got worse: " + deltaText(*change) + " points on " + std::to_string(change->after.n) + " test rows."});
    }
    const auto best = std::max_element(measured.begin(), measured.end(), [](const ScoreChange* a, const ScoreChange* b) {
        return (a->after.higherIsBetter ? a->delta : -a->delta) < (b->after.higherIsBetter ? b->delta : -b->delta);
    });
    const ScoreChange& most = **best;
    reasons.push_back({improved ? GateVerdict::Accepted : GateVerdict::Rejected, most.after.id,
                       improved ? most.after.title + " improved by " + deltaText(most) + " points on " + std::to_string(most.after.n) + " test rows, beyond chance."
                                : "No score is better than the base model's beyond chance on " + std::to_string(most.after.n) + " test rows."});
}

} // namespace

GateResult judgeRun(const RunEvidence& evidence) {
    GateResult result;
    const auto add = [&](GateVerdict verdict, const char* id, std::string sentence) { result.reasons.push_back({verdict, id, std::move(sentence)}); };
    judgeScores(evidence.scores, result.reasons);
    if (evidence.learnsFromRewards) {
        if (!evidence.reward)
            add(GateVerdict::NotMeasured, "reward", "The run recorded too few rewards to say whether it learned.");
        else if (evidence.reward->after > evidence.reward->before + evidence.reward->noise)
            add(GateVerdict::Accepted, "reward", "The reward rose " + fromTo(*evidence.reward) + " while it trained.");
        else
            add(GateVerdict::Rejected, "reward", "The reward did not rise (" + fromTo(*evidence.reward) + "): the run learned nothing.");
    } else if (!evidence.validation) {
        add(GateVerdict::NotMeasured, "validation", "Validation was not measured: learning by heart would not have been noticed.");
    } else if (evidence.validation->after < evidence.validation->before - evidence.validation->noise) {
        add(GateVerdict::Accepted, "validation", "The validation loss fell " + fromTo(*evidence.validation) + ".");
    } else {
        add(GateVerdict::Rejected, "validation", "The validation loss did not fall (" + fromTo(*evidence.validation) + "): the run learned nothing that carries over.");
    }
    if (!evidence.general)
        add(GateVerdict::NotMeasured, "general", "What the model forgot was not measured: the recipe names no general data.");
    else if (evidence.general->after <= evidence.general->before * (1 + kForgotten))
        add(GateVerdict::Accepted, "general", "The loss on general data went " + fromTo(*evidence.general) + ": little was forgotten.");
    else
        add(GateVerdict::Rejected, "general", "The loss on general data rose " + fromTo(*evidence.general) + ": the model forgot.");
    if (evidence.reviewed > 0) {
        const std::string share = figure(100 * evidence.preferred) + " % of " + std::to_string(evidence.reviewed) + " verdicts prefer the tuned model";
        if (evidence.preferredLow > 0.5)
            add(GateVerdict::Accepted, "review", "In the blind review " + share + ", beyond chance.");
        else if (evidence.preferred < 0.5)
            add(GateVerdict::Rejected, "review", "In the blind review only " + share + ".");
        else
            add(GateVerdict::NotMeasured, "review", "In the blind review " + share + ": not yet beyond chance.");
    }
    const auto any = [&](GateVerdict verdict) {
        return std::any_of(result.reasons.begin(), result.reasons.end(), [&](const GateReason& reason) { return reason.verdict == verdict; });
    };
    result.verdict = any(GateVerdict::Rejected) ? GateVerdict::Rejected : any(GateVerdict::NotMeasured) ? GateVerdict::NotMeasured : GateVerdict::Accepted;
    return result;
}

namespace {

Json sideToJson(const Score& score) {
    return {{"n", score.n}, {"value", score.value}, {"low", score.interval.low}, {"high", score.interval.high}};
}

Score sideFromJson(const Json& json) {
    Score score;
    score.n = json.value("n", std::int64_t{0});
    score.value = json.value("value", 0.0);
    score.interval = {json.value("low", 0.0), json.value("high", 0.0)};
    return score;
}

} // namespace

Json scoreChangesToJson(const std::vector<ScoreChange>& changes) {
    Json all = Json::array();
    for (const ScoreChange& change : changes)
        all.push_back({{"id", change.after.id},
                       {"title", change.after.title},
                       {"higher_is_better", change.after.higherIsBetter},
                       {"base", sideToJson(change.before)},
                       {"tuned", sideToJson(change.after)},
                       {"delta", change.delta},
                       {"low", change.interval.low},
                       {"high", change.interval.high},
                       {"p", change.pValue},
                       {"paired", change.paired}});
    return all;
}

Result<std::vector<ScoreChange>> scoreChangesFromJson(const Json& json) {
    std::vector<ScoreChange> changes;
    try {
        for (const Json& entry : json) {
            ScoreChange change;
            change.before = sideFromJson(entry.at("base"));
            change.after = sideFromJson(entry.at("tuned"));
            for (Score* side : {&change.before, &change.after}) {
                side->id = entry.at("id").get<std::string>();
                side->title = entry.at("title").get<std::string>();
                side->higherIsBetter = entry.value("higher_is_better", true);
            }
            change.delta = entry.value("delta", 0.0);
            change.interval = {entry.value("low", 0.0), entry.value("high", 0.0)};
            change.pValue = entry.value("p", 1.0);
            change.paired = entry.value("paired", false);
            changes.push_back(std::move(change));
        }
    } catch (const Json::exception&) {
        return fail(ErrorCode::InvalidData, "The kept scores are damaged", "Measure again.");
    }
    return changes;
}

} // namespace attune
