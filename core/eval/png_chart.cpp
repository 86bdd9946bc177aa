#include "core/eval/png_chart.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include <png.h>

#include "core/eval/bitmap_font.h"

namespace attune {

namespace {

constexpr std::uint32_t kInk = 0x1b2430, kMuted = 0x5c6878, kGrid = 0xdde2e9;

class Canvas {
public:
    Canvas(int width, int height)
        : m_width(width), m_height(height),
          m_rgb(static_cast<std::size_t>(width) * static_cast<std::size_t>(height) * 3, 255) {}

    const std::vector<std::uint8_t>& rgb() const { return m_rgb; }

    // Mixes `colour` over the pixel; outside the picture nothing happens.
    void blend(int x, int y, std::uint32_t colour, double cover) {
        if (x < 0 || y < 0 || x >= m_width || y >= m_height || cover <= 0)
            return;
        const std::size_t at =
            (static_cast<std::size_t>(y) * static_cast<std::size_t>(m_width) + static_cast<std::size_t>(x)) * 3;
        for (std::size_t channel = 0; channel < 3; ++channel) {
            const double ink = static_cast<double>(colour >> (16 - 8 * channel) & 255);
            const double old = m_rgb[at + channel];
            m_rgb[at + channel] = static_cast<std::uint8_t>(std::lround(old + (ink - old) * std::min(1.0, cover)));
        }
    }
    void fill(double left, double top, double width, double height, std::uint32_t colour) {
        for (int y = static_cast<int>(std::lround(top)); y < std::lround(top + height); ++y)
            for (int x = static_cast<int>(std::lround(left)); x < std::lround(left + width); ++x)
                blend(x, y, colour, 1);
    }
    // A line of about 1.8 pixels with soft edges: coverage from the distance of each pixel's centre to the segment.
    void line(double x1, double y1, double x2, double y2, std::uint32_t colour) {
        constexpr double kHalf = 0.9;
        const double dx = x2 - x1, dy = y2 - y1, length2 = dx * dx + dy * dy;
        const int top = static_cast<int>(std::floor(std::min(y1, y2) - 2)),
                  bottom = static_cast<int>(std::ceil(std::max(y1, y2) + 2));
        for (int y = std::max(0, top); y <= std::min(m_height - 1, bottom); ++y) {
            // Only the pixels near the segment in this row, so that a long diagonal does not visit its whole rectangle.
            double from = std::min(x1, x2), to = std::max(x1, x2);
            if (std::abs(dy) > 1e-9) {
                const double a = x1 + dx * std::clamp((y - 2 - y1) / dy, 0.0, 1.0),
                             b = x1 + dx * std::clamp((y + 2 - y1) / dy, 0.0, 1.0);
                from = std::min(a, b), to = std::max(a, b);
            }
            for (int x = static_cast<int>(from) - 2; x <= static_cast<int>(to) + 3; ++x) {
                const double t = length2 > 0 ? std::clamp(((x - x1) * dx + (y - y1) * dy) / length2, 0.0, 1.0) : 0;
                blend(x, y, colour, kHalf + 0.5 - std::hypot(x - x1 - t * dx, y - y1 - t * dy));
            }
        }
    }
    void disc(double x, double y, double radius, std::uint32_t colour) {
        for (int row = static_cast<int>(y - radius) - 1; row <= y + radius + 1; ++row)
            for (int column = static_cast<int>(x - radius) - 1; column <= x + radius + 1; ++column)
                blend(column, row, colour, radius + 0.5 - std::hypot(column - x, row - y));
    }
    static double textWidth(const std::string& text, int scale) {
        return 6.0 * scale * static_cast<double>(text.size());
    }
    // `y` is the top of the letters.
    void text(double x, double y, const std::string& text, std::uint32_t colour, int scale = 1) {
        for (const char c : text) {
            const Glyph& glyph = glyphOf(c);
            const double top = y + glyphDrop(c) * scale;
            for (int row = 0; row < 7; ++row)
                for (int column = 0; column < 5; ++column)
                    if (glyph.rows[static_cast<std::size_t>(row)] >> (4 - column) & 1)
                        fill(x + column * scale, top + row * scale, scale, scale, colour);
            x += 6.0 * scale;
        }
    }

private:
    int m_width, m_height;
    std::vector<std::uint8_t> m_rgb;
};

void drawSeries(Canvas& canvas, const ChartSeries& series, const ChartLayout& layout) {
    bool pen = false;
    double lastX = 0, lastY = 0;
    for (std::size_t i = 0; i < std::min(series.x.size(), series.y.size()); ++i) {
        if (!std::isfinite(series.x[i]) || !std::isfinite(series.y[i])) {
            pen = false;
            continue;
        }
        const double x = layout.px(series.x[i]), y = layout.py(series.y[i]);
        if (pen && (!series.dashed || i % 2 == 1))
            canvas.line(lastX, lastY, x, y, series.colour);
        if (series.markers)
            canvas.disc(x, y, 3.5, series.colour);
        lastX = x, lastY = y, pen = true;
    }
}

Canvas draw(const LineChart& chart) {
    Canvas canvas(chart.width, chart.height);
    const ChartLayout layout = layoutChart(chart);
    const double bottom = layout.top + layout.plotHeight, right = layout.left + layout.plotWidth;
    for (std::size_t i = 0; i < layout.y.ticks.size(); ++i) {
        const double y = layout.py(layout.y.ticks[i]);
        canvas.fill(layout.left, y, layout.plotWidth, 1, kGrid);
        canvas.text(layout.left - 8 - Canvas::textWidth(layout.y.labels[i], 1), y - 3, layout.y.labels[i], kMuted);
    }
    for (std::size_t i = 0; i < layout.x.ticks.size(); ++i) {
        const double x = layout.px(layout.x.ticks[i]);
        canvas.fill(x, bottom, 1, 4, kMuted);
        const double width = Canvas::textWidth(layout.x.labels[i], 1);
        canvas.text(std::min(x - width / 2, chart.width - width), bottom + 10, layout.x.labels[i], kMuted);
    }
    canvas.fill(layout.left, bottom, layout.plotWidth, 1, kMuted);
    canvas.text(layout.left, 6, chart.title, kInk, 2);
    canvas.text(right - Canvas::textWidth(chart.xLabel, 1), bottom + 28, chart.xLabel, kMuted);
    canvas.text(8, layout.top - 14, chart.yLabel, kMuted);
    double legend = right;
    for (auto series = chart.series.rbegin(); series != chart.series.rend(); ++series) {
        legend -= 36 + Canvas::textWidth(series->name, 1);
        canvas.fill(legend, layout.top - 12, 14, 3, series->colour);
        canvas.text(legend + 20, layout.top - 14, series->name, kInk);
    }
    for (const ChartSeries& series : chart.series)
        drawSeries(canvas, series, layout);
    return canvas;
}

} // namespace

Result<std::string> pngChart(const LineChart& chart) {
    constexpr int kSmallest = 64, kLargest = 8192;
    if (chart.width < kSmallest || chart.height < kSmallest || chart.width > kLargest || chart.height > kLargest)
        return fail(ErrorCode::InvalidArgument,
                    "A chart cannot be " + std::to_string(chart.width) + " x " + std::to_string(chart.height) +
                        " pixels",
                    "Allowed: 64 to 8192 pixels a side.");
    const Canvas canvas = draw(chart);
    png_image image{};
    image.version = PNG_IMAGE_VERSION;
    image.width = static_cast<png_uint_32>(chart.width), image.height = static_cast<png_uint_32>(chart.height);
    image.format = PNG_FORMAT_RGB;
    png_alloc_size_t size = 0;
    // The simplified interface reports by return value: no longjmp over our objects.
    if (!png_image_write_to_memory(&image, nullptr, &size, 0, canvas.rgb().data(), 0, nullptr))
        return fail(ErrorCode::Internal, std::string("The chart could not be written as PNG: ") + image.message);
    std::string bytes(size, '\0');
    if (!png_image_write_to_memory(&image, bytes.data(), &size, 0, canvas.rgb().data(), 0, nullptr))
        return fail(ErrorCode::Internal, std::string("The chart could not be written as PNG: ") + image.message);
    bytes.resize(size);
    return bytes;
}

Status writePngChart(const fs::path& file, const LineChart& chart) {
    ATTUNE_ASSIGN(const std::string bytes, pngChart(chart));
    return writeFileAtomic(file, bytes);
}

} // namespace attune
