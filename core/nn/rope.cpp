#include "core/nn/rope.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace attune {

namespace {

constexpr double kTwoPi = 2.0 * std::numbers::pi;

std::vector<double> plainFrequencies(double theta, std::int64_t headDim) {
    std::vector<double> inverse(static_cast<std::size_t>(headDim / 2));
    for (std::size_t i = 0; i < inverse.size(); ++i)
        inverse[i] = std::pow(theta, -2.0 * static_cast<double>(i) / static_cast<double>(headDim));
    return inverse;
}

// Llama 3.1: long wavelengths are stretched by `factor`, short ones kept, those between blended.
void scaleLlama3(std::vector<double>& inverse, const RopeConfig& rope, double context) {
    const double longest = context / rope.lowFreqFactor, shortest = context / rope.highFreqFactor;
    for (double& frequency : inverse) {
        const double wavelength = kTwoPi / frequency;
        if (wavelength > longest) {
            frequency /= rope.factor;
        } else if (wavelength >= shortest) {
            const double smooth =
                (context / wavelength - rope.lowFreqFactor) / (rope.highFreqFactor - rope.lowFreqFactor);
            frequency = (1.0 - smooth) * frequency / rope.factor + smooth * frequency;
        }
    }
}

// YaRN (Peng et al. 2023): interpolation for slow dimensions, extrapolation for fast ones, a ramp between.
void scaleYarn(std::vector<double>& inverse, const RopeConfig& rope, double context, double headDim) {
    const auto dimensionOf = [&](double rotations) {
        return headDim * std::log(context / (rotations * kTwoPi)) / (2.0 * std::log(rope.theta));
    };
    const double low = std::max(std::floor(dimensionOf(rope.betaFast)), 0.0);
    double high = std::min(std::ceil(dimensionOf(rope.betaSlow)), headDim - 1.0);
    if (low == high)
        high += 0.001;
    for (std::size_t i = 0; i < inverse.size(); ++i) {
        const double ramp = std::clamp((static_cast<double>(i) - low) / (high - low), 0.0, 1.0);
        inverse[i] = inverse[i] / rope.factor * ramp + inverse[i] * (1.0 - ramp);
    }
}

} // namespace

bool ropeDependsOnLength(const RopeConfig& rope) {
    return rope.scaling == RopeScaling::Dynamic || rope.scaling == RopeScaling::LongRope;
}

RopeFrequencies ropeFrequencies(const ModelConfig& config, std::int64_t length, bool local) {
    const RopeConfig& rope = local && config.localRope ? *config.localRope : config.rope;
    const double rotated = static_cast<double>(config.rotatedDim());
    const double context =
        static_cast<double>(rope.originalContext > 0 ? rope.originalContext : config.contextLength);
    RopeFrequencies result{plainFrequencies(rope.theta, config.rotatedDim())};
    switch (rope.scaling) {
    case RopeScaling::None:
        break;
    case RopeScaling::Linear:
        for (double& frequency : result.inverse)
            frequency /= rope.factor;
        break;
    case RopeScaling::Dynamic: {
        const double longest = std::max(static_cast<double>(length), context);
        const double stretched = rope.factor * longest / context - (rope.factor - 1.0);
        result.inverse = plainFrequencies(rope.theta * std::pow(stretched, rotated / (rotated - 2.0)), config.rotatedDim());
        break;
    }
    case RopeScaling::Llama3:
        scaleLlama3(result.inverse, rope, context);
        break;
    case RopeScaling::Yarn:
        scaleYarn(result.inverse, rope, context, rotated);
        result.attentionScale = rope.attentionFactor > 0.0 ? rope.attentionFactor
                                : rope.factor > 1.0        ? 0.1 * std::log(rope.factor) + 1.0
                                                           : 1.0;
        break;
    case RopeScaling::LongRope: {
        const auto& factors = static_cast<double>(length) > context ? rope.longFactor : rope.shortFactor;
        for (std::size_t i = 0; i < result.inverse.size() && i < factors.size(); ++i)
            result.inverse[i] /= factors[i];
        const double factor =
            rope.originalContext > 0 ? static_cast<double>(config.contextLength) / context : rope.factor;
        result.attentionScale = rope.attentionFactor > 0.0 ? rope.attentionFactor
                                : factor > 1.0             ? std::sqrt(1.0 + std::log(factor) / std::log(context))
                                                           : 1.0;
        break;
    }
    }
    result.still = static_cast<std::size_t>((config.headDim - config.rotatedDim()) / 2);
    result.inverse.resize(result.inverse.size() + result.still, 0.0);
    return result;
}

template <class Real>
void appendRopeTable(const RopeFrequencies& frequencies, std::int64_t begin, std::int64_t count,
                     std::vector<Real>& cosines, std::vector<Real>& sines) {
    const std::size_t turning = frequencies.inverse.size() - frequencies.still;
    const std::size_t added = static_cast<std::size_t>(count) * frequencies.inverse.size();
    cosines.reserve(cosines.size() + added);
    sines.reserve(sines.size() + added);
    for (std::int64_t position = begin; position < begin + count; ++position) {
        for (std::size_t i = 0; i < turning; ++i) {
            const double angle = static_cast<double>(position) * frequencies.inverse[i];
            cosines.push_back(static_cast<Real>(std::cos(angle) * frequencies.attentionScale));
            sines.push_back(static_cast<Real>(std::sin(angle) * frequencies.attentionScale));
        }
        cosines.insert(cosines.end(), frequencies.still, Real(1));
        sines.insert(sines.end(), frequencies.still, Real(0));
    }
}

template void appendRopeTable(const RopeFrequencies&, std::int64_t, std::int64_t, std::vector<float>&,
                              std::vector<float>&);
template void appendRopeTable(const RopeFrequencies&, std::int64_t, std::int64_t, std::vector<double>&,
                              std::vector<double>&);

} // namespace attune
