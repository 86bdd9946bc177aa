// The fused row loops of training on a CPU, as tables of functions: one table per storage type, compiled once per
// instruction set (*.isa.cpp) and chosen at run time. Raw pointers and row ranges only: threads, tensors and checks are
// the callers'. T is the storage of activations, A the arithmetic and the type of residuals, norms and statistics.
#pragma once

#include <cstdint>

namespace attune::kernels {

struct Bf16 {
    std::uint16_t bits;
};

template <class T>
struct Arithmetic {
    using Type = T;
};
template <>
struct Arithmetic<Bf16> {
    using Type = float;
};

enum class ActivationCode { Silu, GeluTanh, GeluErf, Relu };

/// `stride` arguments are elements from one row to the next; arrays without one are dense.
template <class T>
struct KernelTable {
    using A = typename Arithmetic<T>::Type;
    using Int = std::int64_t;

    // y = x * rstd * weight, rstd = 1 / sqrt(mean(x^2) + epsilon)    (Zhang, Sennrich 2019)
    void (*rmsNorm)(const A* x, const A* weight, A epsilon, T* y, Int yStride, A* rstd, Int rows, Int width);
    // dx += the gradient of rmsNorm
    void (*rmsNormBackward)(const T* dy, Int dyStride, const A* x, const A* weight, const A* rstd, A* dx, Int rows,
                            Int width);
    // y = (x - mean) * rstd * weight + bias    (Ba et al. 2016)
    void (*layerNorm)(const A* x, const A* weight, const A* bias, A epsilon, T* y, Int yStride, A* mean, A* rstd,
                      Int rows, Int width);
    void (*layerNormBackward)(const T* dy, Int dyStride, const A* x, const A* weight, const A* mean, const A* rstd,
                              A* dx, Int rows, Int width);
    // dWeight[c] += sum_r dy[r, c] * (x[r, c] - mean[r]) * rstd[r] for columns [begin, end); mean may be null
    void (*normWeightGradient)(const T* dy, Int dyStride, const A* x, const A* mean, const A* rstd, A* dWeight,
                               Int rows, Int width, Int begin, Int end);
    // sums[c] += sum_r x[r, c] for columns [begin, end)
    void (*columnSums)(const T* x, Int xStride, A* sums, Int rows, Int begin, Int end);

    // Gated: y = act(gate) * up with gateUp = [gate | up] rows of 2 * width; plain: y = act(gateUp).
    void (*activation)(ActivationCode code, bool gated, const T* gateUp, T* y, Int yStride, Int rows, Int width);
    // Overwrites gateUp by its gradient and writes y again (the next product's weight gradient needs it).
    void (*activationBackward)(ActivationCode code, bool gated, T* gateUp, T* y, Int yStride, const T* dy, Int dyStride,
                               Int rows, Int width);

    // Splits rows [q | k | v] into per-head layout with rotation; tableRow[t] is t's row in cosines / sines (null:
    // none). q: [kvHeads, tokens, group, headDim] scaled, k and v: [kvHeads, tokens, headDim]; tokens [begin, end).
    void (*splitHeads)(const T* qkv, const A* cosines, const A* sines, const std::int32_t* tableRow, A scale, T* q,
                       T* k, T* v, Int tokens, Int kvHeads, Int group, Int headDim, Int begin, Int end);
    // The reverse for gradients: dq in T, dk and dv in A.
    void (*mergeHeads)(const T* dq, const A* dk, const A* dv, const A* cosines, const A* sines,
                       const std::int32_t* tableRow, A scale, T* dqkv, Int tokens, Int kvHeads, Int group, Int headDim,
                       Int begin, Int end);

