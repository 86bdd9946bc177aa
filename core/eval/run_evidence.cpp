#include "core/eval/run_evidence.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <utility>

#include "core/eval/score_text.h"
#include "core/run/forgetting.h"

namespace attune {

namespace {

std::string figure(double value) {
    char text[32];
    std::snprintf(text, sizeof text, "%.3g", value);
    return text;
}

std::string fromTo(const BeforeAndAfter& pair) { return "from " + figure(pair.before) + " to " + figure(pair.after); }

std::string pointsWords(double share) {
    return figure(100 * share) + (share == 0.01 ? " point" : " points");
}

std::string limitsList(const AcceptanceLimits& limits) {
    return "the loss on general data may rise by " + shareWords(limits.generalRise) + ", a score has to gain beyond chance" +
           (limits.scoreGain > 0 ? " and at least " + pointsWords(limits.scoreGain) : std::string());
}

double gainOf(const ScoreChange& change) {
    return change.after.higherIsBetter ? change.delta : -change.delta;
}

void judgeScores(const std::vector<ScoreChange>& scores, bool older, double asked, std::vector<GateReason>& reasons) {
    std::vector<const ScoreChange*> measured;
    for (const ScoreChange& change : scores)
        if (!older && change.before.measured() && change.after.measured() && change.paired)
            measured.push_back(&change);
    if (measured.empty())
        return reasons.push_back({GateVerdict::NotMeasured, "scores",
                                  older ? "The run was trained further after base and tuned model were measured on test rows: the scores are of older weights."
                                        : "Base and tuned model were not measured on test rows."});
    for (const ScoreChange* change : measured) {
        if (change->worsened())
            reasons.push_back({GateVerdict::Rejected, change->after.id,
                               change->after.title + " got worse: " + deltaText(*change) + " points on " + std::to_string(change->after.n) + " test rows."});
    }
    // Of the scores that are better beyond chance, the one that gained most; of none, the one that comes nearest.
    const auto best = std::max_element(measured.begin(), measured.end(), [](const ScoreChange* a, const ScoreChange* b) {
        return std::pair(a->improved(), gainOf(*a)) < std::pair(b->improved(), gainOf(*b));
    });
    const ScoreChange& most = **best;
    const std::string rows = " on " + std::to_string(most.after.n) + " test rows";
    if (!most.improved())
        return reasons.push_back({GateVerdict::Rejected, most.after.id, "No score is better than the base model's beyond chance" + rows + "."});
    const std::string sentence = most.after.title + " improved by " + deltaText(most) + " points" + rows + ", beyond chance";
    if (gainOf(most) < asked)
        return reasons.push_back({GateVerdict::Rejected, most.after.id, sentence + ", but " + pointsWords(asked) + " were asked for."});
    reasons.push_back({GateVerdict::Accepted, most.after.id, sentence + "."});
}

} // namespace

std::string limitsWords(const AskedOfRun& asked) {
    if (!asked.beforeTraining)
        return "Limits set before training: " + limitsList(asked.limits) + ".";
    const std::time_t time = static_cast<std::time_t>(asked.changed / 1000);
    std::tm parts{};
    char date[32] = "";
    if (gmtime_r(&time, &parts))
        (void)std::strftime(date, sizeof date, "%Y-%m-%d", &parts);
    return std::string("Limits changed on ") + date + ", after the result was there: " + limitsList(asked.limits) +
           ". Set before training: " + limitsList(*asked.beforeTraining) + ".";
}

GateResult judgeRun(const RunEvidence& evidence) {
    GateResult result;
    const auto add = [&](GateVerdict verdict, const char* id, std::string sentence) { result.reasons.push_back({verdict, id, std::move(sentence)}); };
    result.limits = limitsWords(evidence.asked);
    judgeScores(evidence.scores, evidence.scoresAreOlder, evidence.asked.limits.scoreGain, result.reasons);
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
    else {
        const Forgetting forgetting{evidence.general->before, evidence.general->after, evidence.asked.limits.generalRise};
        add(forgetting.beyondLimit() ? GateVerdict::Rejected : GateVerdict::Accepted, "general", forgettingWords(forgetting));
    }
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
