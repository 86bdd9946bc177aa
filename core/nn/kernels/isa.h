// What every *.isa.cpp needs: its namespace (one per instruction set, so that no code compiled for a newer CPU can be
// merged into an older one's by the linker), conversions and an exponential that the compiler turns into vector code.
// Includes no standard header with inline functions, for the same reason.
#pragma once

#include "core/nn/kernels/kernel_table.h"

#ifndef ATTUNE_ISA
#error "compile this file through kernels.cmake"
#endif

// A loop without dependencies between its iterations; reductions are named.
#define ATTUNE_SIMD _Pragma("omp simd")

namespace attune::kernels {
namespace ATTUNE_ISA {
namespace {

using Int = std::int64_t;

inline float load(const float* p) {
    return *p;
}
inline double load(const double* p) {
    return *p;
}
inline float load(const Bf16* p) {
    return __builtin_bit_cast(float, static_cast<std::uint32_t>(p->bits) << 16);
}

inline void store(float* p, float x) {
    *p = x;
}
inline void store(double* p, double x) {
    *p = x;
}
// Round to nearest even; NaN stays NaN.
inline void store(Bf16* p, float x) {
    const std::uint32_t bits = __builtin_bit_cast(std::uint32_t, x);
    const std::uint32_t rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
    p->bits = static_cast<std::uint16_t>((bits & 0x7fffffffu) > 0x7f800000u ? 0x7fc0u : rounded);
}

inline double exponential(double x) {
    return __builtin_exp(x);
}
// 2^n * 2^f with |f| <= 1/2 (Cody-Waite reduction, Cephes polynomial): 1 ulp, underflows to zero below -87.
inline float exponential(float x) {
    const float clamped = x < -87.0f ? -87.0f : (x > 88.0f ? 88.0f : x);
    constexpr float kRound = 12582912.0f; // 1.5 * 2^23: adding it rounds to an integer
    const float shifted = clamped * 1.44269504088896341f + kRound;
    const float n = shifted - kRound;
    float f = clamped - n * 0.693359375f;
    f = f - n * -2.12194440e-4f;
    float p = 1.9875691500e-4f;
    p = p * f + 1.3981999507e-3f;
    p = p * f + 8.3334519073e-3f;
    p = p * f + 4.1665795894e-2f;
    p = p * f + 1.6666665459e-1f;
    p = p * f + 5.0000001201e-1f;
    p = p * (f * f) + (f + 1.0f);
    const std::int32_t exponent = __builtin_bit_cast(std::int32_t, shifted) << 23; // the low bits of `shifted` are n
    const float value = __builtin_bit_cast(float, __builtin_bit_cast(std::int32_t, p) + exponent);
    return x < -87.0f ? 0.0f : (x == x ? value : x);
}

inline float squareRoot(float x) {
    return __builtin_sqrtf(x);
}
inline double squareRoot(double x) {
    return __builtin_sqrt(x);
}
inline float logarithm(float x) {
    return __builtin_logf(x);
}
inline double logarithm(double x) {
    return __builtin_log(x);
}
inline float errorFunction(float x) {
    return __builtin_erff(x);
}
inline double errorFunction(double x) {
    return __builtin_erf(x);
}

} // namespace
} // namespace ATTUNE_ISA
} // namespace attune::kernels
