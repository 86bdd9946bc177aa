#include "app/cli/sweep_printer.h"

#include <algorithm>
#include <cstdio>
#include <iostream>

namespace attune::cli {

namespace {

std::string duration(double seconds) {
    char text[48];
    if (seconds < 60)
        std::snprintf(text, sizeof text, "%.0f %s", std::max(1.0, seconds), seconds < 1.5 ? "second" : "seconds");
    else if (seconds < 3600)
        std::snprintf(text, sizeof text, "%.0f %s", seconds / 60, seconds < 90 ? "minute" : "minutes");
    else
        std::snprintf(text, sizeof text, "%.1f hours", seconds / 3600);
    return text;
}

// "learning_rate 0.001  r 8": the path's section is known to whoever wrote the command.
std::string valuesText(const SweepPlan& plan, const std::vector<std::string>& values) {
    std::string text;
    for (std::size_t i = 0; i < plan.knobs.size() && i < values.size(); ++i) {
        const std::string& path = plan.knobs[i].path;
        text += (text.empty() ? "" : "  ") + (path.ends_with(".id") ? path.substr(0, path.size() - 3) : path.substr(path.find('.') + 1)) + " " + values[i];
    }
    return text;
}

Json valuesJson(const SweepPlan& plan, const std::vector<std::string>& values) {
    Json json = Json::object();
    for (std::size_t i = 0; i < plan.knobs.size() && i < values.size(); ++i)
        json[plan.knobs[i].path] = values[i];
    return json;
}

std::string resultText(double value) {
    char text[32];
    std::snprintf(text, sizeof text, "%.4f", value);
    return text;
}

const char* endId(TrialEnd end) {
    return end == TrialEnd::Measured ? "measured" : end == TrialEnd::Failed ? "failed" : "interrupted";
}

} // namespace

void printSweepPlan(const Cli& cli, const SweepPlan& plan, std::size_t trials, const std::optional<SweepEstimate>& estimate) {
    const int rungs = rungCount(plan, trials);
    if (cli.json) {
        Json knobs = Json::array(), members = Json::array();
        for (const SweepKnob& knob : plan.knobs)
            knobs.push_back(sweepKnobText(knob));
        for (int rung = 0; rung < rungs; ++rung)
            members.push_back(trialsAtRung(plan, trials, rung));
        Json json{{"event", "plan"}, {"kind", sweepKindId(plan.kind)}, {"knobs", knobs}, {"trials", trials}, {"metric", plan.metric}};
        if (rungs > 1)
            json["trials_at_rung"] = members;
        if (estimate)
            json["steps"] = estimate->steps, json["seconds_estimated"] = estimate->seconds, json["peak_bytes_estimated"] = estimate->peakBytes;
        printJson(json);
        return;
    }
    std::string text = std::to_string(trials) + (trials == 1 ? " trial" : " trials");
    for (int rung = 1; rung < rungs; ++rung)
        text += (rung == 1 ? ", of which " : ", then ") + std::to_string(trialsAtRung(plan, trials, rung)) + (rung == 1 ? " go on" : "");
    if (estimate)
        text += "; about " + std::to_string(estimate->steps) + " steps and " + duration(estimate->seconds) + " (estimated)";
    std::cout << text << '\n';
    if (plan.kind != SweepKind::Grid && static_cast<std::int64_t>(trials) < plan.trials)
        std::cout << "note: these knobs have no more than " << trials << " different settings\n";
}

void printTrial(const Cli& cli, const SweepState& state, const PreparedTrial& trial, TrialEnd end) {
    const SweepTrialRecord& record = state.trials[static_cast<std::size_t>(trial.position)];
    const std::vector<std::size_t> ranking = state.ranking();
    const bool best = end == TrialEnd::Measured && !ranking.empty() && ranking.front() == static_cast<std::size_t>(trial.position);
    if (cli.json) {
        Json json{{"event", "trial"},
                  {"sweep", state.record.id},
                  {"trial", trial.position + 1},
                  {"of", state.trials.size()},
                  {"run", record.runId},
                  {"values", valuesJson(state.plan, record.values)},
                  {"state", endId(end)},
                  {"best_so_far", best}};
        if (trial.rungs > 1)
            json["rung"] = trial.rung + 1, json["rungs"] = trial.rungs;
        if (end == TrialEnd::Measured)
            json[state.plan.metric] = record.results.back();
        if (record.failed)
            json["error"] = record.error;
        printJson(json);
        return;
    }
    std::cout << "trial " << trial.position + 1 << " of " << state.trials.size();
    if (trial.rungs > 1)
        std::cout << ", rung " << trial.rung + 1 << " of " << trial.rungs;
    std::cout << "  " << valuesText(state.plan, record.values) << "  ";
    if (end == TrialEnd::Measured)
        std::cout << state.plan.metric << ' ' << resultText(record.results.back()) << (best ? "  (best so far)" : "");
    else if (end == TrialEnd::Failed)
        std::cout << "failed: " << record.error;
    else
        std::cout << "stopped";
    std::cout << std::endl;
}

void printSweepTable(const Cli& cli, const SweepState& state) {
    const std::vector<std::size_t> ranking = state.ranking();
    if (cli.json) {
        Json list = Json::array();
        for (const std::size_t i : ranking) {
            const SweepTrialRecord& trial = state.trials[i];
            list.push_back({{"trial", trial.position + 1},
                            {"run", trial.runId},
                            {"values", valuesJson(state.plan, trial.values)},
                            {"rungs_reached", trial.results.size()},
                            {state.plan.metric, trial.results.back()}});
        }
        printJson({{"event", "result"}, {"sweep", state.record.id}, {"state", state.record.state}, {"ranking", list}});
        return;
    }
    std::cout << "\nsweep " << state.record.id << " " << state.record.state << ", best first:\n";
    std::size_t place = 0;
    for (const std::size_t i : ranking) {
        const SweepTrialRecord& trial = state.trials[i];
        std::cout << "  " << ++place << ".  " << state.plan.metric << ' ' << resultText(trial.results.back()) << "  "
                  << valuesText(state.plan, trial.values) << "  (trial " << trial.position + 1 << ", run " << trial.runId;
        if (const int rungs = rungCount(state.plan, state.trials.size()); rungs > 1)
            std::cout << ", rung " << trial.results.size() << " of " << rungs;
        std::cout << ")\n";
    }
    for (const SweepTrialRecord& trial : state.trials)
        if (trial.failed)
            std::cout << "  failed  " << valuesText(state.plan, trial.values) << "  (trial " << trial.position + 1 << "): " << trial.error << '\n';
}

} // namespace attune::cli
