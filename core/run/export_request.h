// What an exporter is asked for and what it found when it read its files back. Values; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/param_spec.h"

namespace attune {

struct ExportRequest {
    std::string runFolder, format, outputFolder; // format: "adapter", "merged", "gguf"
    ParamMap options = {};                       // by the keys of the exporter's params in the catalog
};
struct ExportReport {
    std::vector<std::string> files;
    double maxLogitDifference = 0; // reloaded export against the checkpoint
    double tokenAgreement = 0;     // share of greedy tokens that agree
    std::int64_t comparedTokens = 0;
};

} // namespace attune
