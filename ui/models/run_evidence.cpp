#include "ui/models/run_evidence.h"

#include <algorithm>
#include <cmath>

#include <QDateTime>

#include "core/run/metric_sink.h"
#include "core/run/run_folder.h"
#include "core/stats/intervals.h"
#include "core/store/project.h"
#include "ui/bridge/qt_convert.h"
#include "ui/models/kept_evaluation.h"

namespace attune {
namespace {

constexpr std::size_t kWindow = 20; // steps averaged at both ends of a run; fewer where the run is short
constexpr double kSmallestFall = 0.005; // of a loss, as a share of it

std::string limitsKey(qint64 runId) {
    return "limits." + std::to_string(runId);
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
    addLosses(evidence, validations, generals);
    return evidence;
}

void addLosses(RunEvidence& evidence, const std::map<std::int64_t, double>& validations, const std::map<std::int64_t, double>& generals) {
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
}

namespace {

std::vector<TrainingEvent> recordOf(const FinishedRun& run) {
    auto record = readMetrics(RunFolder{fspath(run.folder)}.metrics());
    return record ? std::move(record->events) : std::vector<TrainingEvent>();
}

RunEvidence evidenceWith(Project& project, const FinishedRun& run, const std::vector<TrainingEvent>& events) {
    RunEvidence evidence = evidenceOfEvents(events);
    evidence.asked = askedOf(project, run);
    if (auto kept = readEvaluation(project, run.id, false); kept && *kept) {
        evidence.scores = std::move((*kept)->evaluation.changes);
        evidence.scoresAreOlder = (*kept)->isOlderThan(run.finished);
    }
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

} // namespace

RunEvidence readRunEvidence(Project& project, const FinishedRun& run) {
    return evidenceWith(project, run, recordOf(run));
}

RunJudgement readRunJudgement(Project& project, const FinishedRun& run, const Catalog& catalog) {
    const std::vector<TrainingEvent> events = recordOf(run);
    RunJudgement judgement{judgeRun(evidenceWith(project, run, events)), {}};
    const auto record = project.runs().get(run.id);
    const auto config = record ? parseRunConfig(record->recipe, catalog, record->name) : Result<RunConfig>(fail(record.error()));
    if (!config)
        return judgement;
    Doctor doctor(DoctorFacts::of(*config, catalog));
    for (const TrainingEvent& event : events)
        (void)doctor.add(event);
    judgement.findings = doctor.findings();
    return judgement;
}

Status changeLimits(Project& project, const FinishedRun& run, const AcceptanceLimits& limits) {
    if (limits == run.asked)
        return project.removeSetting(limitsKey(run.id));
    const Json json{{"general_rise", limits.generalRise}, {"score_gain", limits.scoreGain}, {"time", QDateTime::currentMSecsSinceEpoch()}};
    return project.setSetting(limitsKey(run.id), json.dump());
}

AskedOfRun askedOf(Project& project, const FinishedRun& run) {
    AskedOfRun asked{run.asked};
    const auto kept = project.setting(limitsKey(run.id));
    if (!kept || !*kept)
        return asked;
    const auto json = parseJson(**kept, "The changed limits");
    if (!json || !json->is_object())
        return asked;
    try {
        const AcceptanceLimits limits{json->at("general_rise").get<double>(), json->at("score_gain").get<double>()};
        const std::int64_t changed = json->at("time").get<std::int64_t>();
        if (std::isfinite(limits.generalRise) && std::isfinite(limits.scoreGain))
            asked = {limits, run.asked, changed};
    } catch (const Json::exception&) {
        return asked; // damaged: what was set before training counts
    }
    return asked;
}

} // namespace attune
