#include "core/optim/dynamic_map.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

namespace attune {

DynamicMap::DynamicMap(bool withSign) {
    constexpr int kDecades = 7;
    std::vector<double> magnitudes{0.0, 1.0};
    for (int decade = 0; decade < kDecades; ++decade) {
        const int parts = (withSign ? 1 : 2) << decade;
        const double top = std::pow(10.0, decade - (kDecades - 1)), width = 0.9 / parts;
        for (int part = 0; part < parts; ++part)
            magnitudes.push_back(top * (0.1 + (part + 0.5) * width));
    }
    std::sort(magnitudes.begin(), magnitudes.end());
    std::vector<float> values;
    for (const double magnitude : magnitudes) {
        values.push_back(static_cast<float>(magnitude));
        if (withSign && magnitude > 0.0 && magnitude < 1.0)
            values.push_back(static_cast<float>(-magnitude));
    }
    std::sort(values.begin(), values.end());
    std::copy_n(values.begin(), m_values.size(), m_values.begin());

    for (std::size_t i = 0; i + 1 < magnitudes.size(); ++i)
        m_thresholds.push_back(static_cast<float>((magnitudes[i] + magnitudes[i + 1]) / 2));
    m_thresholds.push_back(std::numeric_limits<float>::infinity());

    // Bucket 0 begins at zero, the others where the upper 16 bits of the pattern change, up to the one of 1.
    const std::uint32_t one = std::bit_cast<std::uint32_t>(1.0f);
    for (std::uint32_t bucket = 0; bucket <= ((one - kernels::kFirstBucket) >> 16) + 1; ++bucket) {
        const float begin =
            bucket == 0 ? 0.0f : std::bit_cast<float>(kernels::kFirstBucket + ((bucket - 1) << 16));
        const auto below = std::lower_bound(m_thresholds.begin(), m_thresholds.end(), begin);
        m_coarse.push_back(static_cast<std::int32_t>(below - m_thresholds.begin()));
    }
}

const DynamicMap& DynamicMap::signedMap() {
    static const DynamicMap map(true);
    return map;
}

const DynamicMap& DynamicMap::unsignedMap() {
    static const DynamicMap map(false);
    return map;
}

} // namespace attune
