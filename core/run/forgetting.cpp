#include "core/run/forgetting.h"

#include <cstdio>

namespace attune {

namespace {

std::string shown(const char* format, double value) {
    char text[48];
    std::snprintf(text, sizeof text, format, value);
    return text;
}

// Two digits, but never as a power of ten.
std::string percent(double change) { return shown(change < 0.99 ? "%+.2g" : "%+.0f", 100 * change) + " %"; }

} // namespace

std::string shareWords(double share) {
    return shown(share < 10 ? "%.3g" : "%.0f", 100 * share) + " %";
}

std::string forgettingWords(const Forgetting& forgetting) {
    std::string text = "The loss on general data ";
    text += forgetting.now > forgetting.before ? "rose" : "went";
    text += " from " + shown("%.3g", forgetting.before) + " to " + shown("%.3g", forgetting.now);
    if (forgetting.before > 0)
        text += " (" + percent(forgetting.now / forgetting.before - 1) + ")";
    const std::string allowed = "the " + shareWords(forgetting.limit) + " that are allowed";
    return text + (forgetting.beyondLimit() ? ": more than " + allowed + ", so the model forgot." : ": within " + allowed + ".");
}

} // namespace attune
