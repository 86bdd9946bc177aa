// What a run must reach before it is given away. Part of its recipe, so it is set before anybody sees the result; the doctor
// while it trains and the evidence afterwards go by the same numbers. Values.
#pragma once

namespace attune {

struct RunConfig;

struct AcceptanceLimits {
    double generalRise = 0.05; // share by which the loss on general data may rise; more counts as forgotten
    double scoreGain = 0;      // what a score of the test rows must gain, in shares, beside being beyond chance
    bool operator==(const AcceptanceLimits&) const = default;
};

/// training.forgetting_limit and training.score_gain of a recipe, which people write in per cent and points.
AcceptanceLimits acceptanceLimits(const RunConfig& config);

} // namespace attune
