// The Advisor's knowledge as data: options, criteria, questions, rules and the six classic scenarios. No logic here:
// the matrix (decision_matrix.h) only adds up what these rows say, so every point of a score has a sentence behind it.
#pragma once

#include <array>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace attune {

/// The four options, in order of effort: a tie goes to the earlier one.
enum class Approach { Prompting, PromptingRag, FineTune, FineTuneRag };
inline constexpr std::size_t kApproachCount = 4;

struct ApproachInfo {
    Approach approach = Approach::Prompting;
    std::string id, title, summary;      // "prompting", "prompting_rag", "fine_tune", "fine_tune_rag"
    std::string time, memory, money;     // what it costs, in words
    std::vector<std::string> nextSteps;  // plain sentences
    std::vector<std::string> stationIds; // the station each step leads to ("data", "train", "evaluate", "ship")
};
struct Criterion {
    std::string id, title, help;
    double weight = 1; // default; editable, 0 .. kMaxWeight
};
inline constexpr double kMaxWeight = 5;

struct AnswerChoice {
    std::string id, text;
};
struct Question {
    std::string id, text, help;
    std::vector<AnswerChoice> choices;
};
/// An answer that is given moves the four options on one criterion; the sentence says why (points -3 .. 3, 0 =
/// unmoved).
struct DecisionRule {
    std::string question, choice, criterion;
    std::array<double, kApproachCount> points;
    std::string reason;
};
using Answers = std::map<std::string, std::string>; // question id -> choice id
struct Scenario {
    std::string id, title, summary;
    Answers answers;
    Approach recommendation = Approach::Prompting;
};
struct DecisionRules {
    std::vector<ApproachInfo> approaches;
    std::vector<Criterion> criteria;
    std::vector<Question> questions;
    std::vector<DecisionRule> rules;
    std::vector<Scenario> scenarios;

    const ApproachInfo& info(Approach approach) const { return approaches[static_cast<std::size_t>(approach)]; }
    const Question* question(std::string_view id) const; // null when there is none
    const Criterion* criterion(std::string_view id) const;
};
const DecisionRules& decisionRules();

} // namespace attune
