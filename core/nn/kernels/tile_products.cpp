#include "core/nn/kernels/tile_products.h"

#if defined(__x86_64__)

#include <algorithm>
#include <cstring>

#include "core/nn/kernels/bf16_cpu.h"

namespace attune::kernels::tiles {

namespace {

constexpr int kVectors = kPanel / 16;

// b's vectors of a pair are read once for all rows, each pair of a once for all vectors.
template <int Rows, int Vectors>
ATTUNE_BF16_CPU void tile(const TileProduct& job) {
    __m512 sums[Rows][Vectors];
#pragma GCC unroll 16
    for (int r = 0; r < Rows; ++r) {
        const float* c = job.c + r * job.cStride;
        const __m512 scale = _mm512_set1_ps(job.scale ? job.scale[r] : 1.0f);
#pragma GCC unroll 16
        for (int v = 0; v < Vectors; ++v)
            sums[r][v] = job.accumulate ? _mm512_mul_ps(_mm512_loadu_ps(c + 16 * v), scale) : _mm512_setzero_ps();
    }
    const Element *a = job.a, *b = job.b;
    for (std::int64_t p = 0; p < job.pairs; ++p, a += job.aStep, b += 2 * kPanel) {
        __m512bh values[Vectors];
#pragma GCC unroll 16
        for (int v = 0; v < Vectors; ++v)
            values[v] = (__m512bh)_mm512_load_si512(b + 32 * v);
#pragma GCC unroll 16
        for (int r = 0; r < Rows; ++r) {
            std::int32_t both;
            std::memcpy(&both, a + r * job.aRow, sizeof both);
            const __m512bh pair = (__m512bh)_mm512_set1_epi32(both);
#pragma GCC unroll 16
            for (int v = 0; v < Vectors; ++v)
                sums[r][v] = _mm512_dpbf16_ps(sums[r][v], pair, values[v]);
        }
    }
#pragma GCC unroll 16
    for (int r = 0; r < Rows; ++r)
#pragma GCC unroll 16
        for (int v = 0; v < Vectors; ++v)
            _mm512_storeu_ps(job.c + r * job.cStride + 16 * v, sums[r][v]);
}

using Tile = void (*)(const TileProduct&);
template <int Rows>
constexpr Tile kTilesOfRows[kVectors] = {tile<Rows, 1>, tile<Rows, 2>, tile<Rows, 3>, tile<Rows, 4>};
constexpr const Tile* kTiles[kRows] = {kTilesOfRows<1>, kTilesOfRows<2>, kTilesOfRows<3>,
                                       kTilesOfRows<4>, kTilesOfRows<5>, kTilesOfRows<6>};

// rows[i], lane j <-> rows[j], lane i
ATTUNE_BF16_CPU __attribute__((always_inline)) inline void transpose(__m512i rows[16]) {
    __m512i t[16];
#pragma GCC unroll 16
    for (int i = 0; i < 16; i += 2) {
        t[i] = _mm512_unpacklo_epi32(rows[i], rows[i + 1]);
        t[i + 1] = _mm512_unpackhi_epi32(rows[i], rows[i + 1]);
    }
#pragma GCC unroll 16
    for (int i = 0; i < 16; i += 4)
#pragma GCC unroll 16
        for (int j = 0; j < 2; ++j) {
            rows[i + 2 * j] = _mm512_unpacklo_epi64(t[i + j], t[i + 2 + j]);
            rows[i + 2 * j + 1] = _mm512_unpackhi_epi64(t[i + j], t[i + 2 + j]);
        }
    // rows[4 b + c] holds, in its four quarters q, column 4 q + c of rows 4 b to 4 b + 3.
#pragma GCC unroll 16
    for (int c = 0; c < 4; ++c) {
        const __m512i even01 = _mm512_shuffle_i32x4(rows[c], rows[4 + c], 0x88);
        const __m512i odd01 = _mm512_shuffle_i32x4(rows[c], rows[4 + c], 0xdd);
        const __m512i even23 = _mm512_shuffle_i32x4(rows[8 + c], rows[12 + c], 0x88);
        const __m512i odd23 = _mm512_shuffle_i32x4(rows[8 + c], rows[12 + c], 0xdd);
        t[c] = _mm512_shuffle_i32x4(even01, even23, 0x88);
        t[8 + c] = _mm512_shuffle_i32x4(even01, even23, 0xdd);
        t[4 + c] = _mm512_shuffle_i32x4(odd01, odd23, 0x88);
        t[12 + c] = _mm512_shuffle_i32x4(odd01, odd23, 0xdd);
    }
#pragma GCC unroll 16
    for (int i = 0; i < 16; ++i)
        rows[i] = t[i];
}

} // namespace

void multiplyTile(const TileProduct& product, std::int64_t rows, std::int64_t columns) {
    kTiles[rows - 1][(columns + 15) / 16 - 1](product);
}

void multiplyPanel(TileProduct product, std::int64_t rows, std::int64_t columns) {
    while (rows > 0) {
        // 8 rows left are two products of four, not one of six and one of two.
        const std::int64_t now = rows == 8 || rows == 7 ? 4 : std::min(rows, kRows);
        multiplyTile(product, now, columns);
        product.c += now * product.cStride;
        product.a += now * product.aRow;
        product.scale = product.scale ? product.scale + now : nullptr;
        rows -= now;
    }
}

ATTUNE_BF16_CPU void interleaveRows(const Element* from, std::int64_t fromStride, std::int64_t rows,
                                    std::int64_t columns, Element* to, std::int64_t toStep) {
    alignas(64) static constexpr std::uint16_t kLow[32] = {0, 32, 1, 33, 2,  34, 3,  35, 4,  36, 5,  37, 6,  38, 7,  39,
                                                           8, 40, 9, 41, 10, 42, 11, 43, 12, 44, 13, 45, 14, 46, 15, 47};
    const __m512i lowIndex = _mm512_load_si512(kLow), highIndex = _mm512_add_epi16(lowIndex, _mm512_set1_epi16(16));
    for (std::int64_t row = 0; row < rows; row += 2, to += toStep) {
        const bool both = row + 1 < rows;
        std::int64_t column = 0;
        for (; column + 32 <= columns; column += 32) {
            const Element* first = from + row * fromStride + column;
            const __m512i a = _mm512_loadu_si512(first);
            const __m512i b = both ? _mm512_loadu_si512(first + fromStride) : _mm512_setzero_si512();
            _mm512_storeu_si512(to + 2 * column, _mm512_permutex2var_epi16(a, lowIndex, b));
            _mm512_storeu_si512(to + 2 * column + 32, _mm512_permutex2var_epi16(a, highIndex, b));
        }
        for (; column < columns; column += 16) {
            const Element* first = from + row * fromStride + column;
            const __m512i low = _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(first)));
            const __m512i high =
                both ? _mm512_cvtepu16_epi32(
                           _mm256_loadu_si256(reinterpret_cast<const __m256i*>(first + fromStride)))
                     : _mm512_setzero_si512();
            _mm512_storeu_si512(to + 2 * column, _mm512_or_si512(low, _mm512_slli_epi32(high, 16)));
        }
    }
}

