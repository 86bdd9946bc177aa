#include "core/nn/kernels/low_rank.h"

#include <cstdlib>
#include <memory>
#include <new>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include "core/nn/kernels/decode_kernels.h"
#include "core/nn/kernels/lane_sums.h"
#include "core/nn/kernels/matmul.h"
#include "core/nn/kernels/tile_products.h"

namespace attune::kernels {

namespace {

#if defined(__x86_64__)

using decode::kLanes;
using Element = c10::BFloat16;

constexpr std::int64_t kTokensPerThread = 32;

// Memory for a packed copy, kept by the thread that asks; one for each purpose.
enum class Packed { Whole, Panel };
template <Packed purpose = Packed::Whole>
Element* packedMemory(std::int64_t elements) {
    struct Free {
        void operator()(Element* p) const { std::free(p); }
    };
    static thread_local std::unique_ptr<Element, Free> memory;
    static thread_local std::int64_t size = 0;
    if (size < elements) {
        const std::int64_t wanted = (elements + 31) / 32 * 32;
        void* fresh = std::aligned_alloc(64, static_cast<std::size_t>(wanted) * sizeof(Element));
        if (!fresh)
            throw std::bad_alloc();
        memory.reset(static_cast<Element*>(fresh));
        size = wanted;
    }
    return memory.get();
}

struct Job {
    const Element* x; // [T, K] or z [T, R]
    std::int64_t xStride;
    const Element* packed;
    Element* y;
    std::int64_t yStride, k, rank;
};

template <int Tokens, int Groups>
ATTUNE_BF16_CPU __attribute__((always_inline)) inline void downTile(const Job& job, std::int64_t t) {
    __m512 sums[Tokens][Groups];
    decode::laneSums<Tokens, Groups>(job.x + t * job.xStride, job.xStride, job.k, job.packed, sums);
#pragma GCC unroll 16
    for (int i = 0; i < Tokens; ++i)
#pragma GCC unroll 16
        for (int g = 0; g < Groups; ++g) {
            const std::int64_t left = job.rank - g * kLanes;
            const auto mask = static_cast<__mmask16>(left >= kLanes ? 0xffff : (1 << left) - 1);
            _mm256_mask_storeu_epi16(job.y + (t + i) * job.yStride + g * kLanes, mask,
                                     (__m256i)_mm512_cvtneps_pbh(sums[i][g]));
        }
}

template <int Groups>
ATTUNE_BF16_CPU void down(const Job& job, std::int64_t begin, std::int64_t end) {
    constexpr int kTokens = decode::kLaneOutputs<Groups>;
    for (; begin + kTokens <= end; begin += kTokens)
        downTile<kTokens, Groups>(job, begin);
    for (; begin < end; ++begin)
        downTile<1, Groups>(job, begin);
}

// 16 columns of `Tokens` tokens in registers; the packed matrix holds pairs of ranks: [R / 2, K, 2].
template <int Tokens>
ATTUNE_BF16_CPU __attribute__((always_inline)) inline void upTile(const Job& job, std::int64_t t, std::int64_t column,
                                                                  __mmask16 mask) {
    __m512 sums[Tokens];
    Element* y = job.y + t * job.yStride + column;
#pragma GCC unroll 16
    for (int i = 0; i < Tokens; ++i)
        sums[i] = _mm512_castsi512_ps(
            _mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(mask, y + i * job.yStride)), 16));
    for (std::int64_t p = 0; p < job.rank / 2; ++p) {
        const __m512bh a = (__m512bh)_mm512_maskz_loadu_epi32(mask, job.packed + (p * job.k + column) * 2);
#pragma GCC unroll 16
        for (int i = 0; i < Tokens; ++i) {
            std::int32_t both;
            std::memcpy(&both, job.x + (t + i) * job.xStride + 2 * p, sizeof both);
            sums[i] = _mm512_dpbf16_ps(sums[i], a, (__m512bh)_mm512_set1_epi32(both));
        }
    }
#pragma GCC unroll 16
    for (int i = 0; i < Tokens; ++i)
        _mm256_mask_storeu_epi16(y + i * job.yStride, mask, (__m256i)_mm512_cvtneps_pbh(sums[i]));
}

ATTUNE_BF16_CPU void up(const Job& job, std::int64_t begin, std::int64_t end) {
    constexpr int kTokens = 8;
    for (; begin < end; begin += kTokens)
        for (std::int64_t column = 0; column < job.k; column += 16) {
            const auto mask = static_cast<__mmask16>(job.k - column >= 16 ? 0xffff : (1 << (job.k - column)) - 1);
            if (begin + kTokens <= end)
                upTile<kTokens>(job, begin, column, mask);
            else
                for (std::int64_t t = begin; t < end; ++t)
                    upTile<1>(job, t, column, mask);
        }
}

void packPairsOfRanks(const Element* a, std::int64_t stride, std::int64_t rank, std::int64_t k, Element* packed) {
    for (std::int64_t p = 0; p < rank / 2; ++p) {
        const Element *first = a + 2 * p * stride, *second = first + stride;
        Element* to = packed + 2 * p * k;
        for (std::int64_t i = 0; i < k; ++i)
            to[2 * i] = first[i], to[2 * i + 1] = second[i];
    }
}

