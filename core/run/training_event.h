// Everything a run says, as plain values. The engine emits them on its own thread; nothing else crosses to the window.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include "core/base/result.h"

namespace attune {

enum class RunState { Preparing, Running, Paused, Stopping, Finished, Stopped, Failed };
const char* runStateId(RunState state); // "preparing" ...

struct StateChanged {
    RunState state = RunState::Preparing;
    std::string what; // one plain sentence ("Tokenising 1,184 rows")
    double fraction = -1; // of the preparation, when known
};

/// Tells news from progress: a phase of the preparation says the same words again and again with a growing fraction, and a
/// run's record keeps them once.
class StateNews {
public:
    bool isNew(const StateChanged& state) {
        const bool same = m_any && state.state == m_last.state && state.what == m_last.what;
        m_any = true;
        if (!same)
            m_last = state;
        return !same;
    }

private:
    StateChanged m_last;
    bool m_any = false;
};
struct StepFinished {
    std::int64_t step = 0, totalSteps = 0; // 1-based after the first update
    double epoch = 0;
    double loss = 0; // of the objective; for plain learning the mean over the step's target tokens, nats
    double learningRate = 0, gradientNorm = 0;
    std::int64_t tokens = 0, targetTokens = 0; // of this step
    double seconds = 0;
    double tokensPerSecond = 0; // smoothed
    double secondsLeft = -1;
    std::map<std::string, double> metrics = {}; // of the objective: "rewards/margins" ...
};
struct EvalFinished {
    std::int64_t step = 0;
    std::string name = "validation"; // which set
    double loss = 0;
    std::int64_t targets = 0;
    bool best = false;
    std::map<std::string, double> metrics = {}; // as those of a step
};
struct SampleGenerated {
    std::int64_t step = 0;
    int index = 0; // which of the fixed prompts
    std::string prompt, expected, completion;
};
struct MemoryReported {
    std::int64_t residentBytes = 0, peakBytes = 0;
    std::int64_t predictedPeakBytes = 0; // what the estimate said for this run; 0 = unknown
    std::int64_t beforeBytes = 0; // resident before the run read its model, part of the peak: the program itself; 0 = unknown
};
struct CheckpointSaved {
    std::int64_t step = 0;
    std::string folder;
    bool best = false;
};
struct WarningRaised {
    std::int64_t step = 0;
    std::string id; // "numerical.skipped", "data.dropped_rows" ...
    std::string message, hint;
};
struct RunFailed {
    Error error;
};
/// Streaming generation (not part of a training run's record).
struct TextGenerated {
    int pane = 0;  // which model of a comparison
    int index = 0; // which prompt
    std::string text; // appended piece, valid UTF-8
    bool finished = false;
    std::string finishReason; // "stop", "length", "cancelled"
    std::int64_t tokens = 0;
    double tokensPerSecond = 0;
};

using TrainingEvent = std::variant<StateChanged, StepFinished, EvalFinished, SampleGenerated, MemoryReported, CheckpointSaved,
                                   WarningRaised, RunFailed, TextGenerated>;

} // namespace attune
