// Answers that grow or shrink: in what is sampled for learning, and in the watched answers against the expected ones.
#include <algorithm>

#include "core/data/text_diversity.h"
#include "core/run/doctor_rules/doctor_rule.h"

namespace attune {

namespace {

constexpr double kLonger = 1.8, kShorter = 0.4; // against the first steps
constexpr double kTooLong = 2.5, kTooShort = 0.3; // against the expected answers
constexpr double kLeastWords = 5, kLeastTokens = 8;
constexpr std::size_t kLengthAnswers = 3;

Finding drift(const RunHistory& history, std::int64_t step, std::string message, bool longer) {
    Finding finding{"length.drift", Finding::Severity::Warning, step, std::move(message),
                    longer ? "Weigh answers by their length, or hold the model closer to its start."
                           : "Look whether short answers are rewarded; hold the model closer to its start.",
                    ""};
    const auto type = history.facts.objectiveParams.find("loss_type");
    const auto* loss = type == history.facts.objectiveParams.end() ? nullptr : std::get_if<std::string>(&type->second);
    if (history.facts.objective == "dpo" && loss && *loss == "sigmoid")
        finding.assignment = "objective.loss_type=sigmoid_norm"; // by the average per token
    else
        finding.assignment = holdTighter(history, 2);
    return finding;
}

std::optional<Finding> lengthOfSampled(const RunHistory& history) {
    constexpr const char* metric = "completions/mean_length";
    if (history.steps.size() < 3 * RunHistory::kWindow)
        return std::nullopt;
    const auto before = history.first(metric), now = history.recent(metric);
    if (!before || !now || std::max(*before, *now) < kLeastTokens || (*now < kLonger * *before && *now > kShorter * *before))
        return std::nullopt;
    return drift(history, history.steps.back().step,
                 "The sampled answers have gone from " + shortNumber(*before) + " to " + shortNumber(*now) + " tokens on average.",
                 *now > *before);
}

double meanWords(const std::vector<std::string>& texts) {
    double words = 0;
    for (const std::string& text : texts)
        words += static_cast<double>(wordsOf(text).size());
    return words / static_cast<double>(texts.size());
}

// Only what the training did: the answers must be farther from the expected length than those of the first checkpoint.
std::optional<Finding> lengthOfWatched(const RunHistory& history) {
    const auto watched = watchedAnswers(history);
    if (watched.size() < 2 || watched.back().answers.size() < kLengthAnswers)
        return std::nullopt;
    const WatchedAnswers& now = watched.back();
    for (const std::string& expected : now.expected)
        if (expected.empty())
            return std::nullopt;
    const double wanted = meanWords(now.expected), first = meanWords(watched.front().answers), length = meanWords(now.answers);
    const bool longer = length > kTooLong * wanted && length > first, shorter = length < kTooShort * wanted && length < first;
    if (std::max(wanted, length) < kLeastWords || (!longer && !shorter))
        return std::nullopt;
    return drift(history, now.step,
                 "The watched answers have " + shortNumber(length) + " words on average, the expected ones " + shortNumber(wanted) +
                     "; at step " + std::to_string(watched.front().step) + " it was " + shortNumber(first) + ".",
                 longer);
}

} // namespace

std::vector<DoctorRule> lengthRules() {
    return {{DoctorRule::After::Step, lengthOfSampled}, {DoctorRule::After::Answers, lengthOfWatched}};
}

} // namespace attune
