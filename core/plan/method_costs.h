// The classic table: what each method would need for the same recipe, model and rows, against this computer. Plain
// arithmetic; any thread.
#pragma once

#include <string>
#include <vector>

#include "core/plan/estimate.h"

namespace attune {

/// Fits: into the memory that is free. Tight: into this computer, once other programs give theirs back.
enum class MemoryFit { Fits, Tight, TooLarge };
MemoryFit memoryFit(const MemoryEstimate& memory, const Computer& computer);

struct MethodCost {
    std::string method; // id
    MemoryEstimate memory;
    TimeEstimate time;
    std::int64_t trainable = 0; // parameters
    MemoryFit fit = MemoryFit::Fits;
};
/// One for each method of the catalog, in its order. The recipe's own method counts with its settings, the others with
/// their defaults.
std::vector<MethodCost> methodCosts(const ModelConfig& model, const RunConfig& config, const Catalog& catalog, const DataShape& data,
                                    const Computer& computer);

} // namespace attune
