#include "core/eval/svg_chart.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "core/base/markup.h"

namespace attune {

namespace {

std::string pixels(double value) {
    char text[32];
    std::snprintf(text, sizeof text, "%.1f", value);
    return text;
}

std::string colourText(std::uint32_t colour) {
    char text[16];
    std::snprintf(text, sizeof text, "#%06x", static_cast<unsigned>(colour & 0xFFFFFF));
    return text;
}

std::string label(double x, double y, const std::string& text, const char* attributes) {
    return "<text x=\"" + pixels(x) + "\" y=\"" + pixels(y) + "\" " + attributes + ">" + htmlEscaped(text) +
           "</text>\n";
}

std::string line(double x1, double y1, double x2, double y2, const char* attributes) {
    return "<line x1=\"" + pixels(x1) + "\" y1=\"" + pixels(y1) + "\" x2=\"" + pixels(x2) + "\" y2=\"" + pixels(y2) +
           "\" " + attributes + "/>\n";
}

std::string seriesPath(const ChartSeries& series, const ChartLayout& layout) {
    std::string path, markers;
    bool pen = false;
    for (std::size_t i = 0; i < std::min(series.x.size(), series.y.size()); ++i) {
        if (!std::isfinite(series.x[i]) || !std::isfinite(series.y[i])) {
            pen = false;
            continue;
        }
        const std::string x = pixels(layout.px(series.x[i])), y = pixels(layout.py(series.y[i]));
        path += std::string(pen ? "L" : "M") + x + " " + y;
        pen = true;
        if (series.markers)
            markers +=
                "<circle cx=\"" + x + "\" cy=\"" + y + "\" r=\"3\" fill=\"" + colourText(series.colour) + "\"/>\n";
    }
    if (path.empty())
        return {};
    return "<path d=\"" + path + "\" fill=\"none\" stroke=\"" + colourText(series.colour) + "\" stroke-width=\"1.5\"" +
           (series.dashed ? " stroke-dasharray=\"6 4\"" : "") + "/>\n" + markers;
}

} // namespace

std::string svgChart(const LineChart& chart) {
    const ChartLayout layout = layoutChart(chart);
    const std::string width = std::to_string(chart.width), height = std::to_string(chart.height);
    std::string svg = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 " + width + " " + height +
                      "\" width=\"" + width + "\" height=\"" + height +
                      "\" font-family=\"Inter, sans-serif\" font-size=\"12\" role=\"img\">\n";
    svg += "<title>" + htmlEscaped(chart.title) + "</title>\n<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n";
    svg += label(layout.left, 18, chart.title, "font-size=\"14\" font-weight=\"600\" fill=\"#1b2430\"");
    const double bottom = layout.top + layout.plotHeight, right = layout.left + layout.plotWidth;
    for (std::size_t i = 0; i < layout.y.ticks.size(); ++i) {
        const double y = layout.py(layout.y.ticks[i]);
        svg += line(layout.left, y, right, y, "stroke=\"#dde2e9\"");
        svg += label(layout.left - 8, y + 4, layout.y.labels[i], "text-anchor=\"end\" fill=\"#5c6878\"");
    }
    for (std::size_t i = 0; i < layout.x.ticks.size(); ++i) {
        const double x = layout.px(layout.x.ticks[i]);
        svg += line(x, bottom, x, bottom + 4, "stroke=\"#5c6878\"");
        svg += label(x, bottom + 18, layout.x.labels[i], "text-anchor=\"middle\" fill=\"#5c6878\"");
    }
    svg += line(layout.left, bottom, right, bottom, "stroke=\"#5c6878\"");
    svg += label(right, bottom + 36, chart.xLabel, "text-anchor=\"end\" fill=\"#5c6878\"");
    svg += label(8, layout.top - 8, chart.yLabel, "fill=\"#5c6878\"");
    double legend = right;
    for (auto series = chart.series.rbegin(); series != chart.series.rend(); ++series) {
        legend -= 36 + 7 * static_cast<double>(series->name.size());
        svg += "<rect x=\"" + pixels(legend) + "\" y=\"" + pixels(layout.top - 16) +
               "\" width=\"14\" height=\"3\" fill=\"" + colourText(series->colour) + "\"/>\n";
        svg += label(legend + 20, layout.top - 10, series->name, "fill=\"#1b2430\"");
    }
    for (const ChartSeries& series : chart.series)
        svg += seriesPath(series, layout);
    return svg + "</svg>\n";
}

} // namespace attune
