// Is the difference more than chance? Exact tests for counts and paired outcomes. Pure functions, any thread.
#pragma once

#include <cstdint>
#include <span>

namespace attune {

/// Two-sided exact binomial test: probability, under `probability`, of an outcome at most as likely as this one.
double binomialTest(std::int64_t successes, std::int64_t n, double probability = 0.5);
/// Two-sided sign test of paired outcomes; ties are left out beforehand. No wins and losses at all: 1.
double signTest(std::int64_t wins, std::int64_t losses);

struct McNemar {
    std::int64_t both = 0, onlyFirst = 0, onlySecond = 0, neither = 0;
    double pValue = 1; // exact (binomial on the discordant pairs)
};
/// Right / wrong of two systems on the same rows (same length, else the shorter one counts).
McNemar mcNemar(std::span<const bool> first, std::span<const bool> second);

} // namespace attune
