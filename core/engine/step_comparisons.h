// What a step's samples are measured against before it begins: the divergence from the reference over mismatched rows (KTO), and the
// answers of other pairs (losses that sort). Forward only. Engine thread.
#pragma once

#include <span>
#include <stop_token>
#include <vector>

#include "core/engine/sample_rows.h"

namespace attune {

struct StepComparisons {
    double divergence = 0;        // see StepWindow
    std::vector<double> partners; // one for each trained row of the samples, in their order; empty where none are needed
};

/// Nothing is done for objectives that need neither. After a stop request the result is of no use. Errors: those of TrainingPass.
Result<StepComparisons> compareSamples(TrainingPass& pass, const Objective& objective, const SampleRows& data,
                                       std::span<const std::uint32_t> samples, std::int64_t microBatchTokens, const std::stop_token* stop);

/// Packs samples[i] for each i of `group`, with their partners.
PackedRows packCompared(const SampleRows& data, std::span<const std::uint32_t> samples, std::span<const std::uint32_t> group,
                        const StepComparisons& comparisons);

} // namespace attune
