// Loops of the decoder over plain memory: products of a few rows with a large matrix, bound by memory, where library
// GEMMs are slow. Chosen for the CPU at run time; sums in float (double for double).
#pragma once

#include <cstdint>

#include <c10/util/BFloat16.h>

namespace attune::decode {

/// y[r, o] = sum_k w[o, k] x[r, k] for o in [begin, end). Strides in elements; rows of w and x are contiguous.
template <class T, class Acc>
struct Product {
    const T* w = nullptr;
    std::int64_t wStride = 0, k = 0;
    const T* x = nullptr;
    std::int64_t xStride = 0, rows = 0;
    Acc* y = nullptr;
    std::int64_t yStride = 0;
    bool accumulate = false; // y += instead of y =
};
void product(const Product<float, float>& job, std::int64_t begin, std::int64_t end);
void product(const Product<double, double>& job, std::int64_t begin, std::int64_t end);
void product(const Product<c10::BFloat16, float>& job, std::int64_t begin, std::int64_t end);
/// The same for short rows of the matrix (keys, k up to a few hundred) that several rows of x read one after the other.
void scores(const Product<float, float>& job, std::int64_t begin, std::int64_t end);
void scores(const Product<double, double>& job, std::int64_t begin, std::int64_t end);
void scores(const Product<c10::BFloat16, float>& job, std::int64_t begin, std::int64_t end);

/// The same for more rows (5 to 64), with the rows side by side in the lanes of a vector instead of one after the other:
/// each weight is read once and nothing is summed across lanes. Only where the CPU multiplies bf16 (lanesAreFaster()).
/// x is packed first: [ceil(k / 2), lanes, 2], lanes = rows rounded up to kLanes, missing values zero.
constexpr std::int64_t kLanes = 16, kMostLaneRows = 64;
bool lanesAreFaster();
/// Packs columns [2 begin, 2 end) of x; `packed` is 64-byte aligned.
void packLanes(const c10::BFloat16* x, std::int64_t xStride, std::int64_t rows, std::int64_t k, std::int64_t begin,
               std::int64_t end, c10::BFloat16* packed);
/// job.x is the packed x; job.xStride is not used.
void productOfLanes(const Product<c10::BFloat16, float>& job, std::int64_t begin, std::int64_t end);

/// Weights in 8 bits with one scale for each run of kEightBitGroup inputs of a row: w[o, k] = codes[o, k] * scales[o, k /
/// group]. k is padded to whole groups with zero codes; x must be padded with zeros as well.
constexpr std::int64_t kEightBitGroup = 64;
struct EightBitProduct {
    const std::int8_t* codes = nullptr; // [out, groups * kEightBitGroup]
    const float* scales = nullptr;      // [out, groups]
    std::int64_t groups = 0;
    const float* x = nullptr; // [rows, groups * kEightBitGroup]
    std::int64_t rows = 0;
    float* y = nullptr; // overwritten
    std::int64_t yStride = 0;
};
void product(const EightBitProduct& job, std::int64_t begin, std::int64_t end);
/// Rounds one row of k weights to the nearest codes; the largest of each group becomes +-127.
void toEightBit(const float* w, std::int64_t k, std::int8_t* codes, float* scales);

} // namespace attune::decode
