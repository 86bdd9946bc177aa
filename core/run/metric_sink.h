// metrics.jsonl: everything a run says, one JSON object per line, written as it comes, so that nothing is lost when the
// window dies. A MetricSink lives on the thread that emits. Streaming text (TextGenerated) and the fractions of a phase of the
// preparation are not part of a run's record and are skipped.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/base/files.h"
#include "core/run/training_event.h"

namespace attune {

class MetricSink {
public:
    /// Opens for appending. A line that a crash cut off in the middle is removed first.
    static Result<MetricSink> open(const fs::path& file);
    MetricSink(MetricSink&& other) noexcept;
    MetricSink& operator=(MetricSink&& other) noexcept;
    ~MetricSink();
    /// One write per line. Errors: OutOfSpace, Io; later calls may succeed again (a partial line is removed).
    Status write(const TrainingEvent& event);

private:
    MetricSink() = default;
    fs::path m_file;
    int m_fd = -1;
    StateNews m_news;
};

struct MetricsRead {
    std::vector<TrainingEvent> events;
    std::vector<std::size_t> badLines; // 1-based lines that could not be read
};
/// Reads the whole record; damaged lines are listed, not fatal. Errors: NotFound, Io.
Result<MetricsRead> readMetrics(const fs::path& file);

/// One curve: x = optimizer step.
struct MetricSeries {
    std::vector<double> steps, values;
};
/// Curves by name: "loss", "learning_rate", "gradient_norm", "tokens_per_second", "eval.<set>", and the objective's own
/// ("rewards/margins", "eval.<set>.rewards/margins"). After a resume a step may be recorded twice; the later record counts.
std::map<std::string, MetricSeries> metricCurves(const std::vector<TrainingEvent>& events);

} // namespace attune
