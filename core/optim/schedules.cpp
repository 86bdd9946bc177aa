#include <algorithm>
#include <cmath>
#include <numbers>

#include "core/optim/optimizer.h"

namespace attune {

namespace {

double warmed(std::int64_t step, std::int64_t warmup) {
    return static_cast<double>(step) / static_cast<double>(std::max<std::int64_t>(1, warmup));
}

// get_linear_schedule_with_warmup
double linear(std::int64_t step, std::int64_t warmup, std::int64_t total) {
    if (step < warmup)
        return warmed(step, warmup);
    return std::max(0.0,
                    static_cast<double>(total - step) / static_cast<double>(std::max<std::int64_t>(1, total - warmup)));
}

// get_cosine_schedule_with_warmup, half a period
double cosine(std::int64_t step, std::int64_t warmup, std::int64_t total) {
    if (step < warmup)
        return warmed(step, warmup);
    const double progress =
        static_cast<double>(step - warmup) / static_cast<double>(std::max<std::int64_t>(1, total - warmup));
    return std::max(0.0, 0.5 * (1.0 + std::cos(std::numbers::pi * progress)));
}

// get_constant_schedule_with_warmup
double constant(std::int64_t step, std::int64_t warmup, std::int64_t) {
    return step < warmup ? warmed(step, warmup) : 1.0;
}

} // namespace

const std::vector<ScheduleKind>& builtinSchedules() {
    static const std::vector<ScheduleKind> schedules = {
        {{"linear", "Linear", "Warm up, then fall in a straight line to zero: the usual choice.", {}}, linear},
        {{"cosine", "Cosine", "Warm up, stay high for longer, then glide to zero.", {}}, cosine},
        {{"constant", "Constant", "Warm up, then stay: for open-ended runs.", {}}, constant},
    };
    return schedules;
}

} // namespace attune
