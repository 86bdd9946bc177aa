// What this computer can do with a model: answer, and be trained by each method, in memory and speed. Plain arithmetic over
// the estimates of core/plan. Any thread.
#pragma once

#include <string>
#include <vector>

#include "core/plan/estimate.h"

namespace attune {

struct ModelCapability {
    enum class Verdict { Fits, Tight, TooLarge }; // Tight: only where other programs are closed
    std::string id;    // of the method, or "generate"
    std::string title; // "LoRA", "Answer prompts"
    std::int64_t bytes = 0;
    double tokensPerSecond = 0; // training; 0 = not estimated
    double secondsPerThousandRows = 0;
    Verdict verdict = Verdict::Fits;
};

/// Rows of `length` tokens, a quarter of them trained, eight a step; shorter where the model reads less. First answering, then
/// every method of the catalog in its order.
std::vector<ModelCapability> modelCapabilities(const ModelConfig& model, const std::string& path, const Catalog& catalog, const Computer& computer,
                                               std::int64_t length = 512);

} // namespace attune
