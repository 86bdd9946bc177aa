#include "core/eval/report.h"

#include <algorithm>

#include "core/base/markup.h"
#include "core/eval/score_text.h"
#include "core/eval/svg_chart.h"

namespace attune {

namespace {

constexpr const char* kStyle = R"(
body { font: 14px/1.5 Inter, system-ui, sans-serif; color: #1b2430; background: #fff; max-width: 960px; margin: 32px auto; padding: 0 24px }
h1 { font-size: 22px } h2 { font-size: 17px; margin-top: 32px }
table { border-collapse: collapse; width: 100% } th, td { text-align: left; padding: 6px 10px; border-bottom: 1px solid #dde2e9; vertical-align: top }
td.n { text-align: right; font-variant-numeric: tabular-nums } th { color: #5c6878; font-weight: 600; font-size: 12px }
pre { white-space: pre-wrap; overflow-wrap: anywhere; font: 12px/1.45 ui-monospace, monospace; margin: 0 }
.box { background: #f6f7f9; padding: 12px; border-radius: 8px } .good { color: #1f8a5b } .bad { color: #b3362f } .careful { color: #a86400 }
svg { max-width: 100%; height: auto } @media print { body { margin: 0 } h2 { break-after: avoid } tr { break-inside: avoid } }
)";

std::string verdictWord(GateVerdict verdict) {
    switch (verdict) {
    case GateVerdict::Accepted:
        return "Accepted";
    case GateVerdict::Rejected:
        return "Rejected";
    case GateVerdict::NotMeasured:
        break;
    }
    return "Not measured";
}

const char* verdictClass(GateVerdict verdict) {
    return verdict == GateVerdict::Accepted ? "good" : verdict == GateVerdict::Rejected ? "bad" : "careful";
}

// In words, because colour is never the only signal.
const char* changeWord(const ScoreChange& change) {
    if (!change.paired || !change.after.measured())
        return "";
    return change.improved() ? "better" : change.worsened() ? "worse" : "within chance";
}

std::string rowCount(const ScoreChange& change) {
    return std::to_string(std::max(change.before.n, change.after.n));
}

std::string cell(const std::string& text, const char* kind = "") {
    return "<td" + std::string(kind) + ">" + htmlEscaped(text) + "</td>";
}

std::string preCell(const std::string& text) {
    return "<td><pre>" + htmlEscaped(text) + "</pre></td>";
}

std::string markdownCell(const std::string& text) {
    return markdownEscaped(text, "<br>");
}

// A fence longer than any run of backticks inside, so that text cannot close it.
std::string fenced(const std::string& text, const char* language) {
    std::size_t longest = 2, run = 0;
    for (const char c : text)
        run = c == '`' ? run + 1 : 0, longest = std::max(longest, run);
    const std::string fence(longest + 1, '`');
    return fence + language + "\n" + text + (text.ends_with('\n') ? "" : "\n") + fence + "\n";
}

// Columns are counted in characters, not bytes.
std::size_t shownWidth(const std::string& text) {
    return static_cast<std::size_t>(
        std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

} // namespace

std::string reportHtml(const RunReport& report) {
    std::string html = "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>" +
                       htmlEscaped(report.title) + "</title><style>" + kStyle + "</style></head><body>\n<h1>" +
                       htmlEscaped(report.title) + "</h1>\n";
    if (!report.summary.empty())
        html += "<p>" + htmlEscaped(report.summary) + "</p>\n";
    if (!report.scores.empty()) {
        html += "<h2>Base against tuned</h2>\n<table><tr><th>Score</th><th>Rows</th><th>Base (95 % interval)</th>"
                "<th>Tuned (95 % interval)</th><th>Difference, points</th><th></th></tr>\n";
        for (const ScoreChange& change : report.scores)
            html += "<tr>" + cell(change.before.title) + cell(rowCount(change), " class=\"n\"") +
                    cell(scoreText(change.before), " class=\"n\"") + cell(scoreText(change.after), " class=\"n\"") +
                    cell(deltaText(change), " class=\"n\"") +
                    cell(changeWord(change), change.improved()   ? " class=\"good\""
                                             : change.worsened() ? " class=\"bad\""
                                                                 : "") +
                    "</tr>\n";
        html += "</table>\n";
    }
    if (!report.gate.reasons.empty()) {
        html += "<h2>Gate: <span class=\"" + std::string(verdictClass(report.gate.verdict)) + "\">" +
                verdictWord(report.gate.verdict) + "</span></h2>\n<table>";
        for (const GateReason& reason : report.gate.reasons)
            html += "<tr>" +
                    cell(verdictWord(reason.verdict),
                         (" class=\"" + std::string(verdictClass(reason.verdict)) + "\"").c_str()) +
                    cell(reason.sentence) + "</tr>\n";
        html += "</table>\n";
    }
    if (!report.curves.empty())
        html += "<h2>Curves</h2>\n";
    for (const LineChart& chart : report.curves)
        html += svgChart(chart);
    if (!report.samples.empty()) {
        html += "<h2>Answers side by "
                "side</h2>\n<table><tr><th>Prompt</th><th>Expected</th><th>Base</th><th>Tuned</th></tr>\n";
        for (const ReportSample& sample : report.samples)
            html += "<tr>" + preCell(sample.prompt) + preCell(sample.expected) + preCell(sample.base) +
                    preCell(sample.tuned) + "</tr>\n";
        html += "</table>\n";
    }
    if (!report.facts.empty()) {
        html += "<h2>What was trained</h2>\n<table>";
        for (const auto& [name, value] : report.facts)
            html += "<tr>" + cell(name) + cell(value) + "</tr>\n";
        html += "</table>\n";
    }
    if (!report.recipeYaml.empty())
        html += "<h2>Recipe</h2>\n<pre class=\"box\">" + htmlEscaped(report.recipeYaml) + "</pre>\n";
    return html + "</body></html>\n";
}

std::string reportMarkdown(const RunReport& report) {
    std::string text = "# " + markdownCell(report.title) + "\n\n";
    if (!report.summary.empty())
        text += markdownCell(report.summary) + "\n\n";
    if (!report.scores.empty()) {
        text += "## Base against tuned\n\n| Score | Rows | Base (95 % interval) | Tuned (95 % interval) | Difference, "
                "points | |\n"
                "|---|---:|---:|---:|---:|---|\n";
        for (const ScoreChange& change : report.scores)
            text += "| " + markdownCell(change.before.title) + " | " + rowCount(change) + " | " +
                    scoreText(change.before) + " | " + scoreText(change.after) + " | " + deltaText(change) + " | " +
                    changeWord(change) + " |\n";
        text += "\n";
    }
    if (!report.gate.reasons.empty()) {
        text += "## Gate: " + verdictWord(report.gate.verdict) + "\n\n";
        for (const GateReason& reason : report.gate.reasons)
            text += "- " + verdictWord(reason.verdict) + ": " + markdownCell(reason.sentence) + "\n";
        text += "\n";
    }
    if (!report.samples.empty()) {
        text += "## Answers side by side\n\n| Prompt | Expected | Base | Tuned |\n|---|---|---|---|\n";
        for (const ReportSample& sample : report.samples)
            text += "| " + markdownCell(sample.prompt) + " | " + markdownCell(sample.expected) + " | " +
                    markdownCell(sample.base) + " | " + markdownCell(sample.tuned) + " |\n";
        text += "\n";
    }
    if (!report.facts.empty()) {
        text += "## What was trained\n\n";
        for (const auto& [name, value] : report.facts)
            text += "- " + markdownCell(name) + ": " + markdownCell(value) + "\n";
        text += "\n";
    }
    if (!report.recipeYaml.empty())
        text += "## Recipe\n\n" + fenced(report.recipeYaml, "yaml");
    return text;
}

std::string scoreTable(const std::vector<ScoreChange>& scores) {
    std::vector<std::vector<std::string>> rows{{"Score", "n", "base (95 %)", "tuned (95 %)", "difference", ""}};
    for (const ScoreChange& change : scores)
        rows.push_back({change.before.title, rowCount(change), scoreText(change.before), scoreText(change.after),
                        deltaText(change), changeWord(change)});
    std::vector<std::size_t> widths(rows.front().size(), 0);
    for (const auto& row : rows)
        for (std::size_t i = 0; i < row.size(); ++i)
            widths[i] = std::max(widths[i], shownWidth(row[i]));
    std::string text;
    for (const auto& row : rows) {
        std::string line;
        for (std::size_t i = 0; i < row.size(); ++i) {
            const std::string space(widths[i] - shownWidth(row[i]), ' ');
            line += (i == 0 ? "" : "  ") + (i == 0 || i + 1 == row.size() ? row[i] + space : space + row[i]);
        }
        line.erase(line.find_last_not_of(' ') + 1);
        text += line + "\n";
    }
    return text;
}

} // namespace attune
