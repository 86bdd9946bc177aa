#include "core/rewards/answer_rewards.h"

#include <charconv>
#include <cmath>
#include <optional>
#include <string>

#include "core/eval/text_metrics.h"
#include "core/plan/catalog.h"
#include "core/rewards/reward_params.h"

namespace attune {

namespace {

bool isDigit(char c) {
    return c >= '0' && c <= '9';
}

// Digits with commas between them and at most one point, a sign in front.
std::optional<double> lastNumber(std::string_view text) {
    std::size_t end = text.size();
    while (end > 0 && !isDigit(text[end - 1]))
        --end;
    if (end == 0)
        return std::nullopt;
    std::size_t begin = end;
    const auto joins = [&](std::size_t i) { return (text[i] == ',' || text[i] == '.') && i > 0 && isDigit(text[i - 1]); };
    while (begin > 0 && (isDigit(text[begin - 1]) || joins(begin - 1)))
        --begin;
    // "5-7" is a range, not a negative number.
    const bool negative = begin > 0 && text[begin - 1] == '-' && (begin < 2 || !isDigit(text[begin - 2]));
    std::string digits(negative ? "-" : "");
    for (const char c : text.substr(begin, end - begin))
        if (c != ',')
            digits += c;
    double value = 0;
    const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (read.ec != std::errc() || read.ptr != digits.data() + digits.size() || !std::isfinite(value))
        return std::nullopt;
    return value;
}

std::string withoutAnswer(std::string_view reference) {
    return reference.find_first_not_of(" \t\r\n") == std::string_view::npos ? "it has no answer of its own" : "";
}

} // namespace

std::string ExactMatchReward::referenceProblem(std::string_view reference) const {
    return withoutAnswer(reference);
}

std::string SimilarityReward::referenceProblem(std::string_view reference) const {
    return withoutAnswer(reference);
}

std::string NumberReward::referenceProblem(std::string_view reference) const {
    return lastNumber(reference) ? "" : "its own answer has no number";
}

ExactMatchReward::ExactMatchReward() {
    m_description.id = "exact_match";
    m_description.title = "Equals the row's answer";
    m_description.summary = "The answer is the row's own answer.";
    m_description.params = {rewardParam("strict", "Equal answer: letter by letter", false,
                                        "Compares every character; otherwise capitals, punctuation and articles do not count.")};
}

Result<std::unique_ptr<Reward>> ExactMatchReward::configured(const ParamMap& params) const {
    auto made = std::make_unique<ExactMatchReward>();
    made->m_strict = paramBool(params, m_description.params, "strict");
    return made;
}

double ExactMatchReward::score(const RewardInput& input) const {
    return (m_strict ? strictMatch(input.answer, input.reference) : exactMatch(input.answer, input.reference)) ? 1 : 0;
}

NumberReward::NumberReward() {
    m_description.id = "number";
    m_description.title = "The same number";
    m_description.summary = "The last number of the answer is the last number of the row's own answer: for calculations.";
}

Result<std::unique_ptr<Reward>> NumberReward::configured(const ParamMap&) const {
    return std::make_unique<NumberReward>();
}

double NumberReward::score(const RewardInput& input) const {
    const auto given = lastNumber(input.answer), wanted = lastNumber(input.reference);
    return given && wanted && std::abs(*given - *wanted) <= 1e-9 * std::max(1.0, std::abs(*wanted)) ? 1 : 0;
}

SimilarityReward::SimilarityReward() {
    m_description.id = "similarity";
    m_description.title = "Words shared with the row's answer";
    m_description.summary = "How many words the answer shares with the row's own answer (F1).";
}

Result<std::unique_ptr<Reward>> SimilarityReward::configured(const ParamMap&) const {
    return std::make_unique<SimilarityReward>();
}

double SimilarityReward::score(const RewardInput& input) const {
    return tokenF1(input.answer, input.reference);
}

} // namespace attune