    // A stretch of one row of causal attention, not normalised: with max the largest score so far, p = exp(s - max) over
    // [0, valid) and zeros up to `width`; *total counts all stretches. Returns what the output of earlier stretches has to
    // be multiplied by. At the row's first stretch *max is -infinity and *total 0.
    A (*softmaxStretch)(const A* s, T* p, Int valid, Int width, A* max, A* total);
    // p = exp(s - lse), ds = p * (dp - delta), both zero from `valid` to `width`.
    void (*softmaxRowBackward)(const A* s, const A* dp, A lse, A delta, T* p, T* ds, Int valid, Int width);
    // sum_i a[i] * b[i]
    A (*dot)(const T* a, const T* b, Int n);
    // Queries of one group over one cache: out[g] = sum_t softmax_t(scores[g, t]) values[t], values [length, headDim], out
    // [group, headDim], logarithms[g] = log(sum_t exp(scores[g, t])). The scores are overwritten.
    void (*attendScored)(A* scores, Int scoreStride, const T* values, Int length, Int group, Int headDim, A* out,
                         A* logarithms);

    // log(sum(exp(z))). facts, if not null, 4 numbers: the largest z, the entropy of p = softmax(z) in nats, the mean of
    // z, log(sum(p^2)).
    A (*logSumExp)(const T* z, Int n, A* facts);
    // z[i] = weight * (exp(z[i] - lse) - [i == target]); with cap > 0, z = cap * tanh(x / cap), the gradient of x:
    // times 1 - (z / cap)^2
    void (*crossEntropyGradient)(T* z, Int n, A lse, A weight, Int target, A cap);
    // x = cap * tanh(x / cap)
    void (*softCap)(T* x, A cap, Int n);
    // dy *= 1 - (y / cap)^2, y the capped numbers
    void (*softCapGradient)(const A* y, T* dy, A cap, Int n);

    void (*narrow)(const A* x, T* y, Int n); // y = x
    void (*narrowScaled)(const A* x, T* y, A scale, Int n); // y = scale * x
    void (*scaledCopy)(const T* x, Int xStride, T* y, Int yStride, A scale, Int rows, Int width);
    void (*widen)(const T* x, A* y, Int n);    // y = x
    void (*addWiden)(const T* x, A* y, Int n); // y += x
    void (*scale)(A* x, A factor, Int n);      // x *= factor
    void (*add)(const A* x, A* y, Int n);      // y += x

    // y[r, c] = x[r, c] * scale[c] (+ bias[c]) (+ addend[r, c]); bias and addend may be null. Wide: y in A.
    void (*scaleColumns)(const T* x, Int xStride, const A* scale, const T* bias, const A* addend, Int addendStride, T* y,
                         Int yStride, Int rows, Int width);
    void (*scaleColumnsWide)(const T* x, Int xStride, const A* scale, const T* bias, const A* addend, Int addendStride,
                             A* y, Int yStride, Int rows, Int width);
    // sums[c] += sum_r x[r, c] * y[r, c] for columns [begin, end)
    void (*columnDots)(const T* x, Int xStride, const T* y, Int yStride, A* sums, Int rows, Int begin, Int end);

