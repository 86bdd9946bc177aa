// What the votes say: win rate with its interval, by tag and by length, and how many more would settle it. Pure
// functions.
#pragma once

#include <map>

#include "core/review/review_queue.h"
#include "core/stats/intervals.h"
#include "core/stats/sequential.h"

namespace attune {

struct PreferenceCount {
    std::int64_t tuned = 0, base = 0, tie = 0, bothBad = 0;
    std::int64_t votes() const { return tuned + base + tie + bothBad; }
    std::int64_t decided() const { return tuned + base; }
    double winRate = 0;      // tuned / decided; 0 when nothing is decided
    Interval interval{0, 1}; // Wilson, over the decided votes
    double pValue = 1;       // sign test
};
struct PreferenceStats {
    PreferenceCount all;
    std::map<std::string, PreferenceCount> byTag; // tags of the item and of the vote
    std::map<std::string, PreferenceCount>
        byLength;               // "short", "medium", "long": thirds of the items by the prompt's length
    std::int64_t tunedLeft = 0; // how often the tuned answer was on the left
    std::int64_t leftChosen = 0, rightChosen = 0; // a reviewer who always takes one side shows here
    SequentialState sequential;
};
PreferenceStats preferenceStats(const ReviewQueue& queue);

/// Agreement of two reviewers beyond chance (Cohen 1960) over the items both judged.
struct Kappa {
    std::int64_t items = 0;
    double observed = 0, expected = 0, kappa = 0; // kappa 1 when both are unanimous on one verdict; 0 items: 0
};
Kappa cohensKappa(const std::vector<PairVote>& first, const std::vector<PairVote>& second);

} // namespace attune
