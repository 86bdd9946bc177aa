#include <cmath>
#include <limits>

#include <QTemporaryDir>
#include <QXmlStreamReader>
#include <QtTest>

#include <png.h>

#include "core/eval/bitmap_font.h"
#include "core/eval/png_chart.h"
#include "core/eval/report.h"
#include "core/eval/svg_chart.h"
#include "tests/support/test_main.h"

using namespace attune;

namespace {

LineChart makeChart() {
    LineChart chart;
    chart.title = "Loss <b> & \"quotes\"";
    chart.xLabel = "step", chart.yLabel = "nats";
    ChartSeries training, validation;
    training.name = "training";
    for (int i = 1; i <= 200; ++i)
        training.x.push_back(i), training.y.push_back(0.4 + 2.6 * std::exp(-i / 50.0));
    training.y[50] = std::numeric_limits<double>::quiet_NaN();
    validation = {"validation", {0, 100, 200}, {3, 1, 0.6}, 0xa86400, false, true};
    chart.series = {training, validation};
    return chart;
}

struct Pixels { // decoded by libpng itself
    explicit Pixels(const std::string& bytes) {
        image.version = PNG_IMAGE_VERSION;
        ok = png_image_begin_read_from_memory(&image, bytes.data(), bytes.size()) != 0;
        image.format = PNG_FORMAT_RGB;
        if (ok) {
            rgb.resize(PNG_IMAGE_SIZE(image));
            ok = png_image_finish_read(&image, nullptr, rgb.data(), 0, nullptr) != 0;
        }
    }
    int count(std::uint32_t colour) const {
        int found = 0;
        for (std::size_t i = 0; i + 2 < rgb.size(); i += 3)
            found +=
                rgb[i] == (colour >> 16 & 255) && rgb[i + 1] == (colour >> 8 & 255) && rgb[i + 2] == (colour & 255);
        return found;
    }
    std::uint32_t at(int x, int y) const {
        const auto i = (static_cast<std::size_t>(y) * image.width + static_cast<std::size_t>(x)) * 3;
        return static_cast<std::uint32_t>(rgb[i]) << 16 | static_cast<std::uint32_t>(rgb[i + 1]) << 8 | rgb[i + 2];
    }
    png_image image{};
    std::vector<std::uint8_t> rgb;
    bool ok = false;
};

std::vector<double> doubles(std::initializer_list<double> values) {
    return values;
}

} // namespace

