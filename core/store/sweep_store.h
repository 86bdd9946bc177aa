// Sweeps and their trials: the plan, which run belongs to which trial, and what came out. Enough to go on after a crash.
// Safe to call from any thread. Knows neither recipes nor plans (texts here) and decides nothing: see core/run/sweep_session.h.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/result.h"

namespace attune {

class Database;

struct SweepRecord {
    std::int64_t id = 0;
    std::string name;
    std::string recipe; // YAML, complete: what every trial starts from
    std::string plan;   // JSON
    std::string source; // identity of data given as files; "" for a version of the project
    std::string state = "waiting"; // "waiting", "running", "stopped", "interrupted", "finished"
    std::string error;             // why it stopped by itself; failed trials have their own
    std::int64_t created = 0, finished = 0; // milliseconds since 1970, UTC; finished 0 = not yet
};

struct SweepTrialRecord {
    std::int64_t position = 0;       // 0-based, in the order they are trained
    std::vector<std::string> values; // beside the plan's knobs
    std::int64_t runId = 0;          // 0 = none yet
    std::vector<double> results;     // the metric at each rung it reached
    bool failed = false;
    std::string error; // why it failed
};

class SweepStore {
public:
    explicit SweepStore(Database& database) : m_database(database) {}

    /// Records a sweep with its trials (positions by order) in one transaction and returns its id.
    Result<std::int64_t> add(const SweepRecord& sweep, const std::vector<std::vector<std::string>>& trials);
    /// Errors: NotFound.
    Result<SweepRecord> get(std::int64_t sweepId);
    Result<std::vector<SweepRecord>> list(); // newest first
    Result<std::vector<SweepTrialRecord>> trials(std::int64_t sweepId);
    /// "finished", "stopped" and "interrupted" set the time of the end.
    Status setState(std::int64_t sweepId, const std::string& state, const std::string& error = {});
    /// Run, results, failure and reason of the trial at its position.
    Status setTrial(std::int64_t sweepId, const SweepTrialRecord& trial);
    /// Sweeps that a dead process left running become "interrupted". Called when a project opens.
    Status markInterrupted();

private:
    Database& m_database;
};

} // namespace attune
