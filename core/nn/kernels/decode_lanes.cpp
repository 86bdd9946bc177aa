// Products of 5 to 64 rows with a large bf16 matrix: the rows are the lanes of the vectors.
#include <cstring>

#include "core/nn/kernels/decode_kernels.h"
#include "core/nn/kernels/lane_sums.h"

namespace attune::decode {

namespace {

std::int64_t laneGroups(std::int64_t rows) { return (rows + kLanes - 1) / kLanes; }

#if defined(__x86_64__)

template <int Outputs, int Groups>
ATTUNE_BF16_CPU __attribute__((always_inline)) inline void laneTile(const Product<c10::BFloat16, float>& job,
                                                                    std::int64_t o) {
    __m512 sums[Outputs][Groups];
    laneSums<Outputs, Groups>(job.w + o * job.wStride, job.wStride, job.k, job.x, sums);
    alignas(64) float turned[Outputs][Groups * kLanes];
#pragma GCC unroll 16
    for (int i = 0; i < Outputs; ++i)
#pragma GCC unroll 16
        for (int g = 0; g < Groups; ++g)
            _mm512_store_ps(turned[i] + g * kLanes, sums[i][g]);
    for (std::int64_t r = 0; r < job.rows; ++r) {
        float* y = job.y + r * job.yStride + o;
        for (int i = 0; i < Outputs; ++i)
            y[i] = job.accumulate ? y[i] + turned[i][r] : turned[i][r];
    }
}

template <int Groups>
ATTUNE_BF16_CPU void laneProduct(const Product<c10::BFloat16, float>& job, std::int64_t begin, std::int64_t end) {
    std::int64_t o = begin;
    for (; o + kLaneOutputs<Groups> <= end; o += kLaneOutputs<Groups>)
        laneTile<kLaneOutputs<Groups>, Groups>(job, o);
    for (; o < end; ++o)
        laneTile<1, Groups>(job, o);
}

#endif

} // namespace

bool lanesAreFaster() {
#if defined(__x86_64__)
    static const bool kHas = __builtin_cpu_supports("avx512bf16") && __builtin_cpu_supports("avx512bw") &&
                             __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
    return kHas;
#else
    return false;
#endif
}

void packLanes(const c10::BFloat16* x, std::int64_t xStride, std::int64_t rows, std::int64_t k, std::int64_t begin,
               std::int64_t end, c10::BFloat16* packed) {
    const std::int64_t lanes = laneGroups(rows) * kLanes, whole = std::min(end, k / 2);
    if (rows < lanes)
        std::memset(static_cast<void*>(packed + begin * 2 * lanes), 0,
                    static_cast<std::size_t>((end - begin) * 2 * lanes) * sizeof(c10::BFloat16));
    for (std::int64_t r = 0; r < rows; ++r) {
        const c10::BFloat16* from = x + r * xStride;
        c10::BFloat16* to = packed + 2 * r;
        for (std::int64_t p = begin; p < whole; ++p)
            std::memcpy(static_cast<void*>(to + p * 2 * lanes), from + 2 * p, 2 * sizeof(c10::BFloat16));
        for (std::int64_t p = std::max(begin, whole); p < end; ++p) { // an odd k: the last has no partner
            to[p * 2 * lanes] = from[2 * p];
            to[p * 2 * lanes + 1] = c10::BFloat16(0.0f);
        }
    }
}

void productOfLanes([[maybe_unused]] const Product<c10::BFloat16, float>& job, [[maybe_unused]] std::int64_t begin,
                    [[maybe_unused]] std::int64_t end) {
#if defined(__x86_64__)
    switch (laneGroups(job.rows)) {
    case 1:
        return laneProduct<1>(job, begin, end);
    case 2:
        return laneProduct<2>(job, begin, end);
    case 3:
        return laneProduct<3>(job, begin, end);
    default:
        return laneProduct<4>(job, begin, end);
    }
#endif
}

} // namespace attune::decode
