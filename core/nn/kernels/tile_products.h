// Small products of bf16 with sums in registers, for CPUs that multiply pairs of bf16 (AVX-512 BF16). One side comes in
// panels: [pairs][kPanel][2], the two factors of a pair side by side; of the other side pairs are broadcast. Internal to
// core/nn/kernels.
#pragma once

#include <cstdint>

#include <c10/util/BFloat16.h>

namespace attune::kernels::tiles {

using Element = c10::BFloat16;

constexpr std::int64_t kPanel = 64, kRows = 6; // columns of a panel; rows whose sums fit the registers

/// c[r, n] = scale[r] * c[r, n] + sum_p a[r, p] b[p, n] over pairs p, for `rows` <= kRows and `columns` <= kPanel rounded
/// up to 16. The pair a[r, p] lies at a + r * aRow + p * aStep.
struct TileProduct {
    float* c = nullptr;
    std::int64_t cStride = 0;
    bool accumulate = false;      // false: c is overwritten
    const float* scale = nullptr; // with accumulate; null: 1
    const Element* a = nullptr;
    std::int64_t aRow = 0, aStep = 2;
    const Element* b = nullptr; // 64-byte aligned
    std::int64_t pairs = 0;
};
void multiplyTile(const TileProduct& product, std::int64_t rows, std::int64_t columns);

/// The same for any number of rows.
void multiplyPanel(TileProduct product, std::int64_t rows, std::int64_t columns);

/// to[p][column] = (from[2p][column], from[2p + 1][column]) for `columns` (a multiple of 16) of `rows` rows; a missing
/// last row counts as zeros. `toStep`: elements from one pair to the next.
void interleaveRows(const Element* from, std::int64_t fromStride, std::int64_t rows, std::int64_t columns, Element* to,
                    std::int64_t toStep);

/// The panels of a transposed matrix: to[panel][pair][row in panel] = (from[row][2 pair], from[row][2 pair + 1]); rows
/// up to the end of the last panel count as zeros. `width` is a multiple of 16.
void packTransposed(const Element* from, std::int64_t rows, std::int64_t width, Element* to);

/// to[column][row] (+)= from[row][column] in f32; rows a multiple of 16.
void addTransposed(const float* from, std::int64_t fromStride, std::int64_t rows, std::int64_t columns, float* to,
                   std::int64_t toStride, bool accumulate);

} // namespace attune::kernels::tiles