    // y = x * mask / (1 - p) (or y += with accumulate); element (r, c) is kept when philox(key, stream, index /
    // 4)[index % 4]
    // >= p * 2^32, index = (firstRow + r) * width + c.
    void (*dropout)(const T* x, Int xStride, T* y, Int yStride, bool accumulate, double p, std::uint64_t key,
                    std::uint64_t stream, Int firstRow, Int rows, Int width);
};

struct AdamWStep {
    double learningRate, beta1, beta2, epsilon, weightDecay, correction1, correction2, gradientScale;
};

/// Lion: decoupled decay as in AdamW.
struct LionStep {
    double learningRate, beta1, beta2, weightDecay, gradientScale;
};

/// Numbers kept as 8 bits and one maximum per kEightBitBlock of them (core/optim/dynamic_map.h): the tables to read and
/// write them. Magnitudes ascend from 0 to 1; the code of x is the number of thresholds below x.
constexpr std::int64_t kEightBitBlock = 256;
struct EightBitMap {
    const float* values;        // [256]: of every code
    const float* thresholds;    // between neighbouring magnitudes, infinity behind the last
    const std::int32_t* coarse; // of a bucket of floats with the same upper bits: thresholds below the bucket
};
/// The signed map has 127 negative codes, then zero, then the positive ones.
constexpr std::int32_t kSignedZero = 127;
/// Floats below this bit pattern (2^-22) are one bucket; above it 128 buckets an octave, fine enough for one threshold each.
constexpr std::uint32_t kFirstBucket = 0x34800000u;

/// The optimizer's loops over masters (float or double). All of them zero the gradient.
template <class A>
struct OptimizerTable {
    using Int = std::int64_t;
    double (*sumOfSquares)(const A* x, Int n);
    // PyTorch's AdamW.
    void (*adamW)(A* value, A* gradient, A* average, A* averageSquare, const AdamWStep& step, Int n);
    // The same with both averages in 8 bits; the arrays begin at a block.
    void (*adamW8)(A* value, A* gradient, std::uint8_t* average, float* averageMaximum, std::uint8_t* averageSquare,
                   float* averageSquareMaximum, const EightBitMap& signedMap, const EightBitMap& unsignedMap,
                   const AdamWStep& step, Int n);
    void (*lion)(A* value, A* gradient, A* average, const LionStep& step, Int n);
    // Adafactor of a matrix's rows: with s = (gradientScale g)^2 + epsilon, rowMeans[r] = mean of s over the row and
    // columnSums[c] += sum of s over the rows.
    void (*factorSums)(const A* gradient, Int rows, Int columns, A gradientScale, A epsilon, A* rowMeans, A* columnSums);
    // Sum of squares of u = g rowFactor[r] columnFactor[c].
    double (*factoredSquares)(const A* gradient, Int rows, Int columns, const A* rowFactor, const A* columnFactor);
    // value = value keep - stepSize u
    void (*factoredStep)(A* value, A* gradient, Int rows, Int columns, const A* rowFactor, const A* columnFactor, A keep,
                         A stepSize);
};

/// NormalFloat of 4 bits (Dettmers et al. 2023), in the byte layout of bitsandbytes.
inline constexpr int kNf4Block = 64;
inline constexpr float kNf4Values[16] = {
    -1.0f, -0.6961928009986877f, -0.5250730514526367f, -0.39491748809814453f, -0.28444138169288635f, -0.18477343022823334f,
    -0.09105003625154495f, 0.0f, 0.07958029955625534f, 0.16093020141124725f, 0.24611230194568634f, 0.33791524171829224f,
    0.44070982933044434f, 0.5626170039176941f, 0.7229568362236023f, 1.0f};

/// Elements are counted through the whole tensor: element i has half a byte (the even ones the high half) and belongs to
/// block i / 64.
struct Nf4Table {
    using Int = std::int64_t;
    // n elements from a block's start on; a last short block gets a scale of its own. codes [(n + 1) / 2], absmax [blocks].
    void (*quantize)(const float* x, std::uint8_t* codes, float* absmax, Int n);
    // Elements [begin, end) to y: value * absmax in f32, then rounded to y's type. codes is the tensor's start, absmax[0]
    // the scale of the block of `begin`.
    void (*dequantizeFloat)(const std::uint8_t* codes, const float* absmax, float* y, Int begin, Int end);
    void (*dequantizeDouble)(const std::uint8_t* codes, const float* absmax, double* y, Int begin, Int end);
    void (*dequantizeBf16)(const std::uint8_t* codes, const float* absmax, Bf16* y, Int begin, Int end);
};

enum class InstructionSet { Baseline, Avx2, Avx512 };
const char* name(InstructionSet set);
/// The best set this CPU runs.
InstructionSet bestInstructionSet();
/// True when products of bf16 are faster than of f32 here (AVX-512 BF16 or AMX).
bool cpuHasFastBf16();

/// Tables of one instruction set; only ask for one that the CPU runs.
template <class T>
const KernelTable<T>& kernelTable(InstructionSet set);
template <>
const KernelTable<float>& kernelTable(InstructionSet set);
template <>
const KernelTable<double>& kernelTable(InstructionSet set);
template <>
const KernelTable<Bf16>& kernelTable(InstructionSet set);
template <class A>
const OptimizerTable<A>& optimizerTable(InstructionSet set);
const Nf4Table& nf4Table(InstructionSet set);

} // namespace attune::kernels
