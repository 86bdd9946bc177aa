#include "core/plan/decision_matrix.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/plan/param_check.h"

namespace attune {

namespace {

Error unknown(const char* kind, const std::string& id, const std::vector<std::string>& allowed) {
    std::string list;
    for (const std::string& word : allowed)
        list += (list.empty() ? "" : ", ") + word;
    const std::string near = nearestWord(id, allowed);
    return {ErrorCode::InvalidArgument, std::string("There is no ") + kind + " \"" + id.substr(0, 80) + "\"",
            (near.empty() ? "" : "Did you mean " + near + "? ") + "Allowed: " + list + "."};
}

template <class T>
std::vector<std::string> idsOf(const std::vector<T>& entries) {
    std::vector<std::string> ids;
    for (const T& entry : entries)
        ids.push_back(entry.id);
    return ids;
}

Status checkAnswers(const Answers& answers, const DecisionRules& rules) {
    for (const auto& [id, choice] : answers) {
        const Question* question = rules.question(id);
        if (!question)
            return fail(unknown("question", id, idsOf(rules.questions)));
        if (std::none_of(question->choices.begin(), question->choices.end(),
                         [&, &wanted = choice](const AnswerChoice& c) { return c.id == wanted; }))
            return fail(unknown(("answer to \"" + id + "\":").c_str(), choice, idsOf(question->choices)));
    }
    return {};
}

Result<Weights> completeWeights(const Weights& given, const DecisionRules& rules) {
    Weights weights;
    for (const Criterion& criterion : rules.criteria)
        weights[criterion.id] = criterion.weight;
    for (const auto& [id, weight] : given) {
        if (!weights.contains(id))
            return fail(unknown("criterion", id, idsOf(rules.criteria)));
        if (!(weight >= 0 && weight <= kMaxWeight))
            return fail(ErrorCode::InvalidArgument, "The weight of \"" + id + "\" cannot be " + paramText(weight),
                        "Allowed: 0 to 5.");
        weights[id] = weight;
    }
    return weights;
}

// The most any option can move by all questions together: what the bars are scaled with, so that bars of different
// options compare.
double reach(const Weights& weights, const DecisionRules& rules) {
    std::map<std::string, double> byQuestion;
    for (const DecisionRule& rule : rules.rules)
        for (const double points : rule.points)
            byQuestion[rule.question] =
                std::max(byQuestion[rule.question], std::abs(points) * weights.at(rule.criterion));
    return std::accumulate(byQuestion.begin(), byQuestion.end(), 0.0,
                           [](double sum, const auto& entry) { return sum + entry.second; });
}

std::array<double, kApproachCount> totals(const Answers& answers, const Weights& weights, const DecisionRules& rules) {
    std::array<double, kApproachCount> sums{};
    for (const DecisionRule& rule : rules.rules)
        if (const auto answer = answers.find(rule.question); answer != answers.end() && answer->second == rule.choice)
            for (std::size_t i = 0; i < kApproachCount; ++i)
                sums[i] += rule.points[i] * weights.at(rule.criterion);
    return sums;
}

// Best first; the option with less effort (the earlier one) wins a tie.
std::vector<Approach> ranked(const std::array<double, kApproachCount>& sums) {
    std::vector<Approach> order{Approach::Prompting, Approach::PromptingRag, Approach::FineTune, Approach::FineTuneRag};
    std::stable_sort(order.begin(), order.end(), [&](Approach a, Approach b) {
        return sums[static_cast<std::size_t>(a)] > sums[static_cast<std::size_t>(b)] + 1e-9;
    });
    return order;
}

std::optional<ScenarioMatch> nearestScenario(const Answers& answers, const DecisionRules& rules) {
    std::optional<ScenarioMatch> best;
    for (const Scenario& scenario : rules.scenarios) {
        ScenarioMatch match{scenario.id, 0, 0};
        for (const auto& [question, choice] : answers)
            if (const auto own = scenario.answers.find(question); own != scenario.answers.end())
                ++match.compared, match.agreeing += own->second == choice;
        if (match.agreeing > 0 && (!best || match.agreeing > best->agreeing))
            best = match;
    }
    return best;
}

} // namespace

Result<Advice> advise(const Answers& answers, const Weights& weights, const DecisionRules& rules) {
    ATTUNE_CHECK(checkAnswers(answers, rules));
    Advice advice;
    advice.answers = answers;
    ATTUNE_ASSIGN(advice.weights, completeWeights(weights, rules));
    const double scale = reach(advice.weights, rules);
    const auto sums = totals(answers, advice.weights, rules);
    for (std::size_t i = 0; i < kApproachCount; ++i) {
        OptionScore& option = advice.options[i];
        option.approach = static_cast<Approach>(i);
        option.total = sums[i];
        option.bar = scale > 0 ? 50 + 50 * sums[i] / scale : 50;
        for (const Criterion& criterion : rules.criteria)
            option.byCriterion[criterion.id] = 0;
        for (const DecisionRule& rule : rules.rules) {
            const auto answer = answers.find(rule.question);
            if (answer == answers.end() || answer->second != rule.choice || rule.points[i] == 0)
                continue;
            option.byCriterion[rule.criterion] += rule.points[i];
            if (const double points = rule.points[i] * advice.weights.at(rule.criterion); points != 0)
                option.reasons.push_back({rule.question, rule.choice, rule.criterion, points, rule.reason});
        }
        std::stable_sort(option.reasons.begin(), option.reasons.end(), [](const ScoreReason& a, const ScoreReason& b) {
            return std::abs(a.points) > std::abs(b.points);
        });
    }
    advice.ranking = ranked(sums);
    const auto bar = [&](Approach approach) { return advice.options[static_cast<std::size_t>(approach)].bar; };
    advice.margin = bar(advice.winner()) - bar(advice.runnerUp());
    advice.close = advice.margin < kCloseMargin;
    advice.enoughAnswers = answers.size() >= kFewAnswers;
    for (const Question& question : rules.questions) {
        const auto given = answers.find(question.id);
        const std::string from = given == answers.end() ? "" : given->second;
        for (const AnswerChoice& choice : question.choices) {
            if (choice.id == from)
                continue;
            Answers changed = answers;
            changed[question.id] = choice.id;
            if (const Approach winner = ranked(totals(changed, advice.weights, rules))[0]; winner != advice.winner())
                advice.flips.push_back({question.id, from, choice.id, winner});
        }
    }
    advice.nearest = nearestScenario(answers, rules);
    return advice;
}

Result<AdvisorInput> readAdvisorInput(const Json& json) {
    if (!json.is_object())
        return fail(ErrorCode::InvalidData, "The answers must be a JSON object",
                    "Write {\"question id\": \"choice id\", ...}.");
    AdvisorInput input;
    for (const auto& [key, value] : json.items()) {
        if (key == "weights") {
            if (!value.is_object())
                return fail(ErrorCode::InvalidData, "\"weights\" must be an object",
                            "Write {\"weights\": {\"criterion id\": 2}}.");
            for (const auto& [criterion, weight] : value.items()) {
                if (!weight.is_number())
                    return fail(ErrorCode::InvalidData,
                                "The weight of \"" + criterion.substr(0, 80) + "\" must be a number",
                                "Allowed: 0 to 5.");
                input.weights[criterion] = weight.get<double>();
            }
        } else if (value.is_string()) {
            input.answers[key] = value.get<std::string>();
        } else {
            return fail(ErrorCode::InvalidData,
                        "The answer to \"" + key.substr(0, 80) + "\" must be a choice's id in quotes",
                        "`attune-cli advise --questions` lists all questions and choices.");
        }
    }
    return input;
}

Json adviceToJson(const Advice& advice, const DecisionRules& rules) {
    Json options = Json::array();
    for (const Approach approach : advice.ranking) {
        const OptionScore& option = advice.options[static_cast<std::size_t>(approach)];
        Json reasons = Json::array();
        for (const ScoreReason& reason : option.reasons)
            reasons.push_back({{"question", reason.question},
                               {"choice", reason.choice},
                               {"criterion", reason.criterion},
                               {"points", reason.points},
                               {"reason", reason.sentence}});
        options.push_back({{"id", rules.info(approach).id},
                           {"title", rules.info(approach).title},
                           {"total", option.total},
                           {"bar", option.bar},
                           {"by_criterion", option.byCriterion},
                           {"reasons", std::move(reasons)}});
    }
    Json flips = Json::array();
    for (const AnswerFlip& flip : advice.flips)
        flips.push_back({{"question", flip.question},
                         {"from", flip.from},
                         {"to", flip.to},
                         {"winner", rules.info(flip.winner).id}});
    Json json{{"recommendation", rules.info(advice.winner()).id},
              {"runner_up", rules.info(advice.runnerUp()).id},
              {"margin", advice.margin},
              {"close", advice.close},
              {"enough_answers", advice.enoughAnswers},
              {"options", std::move(options)},
              {"flips", std::move(flips)},
              {"weights", advice.weights},
              {"answers", advice.answers}};
    if (advice.nearest)
        json["nearest_scenario"] = {
            {"id", advice.nearest->id}, {"agreeing", advice.nearest->agreeing}, {"compared", advice.nearest->compared}};
    return json;
}

std::vector<FactAnswer> answersFromFacts(const ProjectFacts& facts) {
    std::vector<FactAnswer> answers;
    if (facts.rows) {
        const std::int64_t unique = std::max<std::int64_t>(0, *facts.rows - facts.duplicateRows.value_or(0));
        const char* choice = unique == 0 ? "none" : unique < 100 ? "few" : unique < 1000 ? "hundreds" : "thousands";
        answers.push_back({"examples", choice, "The project holds " + std::to_string(unique) + " different rows."});
        if (*facts.rows > 0 && facts.duplicateRows.value_or(0) * 10 > *facts.rows)
            answers.push_back({"example_quality", "mixed",
                               std::to_string(*facts.duplicateRows) + " of " + std::to_string(*facts.rows) +
                                   " rows are duplicates, so nobody seems to have checked them."});
        if (*facts.rows > 0 && facts.jsonAnswerShare && *facts.jsonAnswerShare >= 0.95) {
            const std::string because =
                std::to_string(std::lround(100 * *facts.jsonAnswerShare)) + " % of the answers are JSON records.";
            answers.push_back({"task", "structured", because});
            answers.push_back({"format", "strict", because});
        }
    }
    if (facts.documents && *facts.documents > 0) {
        const bool fits =
            facts.documentTokens && facts.contextTokens && *facts.documentTokens * 2 <= *facts.contextTokens;
        const char* choice = fits ? "page" : *facts.documents < 100 ? "folder" : "library";
        std::string because = "The project holds " + std::to_string(*facts.documents) + " documents";
        if (facts.documentTokens)
            because += " with " + std::to_string(*facts.documentTokens) + " tokens";
        answers.push_back({"knowledge_amount", choice, because + (fits ? ", which fit into a prompt." : ".")});
    }
    if (facts.computer) {
        constexpr double kGiB = 1024.0 * 1024 * 1024;
        const double memory = static_cast<double>(facts.computer->memoryBytes) / kGiB;
        const int cores = facts.computer->cores;
        const bool strong = !facts.computer->gpuName.empty() || (memory >= 30 && cores >= 8);
        const bool weak = memory < 6 || (cores <= 2 && !facts.computer->bf16);
        answers.push_back({"hardware",
                           strong ? "strong"
                           : weak ? "weak"
                                  : "usual",
                           "This computer has " + std::to_string(cores) + (cores == 1 ? " core and " : " cores and ") +
                               std::to_string(std::lround(memory)) + " GB of memory" +
                               (facts.computer->gpuName.empty() ? "." : ", and " + facts.computer->gpuName + ".")});
    }
    return answers;
}

} // namespace attune
