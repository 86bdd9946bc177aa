#include <algorithm>
#include <cmath>
#include <numbers>

#include "core/optim/optimizer.h"
#include "core/plan/catalog.h"

namespace attune {

namespace {

double warmed(std::int64_t step, std::int64_t warmup) {
    return static_cast<double>(step) / static_cast<double>(std::max<std::int64_t>(1, warmup));
}

// get_linear_schedule_with_warmup
double linear(std::int64_t step, std::int64_t warmup, std::int64_t total, const ParamMap&) {
    if (step < warmup)
        return warmed(step, warmup);
    return std::max(0.0,
                    static_cast<double>(total - step) / static_cast<double>(std::max<std::int64_t>(1, total - warmup)));
}

// get_cosine_schedule_with_warmup, half a period
double cosine(std::int64_t step, std::int64_t warmup, std::int64_t total, const ParamMap&) {
    if (step < warmup)
        return warmed(step, warmup);
    const double progress =
        static_cast<double>(step - warmup) / static_cast<double>(std::max<std::int64_t>(1, total - warmup));
    return std::max(0.0, 0.5 * (1.0 + std::cos(std::numbers::pi * progress)));
}

// get_constant_schedule_with_warmup
double constant(std::int64_t step, std::int64_t warmup, std::int64_t, const ParamMap&) {
    return step < warmup ? warmed(step, warmup) : 1.0;
}

// get_wsd_schedule: warm up, stay, and fall within the last share of the run (Hu et al. 2024, MiniCPM).
std::vector<ParamSpec> wsdParams() {
    std::vector<ParamSpec> specs(2);
    specs[0].key = "decay_share";
    specs[0].label = "Share of the decay";
    specs[0].unit = "share of steps";
    specs[0].help = "The last part of the run, in which the rate falls to zero.";
    specs[0].defaultValue = 0.2;
    specs[0].min = 0.0, specs[0].max = 1.0;
    specs[0].ifTooHigh = "Little of the run trains at the full rate.";
    specs[0].ifTooLow = "The loss does not settle before the end.";
    specs[0].advanced = true;
    specs[1].key = "decay_shape";
    specs[1].label = "Shape of the decay";
    specs[1].help = "How the rate falls: along a cosine, in a straight line, or as 1 - square root.";
    specs[1].defaultValue = std::string("cosine");
    specs[1].choices = {"cosine", "linear", "1-sqrt"};
    specs[1].advanced = true;
    return specs;
}

double wsd(std::int64_t step, std::int64_t warmup, std::int64_t total, const ParamMap& params) {
    static const std::vector<ParamSpec> specs = wsdParams();
    if (step < warmup)
        return warmed(step, warmup);
    const auto wanted = static_cast<std::int64_t>(
        std::ceil(paramDouble(params, specs, "decay_share") * static_cast<double>(total)));
    const std::int64_t decay = std::clamp<std::int64_t>(wanted, 0, std::max<std::int64_t>(0, total - warmup));
    if (step < total - decay)
        return 1.0;
    if (step >= total)
        return 0.0;
    const double progress = static_cast<double>(step - (total - decay)) / static_cast<double>(decay);
    const std::string shape = paramString(params, specs, "decay_shape");
    if (shape == "linear")
        return 1.0 - progress;
    return shape == "1-sqrt" ? 1.0 - std::sqrt(progress) : 0.5 * (1.0 + std::cos(std::numbers::pi * progress));
}

// get_inverse_sqrt_schedule; without a time scale that of its warm-up, and without one 10,000 steps.
std::vector<ParamSpec> inverseSqrtParams() {
    std::vector<ParamSpec> specs(1);
    specs[0].key = "timescale";
    specs[0].label = "Time scale";
    specs[0].unit = "steps";
    specs[0].help = "How slowly the rate falls: after the warm-up and three times this it is half; 0 takes the warm-up's "
                    "length, or 10,000 without one.";
    specs[0].defaultValue = std::int64_t{0};
    specs[0].min = 0, specs[0].max = 1e9;
    specs[0].ifTooHigh = "The rate hardly falls within the run.";
    specs[0].ifTooLow = "The rate is small before much was learned.";
    specs[0].advanced = true;
    return specs;
}

double inverseSqrt(std::int64_t step, std::int64_t warmup, std::int64_t, const ParamMap& params) {
    static const std::vector<ParamSpec> specs = inverseSqrtParams();
    if (step < warmup)
        return warmed(step, warmup);
    constexpr std::int64_t kWithoutWarmup = 10000;
    const std::int64_t given = paramInt(params, specs, "timescale");
    const auto scale = static_cast<double>(given > 0 ? given : warmup > 0 ? warmup : kWithoutWarmup);
    return 1.0 / std::sqrt((static_cast<double>(step - warmup) + scale) / scale);
}

} // namespace

const std::vector<ScheduleKind>& builtinSchedules() {
    static const std::vector<ScheduleKind> schedules = {
        {{"linear", "Linear", "Warm up, then fall in a straight line to zero: the usual choice.", {}}, linear},
        {{"cosine", "Cosine", "Warm up, stay high for longer, then glide to zero.", {}}, cosine},
        {{"constant", "Constant", "Warm up, then stay: for open-ended runs.", {}}, constant},
        {{"wsd", "Warm-up, stable, decay", "Warm up, stay, and fall only at the end: for runs that may be prolonged.",
          wsdParams()},
         wsd},
        {{"inverse_sqrt", "Inverse square root", "Warm up, then fall ever more slowly and never to zero.",
          inverseSqrtParams()},
         inverseSqrt},
    };
    return schedules;
}

} // namespace attune
