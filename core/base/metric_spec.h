// A figure that a run reports beside its loss, described as data: charts, tables and reports read these lists. Values only.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace attune {

struct MetricSpec {
    std::string key;   // its name in StepFinished::metrics and EvalFinished::metrics; one "*" stands for any part of it
    std::string label; // "Reward margin"; a "*" in it is filled with what the key's stands for
    std::string unit;  // "nats", "tokens"; "share" = 0 to 1, shown in per cent; "" = none
    std::string help;  // one plain sentence: what it is, and which way is good
    bool leading = true; // drawn unasked; the others when the user wants them
};

/// The spec of a metric's name with its "*" filled; null where none of them fits. `filled` holds the result then.
const MetricSpec* findMetric(const std::vector<MetricSpec>& specs, std::string_view name, MetricSpec& filled);

} // namespace attune
