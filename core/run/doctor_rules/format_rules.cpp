// The form of the watched answers: JSON that no longer is any, markers of the chat template as text, empty answers.
#include <algorithm>

#include "core/base/json.h"
#include "core/base/space.h"
#include "core/run/doctor_rules/doctor_rule.h"

namespace attune {

namespace {

constexpr std::size_t kFormatAnswers = 2;
constexpr double kMostly = 0.6, kLost = 0.34; // share of the answers

bool isJsonDocument(const std::string& text) {
    const std::string_view inner = trimmed(text);
    if (inner.empty() || (inner.front() != '{' && inner.front() != '['))
        return false;
    return parseJson(inner, "answer", {.maxBytes = std::size_t{1} << 20, .maxDepth = 32}).has_value();
}

template <class F>
double shareOf(const std::vector<std::string>& texts, F&& f) {
    return static_cast<double>(std::count_if(texts.begin(), texts.end(), f)) / static_cast<double>(texts.size());
}

std::optional<Finding> brokenJson(const RunHistory& history) {
    const auto watched = watchedAnswers(history);
    if (watched.size() < 2 || watched.back().answers.size() < kFormatAnswers || shareOf(watched.back().expected, isJsonDocument) < kMostly)
        return std::nullopt;
    double best = 0;
    std::int64_t bestStep = -1;
    for (const WatchedAnswers& each : watched)
        if (const double valid = shareOf(each.answers, isJsonDocument); valid > best)
            best = valid, bestStep = each.step;
    const double now = shareOf(watched.back().answers, isJsonDocument);
    if (best - now < kLost)
        return std::nullopt;
    Finding finding{"format.json", Finding::Severity::Serious, watched.back().step,
                    "Only " + shortNumber(100 * now) + " % of the watched answers are valid JSON; at step " + std::to_string(bestStep) +
                        " it was " + shortNumber(100 * best) + " %.",
                    "Go back to that step, or train again with a lower learning rate.", rateTimes(history, 0.5)};
    finding.useCheckpoint = history.checkpointAt(bestStep);
    return finding;
}

// "<|im_end|>", "[INST]", "<start_of_turn>": written out, they are no markers any more.
bool hasMarker(const std::string& text) {
    const std::size_t begin = text.find("<|");
    return (begin != std::string::npos && text.find("|>", begin) != std::string::npos) || text.find("[INST]") != std::string::npos ||
           text.find("<start_of_turn>") != std::string::npos || text.find("<end_of_turn>") != std::string::npos;
}

std::optional<Finding> templateMarkers(const RunHistory& history) {
    const auto watched = watchedAnswers(history);
    if (watched.empty() || watched.back().answers.size() < kFormatAnswers || shareOf(watched.back().expected, hasMarker) > 0)
        return std::nullopt;
    const WatchedAnswers& now = watched.back();
    const double first = shareOf(watched.front().answers, hasMarker), marked = shareOf(now.answers, hasMarker);
    if (now.step == 0 || marked < 0.5 || (watched.size() > 1 && marked <= first))
        return std::nullopt;
    return Finding{"format.markers", Finding::Severity::Warning, now.step,
                   shortNumber(100 * marked) + " % of the watched answers hold markers of the chat template as text.",
                   "Look at a row in the loss view: the markers may be in the rows' own text, or the model's template may be another.", ""};
}

std::optional<Finding> emptyAnswers(const RunHistory& history) {
    const auto watched = watchedAnswers(history);
    const auto blank = [](const std::string& text) { return isBlank(text); };
    if (watched.size() < 2 || watched.back().answers.size() < kFormatAnswers || shareOf(watched.back().expected, blank) > 0.4)
        return std::nullopt;
    const double before = shareOf(watched[watched.size() - 2].answers, blank), now = shareOf(watched.back().answers, blank);
    if (now < 0.5 || shareOf(watched.front().answers, blank) >= 0.5)
        return std::nullopt;
    Finding finding{"format.empty", Finding::Severity::Serious, watched.back().step,
                    shortNumber(100 * now) + " % of the watched answers are empty (" + shortNumber(100 * before) + " % at the checkpoint before).",
                    "Look for rows with empty answers in Data, and train again with a lower learning rate.", rateTimes(history, 0.5)};
    finding.useCheckpoint = history.checkpointAt(watched[watched.size() - 2].step);
    return finding;
}

} // namespace

std::vector<DoctorRule> formatRules() {
    using After = DoctorRule::After;
    return {{After::Answers, brokenJson}, {After::Answers, templateMarkers}, {After::Answers, emptyAnswers}};
}

} // namespace attune
