// What a check measures. Values; any thread.
#pragma once

#include <cstdint>
#include <string>

namespace attune {

/// What two real optimizer steps over the longest rows took; see Engine::measureSteps.
struct StepMeasurement {
    std::int64_t steps = 0, rows = 0, longestTokens = 0; // rows: of each step; the longest sample after cutting
    std::int64_t peakBytes = 0, predictedPeakBytes = 0;  // resident in this process while it ran; the estimate for the run
    std::int64_t beforeBytes = 0; // resident before the model was read, part of peakBytes: the program itself
    double secondsPerStep = 0;   // of the last step: the first one also asks the system for its memory
    double tokensPerSecond = 0;  // of the last step
    std::int64_t runSteps = 0;   // of the whole run
    double runSeconds = 0;       // of the whole run at that speed, with its average rows; validation and answers left out
    double otherLoad = -1; // share of all processors that other programs used meanwhile, 0 to 1; -1 = cannot be told
    std::string precision, activations; // what the recipe's "auto" became
};

} // namespace attune