class ReportTest : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void axesAreReadableAndCoverTheValues() {
        const ChartAxis axis = makeAxis({0.37, 2.93, std::nan("")}, 6);
        QCOMPARE(axis.low, 0.0);
        QCOMPARE(axis.high, 3.0);
        QCOMPARE(axis.labels, (std::vector<std::string>{"0.0", "0.5", "1.0", "1.5", "2.0", "2.5", "3.0"}));
        const std::vector<std::vector<double>> cases{{},
                                                     {5},
                                                     {0},
                                                     {-3, -3},
                                                     {1e-9, 2e-9},
                                                     {1e12, 1e12 + 1},
                                                     {-1e308, 1e308},
                                                     doubles({1, 1 + 1e-15}),
                                                     {std::numeric_limits<double>::infinity()}};
        for (const auto& values : cases) {
            const ChartAxis odd = makeAxis(values, 5);
            QVERIFY(odd.high > odd.low && odd.ticks.size() >= 2 && odd.ticks.size() <= 100 &&
                    odd.ticks.size() == odd.labels.size());
            for (const double value : values)
                QVERIFY(!std::isfinite(value) || std::abs(value) > 1e300 ||
                        (value >= odd.low - 1e-6 * std::abs(value) && value <= odd.high + 1e-6 * std::abs(value)));
        }
    }
    void svgIsWellFormedAndEscapes() {
        QXmlStreamReader xml(QByteArray::fromStdString(svgChart(makeChart())));
        int paths = 0, circles = 0, moves = 0;
        QString title;
        while (!xml.atEnd()) {
            if (xml.readNext() != QXmlStreamReader::StartElement)
                continue;
            if (xml.name() == QLatin1String("path"))
                ++paths, moves += xml.attributes().value("d").count('M');
            circles += xml.name() == QLatin1String("circle");
            if (xml.name() == QLatin1String("title"))
                title = xml.readElementText();
        }
        QVERIFY2(!xml.hasError(), qPrintable(xml.errorString()));
        QCOMPARE(paths, 2);
        QCOMPARE(moves, 3); // the NaN broke the first line in two
        QCOMPARE(circles, 3);
        QCOMPARE(title, QString("Loss <b> & \"quotes\""));
    }
    void pngDecodesAndShowsTheCurves() {
        const auto bytes = pngChart(makeChart());
        QVERIFY(bytes.has_value());
        QCOMPARE(bytes->substr(0, 8), std::string("\x89PNG\r\n\x1a\n", 8));
        const Pixels pixels(*bytes);
        QVERIFY(pixels.ok);
        QCOMPARE(int(pixels.image.width), 860);
        QVERIFY(pixels.count(0x2f6fdb) > 200 && pixels.count(0xa86400) > 200 && pixels.count(0xffffff) > 200000);
        // The middle of the plot's markers is exactly where the layout puts the value.
        const LineChart chart = makeChart();
        const ChartLayout layout = layoutChart(chart);
        QCOMPARE(pixels.at(int(std::lround(layout.px(100))), int(std::lround(layout.py(1)))), 0xa86400U);
        QCOMPARE(*pngChart(chart), *bytes); // same chart, same bytes
        LineChart empty;
        QVERIFY(Pixels(*pngChart(empty)).ok);
        empty.width = 9000;
        QVERIFY(!pngChart(empty) && pngChart(empty).error().message.find("9000") != std::string::npos);
    }
    void pngIsWrittenToAFile() {
        const QTemporaryDir folder;
        const fs::path file = fs::path(folder.path().toStdString()) / "loss.png";
        QVERIFY(writePngChart(file, makeChart()));
        QVERIFY(Pixels(*readFile(file)).ok);
        QVERIFY(!writePngChart(file / "below", makeChart()));
    }
    void everyGlyphIsDifferent() {
        for (const Glyph& a : kGlyphs)
            for (const Glyph& b : kGlyphs)
                QVERIFY2(a.character == b.character || a.rows != b.rows,
                         std::string({a.character, b.character}).c_str());
        QCOMPARE(glyphOf('\n').character, '?');
    }
    void reportsHoldTheEvidenceAndEscape() {
        RunReport report;
        report.title = "Run <1>", report.summary = "Tuned & measured.";
        report.facts = {{"Data (hash)", "0123abcd"}};
        report.scores = compareAll({summarise("json.valid", "Valid JSON", std::vector<double>(50, 0.0))},
                                   {summarise("json.valid", "Valid JSON", std::vector<double>(50, 1.0)),
                                    summarise("x", "Only tuned", {0.5, 0.7})});
        GateRule rule;
        rule.score = "json.valid", rule.atLeast = 0.95;
        report.gate = judge({rule}, report.scores);
        report.curves = {makeChart()};
        report.samples = {{"<script>alert(1)</script>", "a|b", "x\ny", "`code` **bold**"}};
        report.recipeYaml = "model: \"a\"\n# ``` fence\n";
        const std::string html = reportHtml(report), markdown = reportMarkdown(report);
        for (const char* part : {"Run &lt;1&gt;", "Tuned &amp; measured.", "0123abcd", "100.0 % (92.9 - 100.0)",
                                 "0.0 % (0.0 - 7.1)", "+100.0", "better", "Accepted", "<svg", "not measured",
                                 "&lt;script&gt;alert(1)&lt;/script&gt;", "model: &quot;a&quot;"})
            QVERIFY2(html.find(part) != std::string::npos, part);
        QVERIFY(html.find("<script") == std::string::npos && html.find("href=") == std::string::npos &&
                html.find("src=") == std::string::npos);
        for (const char* part : {"# Run \\<1>", "| Valid JSON | 50 | 0.0 % (0.0 - 7.1) | 100.0 % (92.9 - 100.0) |",
                                 "a\\|b", "x<br>y", "\\`code\\` \\*\\*bold\\*\\*", "````yaml"})
            QVERIFY2(markdown.find(part) != std::string::npos, part);
        const std::string table = scoreTable(report.scores);
        QVERIFY(table.find("Valid JSON") != std::string::npos && table.find("92.9 - 100.0") != std::string::npos);
        QCOMPARE(std::count(table.begin(), table.end(), '\n'), 3);
    }
    void anEmptyReportIsStillADocument() {
        const std::string html = reportHtml({});
        QVERIFY(html.starts_with("<!DOCTYPE html>") && html.ends_with("</html>\n") &&
                html.find("Gate") == std::string::npos);
    }
};

ATTUNE_TEST(ReportTest)
#include "tst_report.moc"
