// A measured number with how sure it is, and the same before and after. Values only.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/stats/intervals.h"

namespace attune {

struct Score {
    std::string id, title; // "json.valid", "Valid JSON"
    std::int64_t n = 0;    // rows measured; 0 = not measured
    double value = 0;      // mean, in [0, 1] unless said otherwise
    Interval interval{0, 0};
    bool higherIsBetter = true;
    std::vector<double> rows; // per row, in the order of the set (what paired tests need)
    bool measured() const { return n > 0; }
};
/// Mean of per-row values. 0/1 rows get a Wilson interval, others a seeded bootstrap.
Score summarise(std::string id, std::string title, std::vector<double> rows);

struct ScoreChange {
    Score before, after;
    double delta = 0;        // after - before
    Interval interval{0, 0}; // paired bootstrap of the difference
    double pValue = 1;       // sign test over the rows that changed
    bool paired = false;     // both measured on the same number of rows
    /// The whole interval lies on the good side of zero.
    bool improved() const { return paired && (before.higherIsBetter ? interval.low > 0 : interval.high < 0); }
    bool worsened() const { return paired && (before.higherIsBetter ? interval.high < 0 : interval.low > 0); }
};
ScoreChange compareScores(Score before, Score after);
/// Matches by id, in the order of `before`; scores only one side has are kept with the other not measured.
std::vector<ScoreChange> compareAll(const std::vector<Score>& before, const std::vector<Score>& after);

} // namespace attune
