// A run's events as lines for people. Called on the engine thread.
#pragma once

#include "app/cli/progress_line.h"
#include "core/run/training_event.h"

namespace attune::cli {

class TrainPrinter {
public:
    void print(const TrainingEvent& event);

private:
    ProgressLine m_line;
    double m_smoothed = 0;
    bool m_any = false;
};

} // namespace attune::cli
