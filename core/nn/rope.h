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
    std::size_t still = 0;       // so many at the end turn nothing: heads that are rotated in part
    bool operator==(const RopeFrequencies&) const = default;
};

/// The frequencies for a sequence of `length` tokens; only dynamic and longrope depend on it. Same numbers as Hugging
/// Face's modeling_rope_utils. `local`: of the layers with a sliding window, where the model has a base of their own.
RopeFrequencies ropeFrequencies(const ModelConfig& config, std::int64_t length, bool local = false);

/// True when sequences of different lengths may need different frequencies.
bool ropeDependsOnLength(const RopeConfig& rope);

/// Appends cosines and sines of positions [begin, begin + count) as rows of headDim / 2 (the angle of element i and of
/// i + headDim / 2: the rotate-half convention).
template <class Real>
void appendRopeTable(const RopeFrequencies& frequencies, std::int64_t begin, std::int64_t count,
                     std::vector<Real>& cosines, std::vector<Real>& sines);

} // namespace attune
