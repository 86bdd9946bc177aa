// A model that says the same whatever it is asked, or repeats itself: distinct-2 and self-BLEU of the watched answers, and
// the entropy of its choices.
#include <algorithm>

#include "core/data/text_diversity.h"
#include "core/run/doctor_rules/doctor_rule.h"

namespace attune {

namespace {

constexpr std::size_t kCollapseAnswers = 3;
constexpr double kLessVaried = 0.5;      // distinct-2 against the reference's
constexpr double kAlike = 0.6, kMoreAlike = 0.3; // self-BLEU, and by how much above the reference's
constexpr double kLeastEntropy = 0.1, kEntropyLeft = 0.2; // nats a token, and share of the first steps'

std::vector<std::string> whereKnown(const std::vector<std::string>& texts) {
    std::vector<std::string> known;
    for (const std::string& text : texts)
        if (!text.empty())
            known.push_back(text);
    return known;
}

Finding collapsed(const RunHistory& history, std::int64_t step, std::int64_t back, std::string message, bool serious) {
    Finding finding{"answers.collapsed", serious ? Finding::Severity::Serious : Finding::Severity::Warning, step, std::move(message),
                    "Read the watched answers; a lower learning rate or fewer epochs keep them apart.", rateTimes(history, 0.5)};
    finding.useCheckpoint = history.checkpointAt(back);
    return finding;
}

// Against the expected answers where all are known, which may be alike by their nature, else against the first checkpoint's.
std::optional<Finding> varietyOfWatched(const RunHistory& history) {
    const auto watched = watchedAnswers(history);
    if (watched.size() < 2 || watched.back().answers.size() < kCollapseAnswers)
        return std::nullopt;
    const WatchedAnswers &now = watched.back(), &before = watched[watched.size() - 2];
    const std::vector<std::string> known = whereKnown(now.expected);
    const std::vector<std::string>& reference = known.size() == now.expected.size() ? known : watched.front().answers;
    const double variety = distinctN(now.answers, 2), usual = distinctN(reference, 2);
    const double alike = selfBleu(now.answers), usuallyAlike = selfBleu(reference);
    const bool same = std::all_of(now.answers.begin(), now.answers.end(), [&](const std::string& answer) { return answer == now.answers[0]; }) &&
                      std::any_of(reference.begin(), reference.end(), [&](const std::string& text) { return text != reference[0]; });
    if (same)
        return collapsed(history, now.step, before.step, "All " + std::to_string(now.answers.size()) + " watched prompts get the same answer.", true);
    if (alike > kAlike && alike > usuallyAlike + kMoreAlike)
        return collapsed(history, now.step, before.step,
                         "The watched answers have become much alike (self-BLEU " + shortNumber(alike) + ", expected " + shortNumber(usuallyAlike) + ").", false);
    if (variety < kLessVaried * usual)
        return collapsed(history, now.step, before.step,
                         "The watched answers repeat themselves: " + shortNumber(100 * variety) + " % of their word pairs are different, usual are " +
                             shortNumber(100 * usual) + " %.",
                         false);
    return std::nullopt;
}

std::optional<Finding> varietyOfChoices(const RunHistory& history) {
    const std::string metric = history.metricOf({"entropy", "policy/entropy_avg"});
    // Learning from examples ends in certainty; a model that learns from its own answers, or from comparing answers, must stay curious.
    if (metric.empty() || history.metricOf({"reward", "objective/scores", "rewards/margins"}).empty() || history.steps.size() < 3 * RunHistory::kWindow)
        return std::nullopt;
    const auto before = history.first(metric), now = history.recent(metric);
    if (!before || !now || !(*now < kLeastEntropy && *now < kEntropyLeft * *before))
        return std::nullopt;
    Finding finding{"entropy.collapsed", Finding::Severity::Warning, history.steps.back().step,
                    "The model hardly varies its answers any more (entropy " + shortNumber(*before) + " to " + shortNumber(*now) +
                        " nats a token), so there is little left to learn from.",
                    "Lower the learning rate, or hold the model closer to its start.", rateTimes(history, 0.5)};
    return finding;
}

} // namespace

std::vector<DoctorRule> collapseRules() {
    return {{DoctorRule::After::Answers, varietyOfWatched}, {DoctorRule::After::Step, varietyOfChoices}};
}

} // namespace attune
