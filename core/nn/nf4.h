// Weights in 4 bits (NF4, Dettmers et al. 2023), the numbers and bytes of bitsandbytes: blocks of 64 with one scale each,
// and optionally the scales themselves in 8 bits (double quantisation): 4.13 bits a weight. Any thread.
#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

namespace attune {

inline constexpr std::int64_t kNf4BlockSize = 64, kNf4NestedBlockSize = 256;

struct Nf4Matrix {
    std::int64_t rows = 0, columns = 0; // blocks run through the rows without a break
    at::Tensor codes;                   // [ceil(n / 2)] uint8
    at::Tensor absmax;                  // [ceil(n / 64)] f32; uint8 when nested
    // Nested: scale i = nestedMap[absmax[i]] * nestedAbsmax[i / 256] + nestedOffset
    at::Tensor nestedAbsmax, nestedMap; // [ceil(blocks / 256)], [256] f32
    float nestedOffset = 0;

    bool nested() const { return nestedAbsmax.defined(); }
    std::int64_t elements() const { return rows * columns; }
    std::int64_t bytes() const;
};

/// weight [rows, columns] of any floating type (rounded to f32 first).
Nf4Matrix quantizeNf4(const at::Tensor& weight, bool doubleQuantization = true);

/// Rows [first, first + out.size(0)) into `out`, [count, columns], f32, f64 or bf16, rows contiguous. Spread over threads;
/// inside a parallel region on the calling thread.
void dequantizeNf4(const Nf4Matrix& matrix, std::int64_t first, const at::Tensor& out);
/// The same for raw memory, on the calling thread; `stride` elements from one row to the next.
void dequantizeNf4Rows(const Nf4Matrix& matrix, std::int64_t first, std::int64_t count, void* out, std::int64_t stride,
                       at::ScalarType type);

/// The scales in f32, [ceil(n / 64)].
at::Tensor nf4Scales(const Nf4Matrix& matrix);
/// Rows `rows` in this order, without loss: codes as they are, scales in f32. Columns must be a multiple of 64.
Nf4Matrix pickNf4Rows(const Nf4Matrix& matrix, at::IntArrayRef rows);

/// The 256 values of the signed 8-bit dynamic map that scales are rounded to, ascending, f32 (Dettmers 2016).
const at::Tensor& dynamicMap();

} // namespace attune
