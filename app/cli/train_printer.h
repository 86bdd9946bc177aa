// A run's events as lines for people. Called on the engine thread.
#pragma once

#include <string>

#include "app/cli/progress_line.h"
#include "core/base/json.h"
#include "core/run/doctor.h"
#include "core/run/training_event.h"

namespace attune::cli {

/// {"type": "finding", "id": ..., "fix": ..., "set": "training.learning_rate=1e-5"}
Json findingJson(const Finding& finding);

class TrainPrinter {
public:
    void print(const TrainingEvent& event);
    void print(const Finding& finding);
    /// "Peak memory 0.89 GB (estimated 0.91 GB)", or nothing when none was reported.
    std::string memoryText() const;

private:
    ProgressLine m_line;
    MemoryReported m_memory;
    double m_smoothed = 0;
    bool m_any = false;
};

} // namespace attune::cli
