// What a line chart shows and where things lie on it: shared by the SVG and the PNG writer. Qt-free; for reports and
// the command line (the window draws with its own charts).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace attune {

struct ChartSeries {
    std::string name;
    std::vector<double> x, y;        // points that are not finite break the line
    std::uint32_t colour = 0x2f6fdb; // 0xRRGGBB
    bool dashed = false;
    bool markers = false;
};
struct LineChart {
    std::string title, xLabel, yLabel;
    std::vector<ChartSeries> series;
    int width = 860, height = 420; // pixels
};

struct ChartAxis {
    double low = 0, high = 1;
    std::vector<double> ticks; // inside [low, high]
    std::vector<std::string> labels;
};
/// An axis with readable ticks (1, 2, 5 times a power of ten) that covers the finite values; a single value gets room
/// around it.
ChartAxis makeAxis(const std::vector<double>& values, int wantedTicks);
struct ChartLayout {
    ChartAxis x, y;
    double left = 64, top = 40, right = 16, bottom = 48; // margins in pixels
    double plotWidth = 0, plotHeight = 0;
    double px(double value) const { return left + (value - x.low) / (x.high - x.low) * plotWidth; }
    double py(double value) const { return top + plotHeight - (value - y.low) / (y.high - y.low) * plotHeight; }
};
ChartLayout layoutChart(const LineChart& chart);

} // namespace attune
