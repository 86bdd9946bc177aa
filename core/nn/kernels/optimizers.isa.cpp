// The optimizers' loops: one pass reads gradient and state, updates state and value and zeroes the gradient.
#include "core/nn/kernels/isa.h"

namespace attune::kernels {
namespace ATTUNE_ISA {
namespace {

template <class A>
double sumOfSquares(const A* x, Int n) {
    double sum = 0;
#pragma omp simd reduction(+ : sum)
    for (Int i = 0; i < n; ++i)
        sum += static_cast<double>(x[i]) * static_cast<double>(x[i]);
    return sum;
}

// AdamW's numbers in the arithmetic type. torch.optim.AdamW: decay first, then the moments, then the step; epsilon
// outside the root (Loshchilov, Hutter 2019).
template <class A>
struct AdamWNumbers {
    A scale, beta1, beta2, rest1, rest2, keep, stepSize, root, epsilon;
    explicit AdamWNumbers(const AdamWStep& step)
        : scale(static_cast<A>(step.gradientScale)), beta1(static_cast<A>(step.beta1)),
          beta2(static_cast<A>(step.beta2)), rest1(static_cast<A>(1.0 - step.beta1)),
          rest2(static_cast<A>(1.0 - step.beta2)), keep(static_cast<A>(1.0 - step.learningRate * step.weightDecay)),
          stepSize(static_cast<A>(step.learningRate / step.correction1)),
          root(static_cast<A>(__builtin_sqrt(step.correction2))), epsilon(static_cast<A>(step.epsilon)) {}
};

template <class A>
void adamW(A* value, A* gradient, A* average, A* averageSquare, const AdamWStep& step, Int n) {
    const AdamWNumbers<A> s(step);
    ATTUNE_SIMD
    for (Int i = 0; i < n; ++i) {
        const A g = gradient[i] * s.scale;
        const A m = s.beta1 * average[i] + s.rest1 * g;
        const A v = s.beta2 * averageSquare[i] + s.rest2 * g * g;
        average[i] = m;
        averageSquare[i] = v;
        value[i] = value[i] * s.keep - s.stepSize * m / (squareRoot(v) / s.root + s.epsilon);
        gradient[i] = A(0);
    }
}

// codes[i] = number of thresholds below |x[i]| * scale; what rounding or an overflow made larger than 1 (or NaN) counts as
// 1. In several loops, because only then the compiler makes vector code of them.
inline void nearestMagnitudes(const float* x, float scale, const std::int32_t* coarse, const float* thresholds,
                              std::int32_t* codes, Int n) {
    alignas(64) float magnitudes[kEightBitBlock], next[kEightBitBlock];
    ATTUNE_SIMD
    for (Int i = 0; i < n; ++i) {
        const float magnitude = __builtin_fabsf(x[i]) * scale;
        magnitudes[i] = magnitude < 1.0f ? magnitude : 1.0f;
    }
    ATTUNE_SIMD
    for (Int i = 0; i < n; ++i) {
        const std::int32_t above = __builtin_bit_cast(std::int32_t, magnitudes[i]) - static_cast<std::int32_t>(kFirstBucket);
        codes[i] = above < 0 ? 0 : 1 + (above >> 16);
    }
    ATTUNE_SIMD
    for (Int i = 0; i < n; ++i)
        codes[i] = coarse[codes[i]];
    ATTUNE_SIMD
    for (Int i = 0; i < n; ++i)
        next[i] = thresholds[codes[i]];
    ATTUNE_SIMD
    for (Int i = 0; i < n; ++i)
        codes[i] += magnitudes[i] > next[i] ? 1 : 0;
}

// The averages of one block in f32, updated, and written back with the block's new maxima. Plain loops one after the
// other: each becomes vector code, the reads of tables as gathers.
template <class A>
void adamW8(A* value, A* gradient, std::uint8_t* average, float* averageMaximum, std::uint8_t* averageSquare,
            float* averageSquareMaximum, const EightBitMap& signedMap, const EightBitMap& unsignedMap,
            const AdamWStep& step, Int n) {
    const AdamWNumbers<A> s(step);
    const float *mValues = signedMap.values, *vValues = unsignedMap.values;
    const float *mThresholds = signedMap.thresholds, *vThresholds = unsignedMap.thresholds;
    const std::int32_t *mCoarse = signedMap.coarse, *vCoarse = unsignedMap.coarse;
    alignas(64) float m[kEightBitBlock], v[kEightBitBlock];
    alignas(64) std::int32_t mCodes[kEightBitBlock], vCodes[kEightBitBlock];
    for (Int begin = 0; begin < n; begin += kEightBitBlock, ++averageMaximum, ++averageSquareMaximum) {
        const Int count = n - begin < kEightBitBlock ? n - begin : kEightBitBlock;
        A *x = value + begin, *dx = gradient + begin;
        std::uint8_t *m8 = average + begin, *v8 = averageSquare + begin;
        ATTUNE_SIMD
        for (Int i = 0; i < count; ++i)
            mCodes[i] = m8[i], vCodes[i] = v8[i];
        const float mScale = *averageMaximum, vScale = *averageSquareMaximum;
        ATTUNE_SIMD
        for (Int i = 0; i < count; ++i)
            m[i] = mValues[mCodes[i]] * mScale, v[i] = vValues[vCodes[i]] * vScale;
        ATTUNE_SIMD
        for (Int i = 0; i < count; ++i) {
            const A g = dx[i] * s.scale;
            const A first = s.beta1 * static_cast<A>(m[i]) + s.rest1 * g;
            const A second = s.beta2 * static_cast<A>(v[i]) + s.rest2 * g * g;
            x[i] = x[i] * s.keep - s.stepSize * first / (squareRoot(second) / s.root + s.epsilon);
            dx[i] = A(0);
            m[i] = static_cast<float>(first);
            v[i] = static_cast<float>(second);
        }
        float mMaximum = 0, vMaximum = 0;
#pragma omp simd reduction(max : mMaximum, vMaximum)
        for (Int i = 0; i < count; ++i) {
            const float magnitude = __builtin_fabsf(m[i]);
            mMaximum = magnitude > mMaximum ? magnitude : mMaximum;
            vMaximum = v[i] > vMaximum ? v[i] : vMaximum;
        }
        *averageMaximum = mMaximum;
        *averageSquareMaximum = vMaximum;
        constexpr float kSmallest = 1e-37f; // the inverse of less would be infinite
        const float mInverse = mMaximum > kSmallest ? 1.0f / mMaximum : 0.0f;
        const float vInverse = vMaximum > kSmallest ? 1.0f / vMaximum : 0.0f;
        nearestMagnitudes(m, mInverse, mCoarse, mThresholds, mCodes, count);
        nearestMagnitudes(v, vInverse, vCoarse, vThresholds, vCodes, count);
        ATTUNE_SIMD
        for (Int i = 0; i < count; ++i) {
            // There is no -1: the largest negative code stands for it.
            const std::int32_t negative = mCodes[i] < kSignedZero ? mCodes[i] : kSignedZero;
            mCodes[i] = m[i] < 0 ? kSignedZero - negative : kSignedZero + mCodes[i];
            // A square that is not zero never becomes zero: dividing by nothing but epsilon would throw the weight off.
            vCodes[i] = vCodes[i] == 0 && v[i] > 0 ? 1 : vCodes[i];
        }
        ATTUNE_SIMD
        for (Int i = 0; i < count; ++i)
            m8[i] = static_cast<std::uint8_t>(mCodes[i]), v8[i] = static_cast<std::uint8_t>(vCodes[i]);
    }
}

// Chen et al. 2023, algorithm 2: the sign of one average moves the weight, another one is kept.
template <class A>
void lion(A* value, A* gradient, A* average, const LionStep& step, Int n) {
    const A scale = static_cast<A>(step.gradientScale), rate = static_cast<A>(step.learningRate);
    const A beta1 = static_cast<A>(step.beta1), rest1 = static_cast<A>(1.0 - step.beta1);
    const A beta2 = static_cast<A>(step.beta2), rest2 = static_cast<A>(1.0 - step.beta2);
    const A keep = static_cast<A>(1.0 - step.learningRate * step.weightDecay);
    ATTUNE_SIMD
    for (Int i = 0; i < n; ++i) {
        const A g = gradient[i] * scale;
        const A direction = beta1 * average[i] + rest1 * g;
        average[i] = beta2 * average[i] + rest2 * g;
        value[i] = value[i] * keep - (direction > A(0) ? rate : direction < A(0) ? -rate : A(0));
        gradient[i] = A(0);
    }
}

template <class A>
void factorSums(const A* gradient, Int rows, Int columns, A gradientScale, A epsilon, A* rowMeans, A* columnSums) {
    for (Int r = 0; r < rows; ++r, gradient += columns) {
        A sum = 0;
#pragma omp simd reduction(+ : sum)
        for (Int c = 0; c < columns; ++c) {
            const A g = gradient[c] * gradientScale;
            const A square = g * g + epsilon;
            columnSums[c] += square;
            sum += square;
        }
        rowMeans[r] = sum / static_cast<A>(columns);
    }
}

template <class A>
double factoredSquares(const A* gradient, Int rows, Int columns, const A* rowFactor, const A* columnFactor) {
    double sum = 0;
    for (Int r = 0; r < rows; ++r, gradient += columns) {
        const A factor = rowFactor[r];
#pragma omp simd reduction(+ : sum)
        for (Int c = 0; c < columns; ++c) {
            const A u = gradient[c] * factor * columnFactor[c];
            sum += static_cast<double>(u) * static_cast<double>(u);
        }
    }
    return sum;
}

template <class A>
void factoredStep(A* value, A* gradient, Int rows, Int columns, const A* rowFactor, const A* columnFactor, A keep,
                  A stepSize) {
    for (Int r = 0; r < rows; ++r, value += columns, gradient += columns) {
        const A factor = rowFactor[r];
        ATTUNE_SIMD
        for (Int c = 0; c < columns; ++c) {
            value[c] = value[c] * keep - stepSize * (gradient[c] * factor * columnFactor[c]);
            gradient[c] = A(0);
        }
    }
}

template <class A>
void fill(OptimizerTable<A>& table) {
    table.sumOfSquares = sumOfSquares<A>;
    table.adamW = adamW<A>;
    table.adamW8 = adamW8<A>;
    table.lion = lion<A>;
    table.factorSums = factorSums<A>;
    table.factoredSquares = factoredSquares<A>;
    table.factoredStep = factoredStep<A>;
}

} // namespace

void fillOptimizer(OptimizerTable<float>& f, OptimizerTable<double>& d) {
    fill(f), fill(d);
}

} // namespace ATTUNE_ISA
} // namespace attune::kernels