ATTUNE_BF16_CPU void packTransposed(const Element* from, std::int64_t rows, std::int64_t width, Element* to) {
    const std::int64_t pairs = width / 2;
    for (std::int64_t panel = 0; panel < rows; panel += kPanel, to += pairs * kPanel * 2)
        for (std::int64_t in = 0; in < kPanel; in += 16)
            for (std::int64_t pair = 0; pair < pairs; pair += 16) {
                const auto mask = static_cast<__mmask16>(pairs - pair >= 16 ? 0xffff : (1 << (pairs - pair)) - 1);
                __m512i lines[16];
#pragma GCC unroll 16
                for (int i = 0; i < 16; ++i)
                    lines[i] = panel + in + i < rows
                                   ? _mm512_maskz_loadu_epi32(mask, from + (panel + in + i) * width + 2 * pair)
                                   : _mm512_setzero_si512();
                transpose(lines);
                const std::int64_t left = std::min<std::int64_t>(16, pairs - pair);
#pragma GCC unroll 16
                for (int i = 0; i < 16; ++i)
                    if (i < left)
                        _mm512_store_si512(to + ((pair + i) * kPanel + in) * 2, lines[i]);
            }
}

ATTUNE_BF16_CPU void addTransposed(const float* from, std::int64_t fromStride, std::int64_t rows, std::int64_t columns,
                                   float* to, std::int64_t toStride, bool accumulate) {
    for (std::int64_t row = 0; row < rows; row += 16)
        for (std::int64_t column = 0; column < columns; column += 16) {
            const std::int64_t left = std::min<std::int64_t>(16, columns - column);
            const auto mask = static_cast<__mmask16>(left >= 16 ? 0xffff : (1 << left) - 1);
            __m512i lines[16];
#pragma GCC unroll 16
            for (int i = 0; i < 16; ++i)
                lines[i] = _mm512_maskz_loadu_epi32(mask, from + (row + i) * fromStride + column);
            transpose(lines);
            float* target = to + column * toStride + row;
#pragma GCC unroll 16
            for (int i = 0; i < 16; ++i)
                if (i < left) {
                    __m512 sum = _mm512_castsi512_ps(lines[i]);
                    if (accumulate)
                        sum = _mm512_add_ps(sum, _mm512_loadu_ps(target + i * toStride));
                    _mm512_storeu_ps(target + i * toStride, sum);
                }
        }
}

} // namespace attune::kernels::tiles

#endif
