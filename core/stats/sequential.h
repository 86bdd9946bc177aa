// "About N more to settle this": a sequential test for pairwise review that may be looked at after every vote without
// inflating the error. Pure functions, any thread.
#pragma once

#include <cstdint>

namespace attune {

struct SequentialState {
    enum class Verdict { Undecided, FirstBetter, SecondBetter } verdict = Verdict::Undecided;
    double evidence = 1;            // e-value against "both equally good"; decided at 1 / alpha
    std::int64_t expectedMore = -1; // votes still needed if the rate so far holds; -1 = not to be foreseen, 0 = decided
};
/// Wins and losses so far (ties carry no evidence). The evidence is the likelihood ratio of a Beta(1, 1) mixture
/// against p = 1/2, a martingale under the null, so P(ever >= 1 / alpha) <= alpha (Ville 1939). `tieShare` scales
/// expectedMore to votes incl. ties.
SequentialState sequentialReview(std::int64_t wins, std::int64_t losses, double alpha = 0.05, double tieShare = 0);

} // namespace attune
