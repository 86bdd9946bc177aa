// One training run from start to its end, on the engine thread. Every event passes here on its way to the sink, so that
// whatever the engine does (throws, forgets its last word, says it twice) a run ends with exactly one of Finished,
// Stopped, Failed, as the last event.
#pragma once

#include <memory>
#include <mutex>

#include "core/run/pause_token.h"
#include "core/run/train_request.h"
#include "core/run/engine_thread.h"
#include "core/run/run_folder.h" // isFinal

namespace attune {

class Engine;

class RunController {
public:
    /// `sink` is called on the engine thread (start() failures excepted: those are returned). Engine and thread must
    /// outlive this.
    RunController(Engine& engine, EngineThread& thread, Emit sink);
    ~RunController(); // stops a running run and waits for its end
    RunController(const RunController&) = delete;
    RunController& operator=(const RunController&) = delete;

    /// Creates request.folder, queues the run and records every event in its metrics.jsonl (the engine writes no record
    /// of its own). Errors: Busy while a run is active; what writing its folder says.
    Status start(TrainRequest request);
    void pause(); // between two optimizer steps; nothing happens when no run is active
    void resume();
    void stop(); // keeps the last checkpoint; also ends a pause
    bool active() const;
    RunState state() const; // of the current or last run
    /// Blocks until the run has ended; its result. A controller that ran nothing returns success.
    Status wait();

private:
    struct Run;
    std::shared_ptr<Run> current() const;

    Engine& m_engine;
    EngineThread& m_thread;
    Emit m_sink;
    mutable std::mutex m_mutex;
    std::shared_ptr<Run> m_run;
};

} // namespace attune