struct GradientJob {
    const Element* pairs; // of z: [T / 2, R, 2]
    const Element* y;     // [T, N]
    std::int64_t yStride, tokens, rank, columns;
    float* sum;
    bool transposed;
};

// Panels [begin, end) of y's columns. The sums of a panel stay in the first-level cache while tokens go by.
void gradientPanels(const GradientJob& job, std::int64_t begin, std::int64_t end) {
    constexpr std::int64_t kTokens = 128;
    using tiles::kPanel;
    Element* panel = packedMemory<Packed::Panel>((kTokens + job.rank * 2) * kPanel);
    float* sums = reinterpret_cast<float*>(panel + kTokens * kPanel);
    for (std::int64_t column = begin * kPanel; column < std::min(end * kPanel, job.columns); column += kPanel) {
        const std::int64_t width = std::min(kPanel, job.columns - column);
        tiles::TileProduct product;
        product.c = sums, product.cStride = kPanel;
        product.aRow = 2, product.aStep = 2 * job.rank;
        product.b = panel;
        for (std::int64_t t = 0; t < job.tokens; t += kTokens) {
            const std::int64_t tokens = std::min(kTokens, job.tokens - t);
            tiles::interleaveRows(job.y + t * job.yStride + column, job.yStride, tokens, width, panel, 2 * kPanel);
            product.a = job.pairs + t * job.rank;
            product.pairs = (tokens + 1) / 2;
            tiles::multiplyPanel(product, job.rank, width);
            product.accumulate = true;
        }
        if (job.transposed)
            tiles::addTransposed(sums, kPanel, job.rank, width, job.sum + column * job.rank, job.rank, true);
        else
            for (std::int64_t r = 0; r < job.rank; ++r)
                for (std::int64_t c = 0; c < width; ++c)
                    job.sum[r * job.columns + column + c] += sums[r * kPanel + c];
    }
}

bool ownLoops(const at::Tensor& x, std::int64_t rank) {
    return x.is_cpu() && x.scalar_type() == at::kBFloat16 && rank <= decode::kMostLaneRows && decode::lanesAreFaster();
}

#endif

} // namespace

void lowRankDown(const at::Tensor& x, const at::Tensor& a, const at::Tensor& z) {
#if defined(__x86_64__)
    const std::int64_t rank = a.size(0), k = a.size(1), groups = (rank + kLanes - 1) / kLanes;
    if (ownLoops(x, rank)) {
        Element* packed = packedMemory((k + 1) / 2 * 2 * groups * kLanes);
        decode::packLanes(a.data_ptr<Element>(), a.stride(0), rank, k, 0, (k + 1) / 2, packed);
        const Job job{x.data_ptr<Element>(), x.stride(0), packed, z.data_ptr<Element>(), z.stride(0), k, rank};
        const auto loops = groups == 1 ? down<1> : groups == 2 ? down<2> : groups == 3 ? down<3> : down<4>;
        at::parallel_for(0, x.size(0), kTokensPerThread,
                         [&](std::int64_t begin, std::int64_t end) { loops(job, begin, end); });
        return;
    }
#endif
    multiply(z, x, a.t());
}

void lowRankUpAdd(const at::Tensor& z, const at::Tensor& a, const at::Tensor& dx) {
#if defined(__x86_64__)
    const std::int64_t rank = a.size(0), k = a.size(1);
    if (ownLoops(z, rank) && rank % 2 == 0) {
        Element* packed = packedMemory(rank * k);
        packPairsOfRanks(a.data_ptr<Element>(), a.stride(0), rank, k, packed);
        const Job job{z.data_ptr<Element>(), z.stride(0), packed, dx.data_ptr<Element>(), dx.stride(0), k, rank};
        at::parallel_for(0, dx.size(0), kTokensPerThread,
                         [&](std::int64_t begin, std::int64_t end) { up(job, begin, end); });
        return;
    }
#endif
    multiply(dx, z, a, true);
}

void lowRankGradient(const at::Tensor& z, const at::Tensor& y, const at::Tensor& sum, bool transposed) {
#if defined(__x86_64__)
    const std::int64_t tokens = z.size(0), rank = z.size(1), columns = y.size(1);
    if (ownLoops(z, rank) && rank % 16 == 0 && columns % 16 == 0) {
        Element* pairs = packedMemory((tokens + 1) / 2 * 2 * rank);
        tiles::interleaveRows(z.data_ptr<Element>(), z.stride(0), tokens, rank, pairs, 2 * rank);
        const GradientJob job{pairs, y.data_ptr<Element>(), y.stride(0), tokens, rank, columns, sum.data_ptr<float>(),
                              transposed};
        at::parallel_for(0, (columns + tiles::kPanel - 1) / tiles::kPanel, 1,
                         [&](std::int64_t begin, std::int64_t end) { gradientPanels(job, begin, end); });
        return;
    }
#endif
    if (transposed)
        multiply(sum, y.t(), z, true);
    else
        multiply(sum, z.t(), y, true);
}

} // namespace attune::kernels
