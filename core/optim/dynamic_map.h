// The dynamic 8-bit number format of block-wise optimizers (Dettmers et al. 2022, "8-bit Optimizers via Block-wise
// Quantization"), with the entries of bitsandbytes' create_dynamic_map: seven decades from 1e-6 to 1, each cut into twice
// as many equal parts as the one below it, of which the midpoints are the values; beside them 0 and 1. Signed, each part
// has a twin below zero (there is no -1), and decades have half as many parts.
#pragma once

#include <array>
#include <vector>

#include "core/nn/kernels/kernel_table.h"

namespace attune {

class DynamicMap {
public:
    static const DynamicMap& signedMap();
    static const DynamicMap& unsignedMap();

    /// Ascending; codes are indices.
    const std::array<float, 256>& values() const { return m_values; }
    /// The same tables as the optimizers' loops want them.
    kernels::EightBitMap tables() const { return {m_values.data(), m_thresholds.data(), m_coarse.data()}; }

private:
    explicit DynamicMap(bool withSign);

    std::array<float, 256> m_values;
    std::vector<float> m_thresholds;      // midpoints between neighbouring magnitudes, then infinity
    std::vector<std::int32_t> m_coarse;
};

} // namespace attune
