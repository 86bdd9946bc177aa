#include "core/eval/score_text.h"

#include <cstdio>

namespace attune {

std::string percentText(double value) {
    char text[32];
    std::snprintf(text, sizeof text, "%.1f %%", 100 * value);
    return text;
}

std::string signedPercentText(double value) {
    char text[32];
    std::snprintf(text, sizeof text, "%+.1f", 100 * value);
    return text;
}

std::string scoreText(const Score& score) {
    if (!score.measured())
        return "not measured";
    char text[80];
    std::snprintf(text, sizeof text, "%.1f %% (%.1f - %.1f)", 100 * score.value, 100 * score.interval.low,
                  100 * score.interval.high);
    return text;
}

std::string deltaText(const ScoreChange& change) {
    if (!change.before.measured() || !change.after.measured())
        return "-";
    std::string text = signedPercentText(change.delta);
    if (change.paired)
        text += " (" + signedPercentText(change.interval.low) + " to " + signedPercentText(change.interval.high) + ")";
    return text;
}

} // namespace attune
