// Rotary position embedding: the frequencies of every scaling kind and the tables of cosines and sines that training
// and decoding share. Pure functions in double precision; no torch.
#pragma once

#include <cstdint>
#include <vector>

#include "core/model_files/model_config.h"

namespace attune {

struct RopeFrequencies {
    std::vector<double> inverse; // [headDim / 2], radians per position
    double attentionScale = 1.0; // multiplies cosines and sines (yarn, longrope)
    bool operator==(const RopeFrequencies&) const = default;
};

/// The frequencies for a sequence of `length` tokens; only dynamic and longrope depend on it. Same numbers as Hugging
/// Face's modeling_rope_utils.
RopeFrequencies ropeFrequencies(const ModelConfig& config, std::int64_t length);

/// True when sequences of different lengths may need different frequencies.
bool ropeDependsOnLength(const RopeConfig& rope);

/// Appends cosines and sines of positions [begin, begin + count) as rows of headDim / 2 (the angle of element i and of
/// i + headDim / 2: the rotate-half convention).
template <class Real>
void appendRopeTable(const RopeFrequencies& frequencies, std::int64_t begin, std::int64_t count,
                     std::vector<Real>& cosines, std::vector<Real>& sines);

} // namespace attune
