#include "core/plan/advisor_report.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "core/base/markup.h"

namespace attune {

namespace {

// One report, two markups: what is said is decided once, how it is marked is left to the writer.
struct Markup {
    std::string (*escape)(std::string_view);
    std::string (*heading)(int level, const std::string&);
    std::string (*paragraph)(const std::string&);
    std::string (*strong)(const std::string&);
    std::string (*list)(const std::vector<std::string>&);
    std::string (*table)(const std::vector<std::vector<std::string>>&); // first row = head
};

const Markup kHtml{htmlEscaped,
                   [](int level, const std::string& text) {
                       return "<h" + std::to_string(level) + ">" + text + "</h" + std::to_string(level) + ">\n";
                   },
                   [](const std::string& text) { return "<p>" + text + "</p>\n"; },
                   [](const std::string& text) { return "<b>" + text + "</b>"; },
                   [](const std::vector<std::string>& items) {
                       std::string html = "<ul>\n";
                       for (const std::string& item : items)
                           html += "<li>" + item + "</li>\n";
                       return html + "</ul>\n";
                   },
                   [](const std::vector<std::vector<std::string>>& rows) {
                       std::string html = "<table>\n";
                       for (std::size_t i = 0; i < rows.size(); ++i) {
                           html += "<tr>";
                           for (const std::string& cell : rows[i])
                               html += (i == 0 ? "<th>" : "<td>") + cell + (i == 0 ? "</th>" : "</td>");
                           html += "</tr>\n";
                       }
                       return html + "</table>\n";
                   }};

const Markup kMarkdown{[](std::string_view text) { return markdownEscaped(text); },
                       [](int level, const std::string& text) {
                           return std::string(static_cast<std::size_t>(level), '#') + " " + text + "\n\n";
                       },
                       [](const std::string& text) { return text + "\n\n"; },
                       [](const std::string& text) { return "**" + text + "**"; },
                       [](const std::vector<std::string>& items) {
                           std::string text;
                           for (const std::string& item : items)
                               text += "- " + item + "\n";
                           return text + "\n";
                       },
                       [](const std::vector<std::vector<std::string>>& rows) {
                           std::string text;
                           for (std::size_t i = 0; i < rows.size(); ++i) {
                               for (const std::string& cell : rows[i])
                                   text += "| " + cell + " ";
                               text += "|\n";
                               for (std::size_t column = 0; i == 0 && column < rows[0].size(); ++column)
                                   text += "|---";
                               if (i == 0)
                                   text += "|\n";
                           }
                           return text + "\n";
                       }};

std::string figure(double value, const char* format) {
    char text[32];
    std::snprintf(text, sizeof text, format, value == 0 ? 0.0 : value);
    return text;
}

std::string choiceText(const DecisionRules& rules, const std::string& question, const std::string& choice) {
    if (const Question* found = rules.question(question))
        for (const AnswerChoice& answer : found->choices)
            if (answer.id == choice)
                return answer.text;
    return choice.empty() ? "not answered" : choice;
}

std::string questionText(const DecisionRules& rules, const std::string& id) {
    const Question* found = rules.question(id);
    return found ? found->text : id;
}

std::vector<std::vector<std::string>> matrixRows(const Advice& advice, const Markup& m, const DecisionRules& rules) {
    std::vector<std::vector<std::string>> rows{{"Option"}};
    for (const Criterion& criterion : rules.criteria)
        rows[0].push_back(m.escape(criterion.title) + " (" + figure(advice.weights.at(criterion.id), "x%g") + ")");
    rows[0].push_back("Score");
    for (const Approach approach : advice.ranking) {
        const OptionScore& option = advice.options[static_cast<std::size_t>(approach)];
        std::vector<std::string> row{m.escape(rules.info(approach).title)};
        for (const Criterion& criterion : rules.criteria)
            row.push_back(figure(option.byCriterion.at(criterion.id), "%+g"));
        row.push_back(figure(option.bar, "%.0f"));
        rows.push_back(std::move(row));
    }
    return rows;
}

std::string body(const Advice& advice, const std::vector<FactAnswer>& facts, const Markup& m,
                 const DecisionRules& rules) {
    const ApproachInfo& winner = rules.info(advice.winner());
    const ApproachInfo& second = rules.info(advice.runnerUp());
    std::string text = m.heading(1, "How to build it: " +
                                        std::string(advice.enoughAnswers ? m.escape(winner.title) : "not decided yet"));
    if (!advice.enoughAnswers) {
        text += m.paragraph("Only " + std::to_string(advice.answers.size()) +
                            " questions are answered; that is too few for a recommendation.");
    } else {
        text += m.paragraph("Recommended: " + m.strong(m.escape(winner.title)) + ". " + m.escape(winner.summary));
        text +=
            m.paragraph("Runner-up: " + m.strong(m.escape(second.title)) + ", " + figure(advice.margin, "%.0f") +
                        " of 100 points behind. " +
                        (advice.close ? "That is close: measure both before you decide." : "That is a clear lead."));
        const OptionScore& option = advice.options[static_cast<std::size_t>(advice.winner())];
        std::vector<std::string> reasons;
        for (const ScoreReason& reason : option.reasons)
            reasons.push_back(figure(reason.points, "%+g") + ": " + m.escape(reason.sentence));
        text += m.heading(2, "Why") + m.list(reasons);
    }
    text += m.heading(2, "The decision matrix") +
            m.paragraph("Points per criterion with its weight; the score runs from 0 to 100, 50 means that nothing "
                        "speaks for or against it.") +
            m.table(matrixRows(advice, m, rules));
    std::vector<std::string> flips;
    for (const AnswerFlip& flip : advice.flips)
        if (!flip.from.empty())
            flips.push_back(m.escape(questionText(rules, flip.question)) + " \"" +
                            m.escape(choiceText(rules, flip.question, flip.to)) + "\" instead of \"" +
                            m.escape(choiceText(rules, flip.question, flip.from)) +
                            "\": " + m.escape(rules.info(flip.winner).title));
    if (advice.enoughAnswers)
        text +=
            m.heading(2, "What would change it") +
            (flips.empty() ? m.paragraph("No single other answer would change the recommendation.") : m.list(flips));
    if (advice.nearest)
        for (const Scenario& scenario : rules.scenarios)
            if (scenario.id == advice.nearest->id)
                text +=
                    m.heading(2, "A known case like this one") +
                    m.paragraph(m.strong(m.escape(scenario.title)) + " (" + std::to_string(advice.nearest->agreeing) +
                                " of " + std::to_string(advice.nearest->compared) +
                                " answers agree): " + m.escape(scenario.summary) +
                                " There: " + m.escape(rules.info(scenario.recommendation).title) + ".");
    if (advice.enoughAnswers)
        text += m.heading(2, "What it costs") +
                m.table({{"Time", "Memory", "Money"},
                         {m.escape(winner.time), m.escape(winner.memory), m.escape(winner.money)}}) +
                m.heading(2, "Next steps");
    if (advice.enoughAnswers) {
        std::vector<std::string> steps;
        for (const std::string& step : winner.nextSteps)
            steps.push_back(m.escape(step));
        text += m.list(steps);
    }
    std::vector<std::vector<std::string>> answers{{"Question", "Answer", "From"}};
    for (const Question& question : rules.questions) {
        const auto given = advice.answers.find(question.id);
        if (given == advice.answers.end())
            continue;
        const auto fact = std::find_if(facts.begin(), facts.end(), [&](const FactAnswer& f) {
            return f.question == question.id && f.choice == given->second;
        });
        answers.push_back({m.escape(question.text), m.escape(choiceText(rules, question.id, given->second)),
                           fact == facts.end() ? "you" : m.escape(fact->because)});
    }
    return text + m.heading(2, "The answers") + m.table(answers);
}

} // namespace

std::string adviceMarkdown(const Advice& advice, const std::vector<FactAnswer>& facts, const DecisionRules& rules) {
    return body(advice, facts, kMarkdown, rules);
}

std::string adviceHtml(const Advice& advice, const std::vector<FactAnswer>& facts, const DecisionRules& rules) {
    return "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Advisor</title><style>"
           "body{font:14px/1.5 Inter,system-ui,sans-serif;color:#1b2430;max-width:900px;margin:32px auto;padding:0 "
           "24px}"
           "table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:6px 8px;border-bottom:1px solid "
           "#dde2e9;vertical-align:top}"
           "th{font-size:12px;color:#5c6878}@media print{body{margin:0}}</style></head><body>\n" +
           body(advice, facts, kHtml, rules) + "</body></html>\n";
}

} // namespace attune
