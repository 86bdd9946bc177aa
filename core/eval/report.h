// A run's report as one HTML file (curves inlined as SVG, nothing from the network) and as Markdown: what was trained
// on what, base against tuned with n and intervals, the gate, samples side by side. Pure text from values; escapes all
// it did not write itself.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "core/eval/gate.h"
#include "core/eval/line_chart.h"
#include "core/eval/score.h"

namespace attune {

struct ReportSample {
    std::string prompt, expected, base, tuned;
};
struct RunReport {
    std::string title, summary;                             // summary: one or two plain sentences
    std::vector<std::pair<std::string, std::string>> facts; // "Base model", "Data (hash)", "Steps" ...
    std::vector<ScoreChange> scores;
    GateResult gate; // no reasons: the section is left out
    std::vector<LineChart> curves;
    std::vector<ReportSample> samples;
    std::string recipeYaml;
};
std::string reportHtml(const RunReport& report);
std::string reportMarkdown(const RunReport& report);
/// The table alone as plain text for a terminal: score, n, base and tuned with their intervals, difference.
std::string scoreTable(const std::vector<ScoreChange>& scores);

} // namespace attune
