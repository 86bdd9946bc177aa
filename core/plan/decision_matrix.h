// The Advisor: from answers and weights to a score per option, with the sentences that moved it, the runner-up, and
// what would flip the result. Pure functions of their arguments; any thread.
#pragma once

#include <optional>

#include "core/base/json.h"
#include "core/base/result.h"
#include "core/plan/decision_rules.h"
#include "core/plan/estimate.h"

namespace attune {

using Weights = std::map<std::string, double>; // criterion id -> weight; missing = the criterion's default

struct ScoreReason {
    std::string question, choice, criterion; // ids
    double points = 0;                       // weighted, as it went into the total
    std::string sentence;
};
struct OptionScore {
    Approach approach = Approach::Prompting;
    std::map<std::string, double> byCriterion; // unweighted points per criterion id
    double total = 0;                          // weighted sum
    double bar = 50;                           // 0 .. 100 for drawing: 50 = nothing speaks for or against it
    std::vector<ScoreReason> reasons;          // strongest first
};
struct AnswerFlip {
    std::string question, from, to; // `from` is empty when the question is not answered yet
    Approach winner = Approach::Prompting;
};
struct ScenarioMatch {
    std::string id;
    int agreeing = 0, compared = 0; // answers in common
};
struct Advice {
    Answers answers;
    Weights weights;                                 // complete
    std::array<OptionScore, kApproachCount> options; // in Approach's order
    std::vector<Approach> ranking;                   // best first
    double margin = 0;                               // winner's bar minus the runner-up's, 0 .. 100
    bool close = false;                              // margin under kCloseMargin: say so, and suggest to measure both
    bool enoughAnswers = false;                      // fewer than kFewAnswers answers carry no recommendation
    std::vector<AnswerFlip> flips;                   // single changes of one answer that make another option win
    std::optional<ScenarioMatch> nearest;

    Approach winner() const { return ranking[0]; }
    Approach runnerUp() const { return ranking[1]; }
};
inline constexpr double kCloseMargin = 5;
inline constexpr std::size_t kFewAnswers = 4;

/// Errors: InvalidArgument for an unknown question, choice, criterion or a weight outside [0, kMaxWeight]; names what
/// is allowed.
Result<Advice> advise(const Answers& answers, const Weights& weights = {},
                      const DecisionRules& rules = decisionRules());

/// {question id: choice id, ..., "weights": {criterion id: number}} as the command line reads it. Errors: InvalidData.
struct AdvisorInput {
    Answers answers;
    Weights weights;
};
Result<AdvisorInput> readAdvisorInput(const Json& json);
Json adviceToJson(const Advice& advice, const DecisionRules& rules = decisionRules());

/// What the open project and computer already know; unknown = not set.
struct ProjectFacts {
    std::optional<std::int64_t> rows, duplicateRows, documents, documentTokens;
    std::optional<double> jsonAnswerShare;     // share of rows whose answer is one JSON object
    std::optional<std::int64_t> contextTokens; // of the base model
    std::optional<Computer> computer;
};
struct FactAnswer {
    std::string question, choice, because; // one plain sentence with the number in it
};
std::vector<FactAnswer> answersFromFacts(const ProjectFacts& facts);

} // namespace attune
