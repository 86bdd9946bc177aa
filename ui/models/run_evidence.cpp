#include "ui/models/run_evidence.h"

#include <algorithm>
#include <cmath>

#include "core/run/metric_sink.h"
#include "core/run/run_folder.h"
#include "core/stats/intervals.h"
#include "core/store/project.h"
#include "ui/bridge/qt_convert.h"

namespace attune {
namespace {

constexpr std::size_t kWindow = 20; // steps averaged at both ends of a run; fewer where the run is short
constexpr double kSmallestFall = 0.005; // of a loss, as a share of it

std::string scoresKey(qint64 runId) {
    return "evaluate.scores." + std::to_string(runId);
}

struct Average {
    double mean = 0, error = 0; // error: standard error of the mean
};
Average averageOf(const std::vector<double>& values, std::size_t begin, std::size_t count) {
    Average average;
    for (std::size_t i = begin; i < begin + count; ++i)
        average.mean += values[i] / double(count);
    double squares = 0;
    for (std::size_t i = begin; i < begin + count; ++i)
        squares += (values[i] - average.mean) * (values[i] - average.mean);
    average.error = count > 1 ? std::sqrt(squares / double(count - 1) / double(count)) : 0;
    return average;
}

} // namespace

RunEvidence evidenceOfEvents(const std::vector<TrainingEvent>& events) {
    RunEvidence evidence;
    std::map<std::int64_t, double> rewards, validations, generals; // by step: what a continued run repeats replaces what it said
    for (const TrainingEvent& event : events) {
        if (const auto* step = std::get_if<StepFinished>(&event)) {
            for (const char* name : {"objective/scores", "reward"})
                if (const auto found = step->metrics.find(name); found != step->metrics.end() && std::isfinite(found->second))
                    rewards[step->step] = found->second;
        } else if (const auto* eval = std::get_if<EvalFinished>(&event); eval && std::isfinite(eval->loss)) {
            if (eval->name == "validation")
                validations[eval->step] = eval->loss;
            else if (eval->name == "general")
                generals[eval->step] = eval->loss;
        }
    }
    evidence.learnsFromRewards = !rewards.empty();
    std::vector<double> values;
    for (const auto& [step, value] : rewards)
        values.push_back(value);
    if (const std::size_t window = std::min(kWindow, values.size() / 2); window >= 3) {
        const Average first = averageOf(values, 0, window), last = averageOf(values, values.size() - window, window);
        evidence.reward = BeforeAndAfter{first.mean, last.mean, 2 * std::hypot(first.error, last.error)};
    }
    std::int64_t used = -1;
    if (validations.contains(0) && validations.size() > 1) {
        const auto best = std::min_element(validations.begin(), validations.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
        used = best->first;
        evidence.validation = BeforeAndAfter{validations.at(0), best->second, kSmallestFall * std::abs(validations.at(0))};
    }
    if (generals.contains(0) && generals.size() > 1) {
        const auto at = used > 0 ? generals.find(used) : generals.end();
        evidence.general = BeforeAndAfter{generals.at(0), at == generals.end() ? generals.rbegin()->second : at->second, 0};
    }
    return evidence;
}

RunEvidence readRunEvidence(Project& project, const FinishedRun& run) {
    RunEvidence evidence;
    if (const auto record = readMetrics(RunFolder{fspath(run.folder)}.metrics()))
        evidence = evidenceOfEvents(record->events);
    if (const auto kept = project.setting(scoresKey(run.id)); kept && *kept)
        if (const auto json = parseJson(**kept, "kept scores"))
            if (auto scores = scoreChangesFromJson(*json))
                evidence.scores = std::move(*scores);
    const auto reviews = project.reviews().list();
    if (!reviews)
        return evidence;
    std::int64_t tuned = 0;
    for (const ReviewInfo& review : *reviews) {
        if (review.runId != run.id)
            continue;
        const auto items = project.reviews().items(review.id);
        const auto votes = project.reviews().votes(review.id);
        if (!items || !votes)
            continue;
        for (const Vote& vote : *votes) {
            if (vote.verdict != Verdict::Left && vote.verdict != Verdict::Right)
                continue;
            const auto item = std::find_if(items->begin(), items->end(), [&](const ReviewItem& each) { return each.id == vote.itemId; });
            if (item == items->end())
                continue;
            ++evidence.reviewed;
            tuned += (vote.verdict == Verdict::Left) == item->swapped;
        }
    }
    if (evidence.reviewed > 0) {
        evidence.preferred = double(tuned) / double(evidence.reviewed);
        evidence.preferredLow = wilsonInterval(tuned, evidence.reviewed).low;
    }
    return evidence;
}

Status keepScores(Project& project, qint64 runId, const std::vector<ScoreChange>& changes) {
    return project.setSetting(scoresKey(runId), scoreChangesToJson(changes).dump());
}

} // namespace attune
