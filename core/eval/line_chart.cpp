#include "core/eval/line_chart.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace attune {

namespace {

constexpr double kLargest = 1e300; // so that the range of two values is a number too

double readableStep(double range, int wantedTicks) {
    const double raw = range / std::max(1, wantedTicks);
    const double power = std::pow(10.0, std::floor(std::log10(raw)));
    for (const double factor : {1.0, 2.0, 5.0})
        if (factor * power >= raw * 0.999)
            return factor * power;
    return 10 * power;
}

std::string tickLabel(double value, double step) {
    char text[40];
    const double size = std::max(std::abs(value), step);
    if (size >= 1e7 || step < 1e-6)
        std::snprintf(text, sizeof text, "%.3g", value);
    else
        std::snprintf(text, sizeof text, "%.*f", std::max(0, static_cast<int>(-std::floor(std::log10(step) + 1e-9))),
                      value);
    return text;
}

} // namespace

ChartAxis makeAxis(const std::vector<double>& values, int wantedTicks) {
    double low = 0, high = 0;
    bool any = false;
    for (const double value : values) {
        if (!std::isfinite(value))
            continue;
        const double kept = std::clamp(value, -kLargest, kLargest);
        low = any ? std::min(low, kept) : kept;
        high = any ? std::max(high, kept) : kept;
        any = true;
    }
    ChartAxis axis;
    if (!any)
        low = 0, high = 1;
    // Also when the range drowns in the values' own rounding: room around a single value.
    const double size = std::max({std::abs(low), std::abs(high), 1e-300});
    if (high - low <= 1e-12 * size) {
        const double room = low == 0 && high == 0 ? 1 : 0.1 * size;
        low -= room, high += room;
    }
    const double step = readableStep(high - low, wantedTicks);
    const double first = std::floor(low / step + 1e-9), last = std::ceil(high / step - 1e-9);
    axis.low = first * step, axis.high = last * step;
    for (double tick = first; tick <= last && axis.ticks.size() < 100; ++tick) {
        axis.ticks.push_back(tick * step);
        axis.labels.push_back(tickLabel(tick == 0 ? 0 : tick * step, step));
    }
    return axis;
}

ChartLayout layoutChart(const LineChart& chart) {
    std::vector<double> xs, ys;
    for (const ChartSeries& series : chart.series)
        for (std::size_t i = 0; i < std::min(series.x.size(), series.y.size()); ++i)
            if (std::isfinite(series.x[i]) && std::isfinite(series.y[i]))
                xs.push_back(series.x[i]), ys.push_back(series.y[i]);
    ChartLayout layout;
    layout.x = makeAxis(xs, std::max(2, chart.width / 120));
    layout.y = makeAxis(ys, std::max(2, chart.height / 70));
    layout.plotWidth = std::max(1.0, chart.width - layout.left - layout.right);
    layout.plotHeight = std::max(1.0, chart.height - layout.top - layout.bottom);
    return layout;
}

} // namespace attune
