// For functions with AVX-512 BF16 intrinsics: compiled for that CPU whatever the rest is compiled for, called only where
// cpuHasFastBf16(). Lambdas do not inherit it. Internal to core/nn/kernels.
#pragma once

#if defined(__x86_64__)

#include <immintrin.h>

// GCC 12 warns about the deliberately undefined operands inside its own intrinsics (its bug 105593).
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#define ATTUNE_BF16_CPU __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16")))

#endif
