// attune-cli advise --answers FILE | --questions: the decision matrix on the command line.
#include <cstdio>
#include <iostream>

#include "app/cli/commands.h"
#include "core/plan/advisor_report.h"
#include "core/plan/decision_matrix.h"

namespace attune::cli {

namespace {

void listQuestions(const Cli& cli) {
    const DecisionRules& rules = decisionRules();
    for (const Question& question : rules.questions) {
        if (cli.json) {
            Json choices = Json::array();
            for (const AnswerChoice& choice : question.choices)
                choices.push_back({{"id", choice.id}, {"text", choice.text}});
            printJson({{"id", question.id},
                       {"text", question.text},
                       {"help", question.help},
                       {"choices", std::move(choices)}});
            continue;
        }
        std::cout << question.id << ": " << question.text << '\n';
        for (const AnswerChoice& choice : question.choices)
            std::cout << "    " << choice.id << ": " << choice.text << '\n';
    }
    for (const Criterion& criterion : rules.criteria) {
        if (cli.json)
            printJson({{"criterion", criterion.id},
                       {"title", criterion.title},
                       {"help", criterion.help},
                       {"weight", criterion.weight}});
        else
            std::cout << "weights." << criterion.id << " (" << criterion.weight << "): " << criterion.title << '\n';
    }
}

void printTable(const Advice& advice) {
    const DecisionRules& rules = decisionRules();
    for (const Approach approach : advice.ranking) {
        const OptionScore& option = advice.options[static_cast<std::size_t>(approach)];
        std::printf("%-18s %5.1f\n", rules.info(approach).title.c_str(), option.bar);
        for (std::size_t i = 0; i < std::min<std::size_t>(4, option.reasons.size()); ++i)
            std::printf("    %+g  %s\n", option.reasons[i].points, option.reasons[i].sentence.c_str());
    }
    if (!advice.enoughAnswers) {
        std::printf("\nToo few answers for a recommendation: %zu of %zu questions.\n", advice.answers.size(),
                    rules.questions.size());
        return;
    }
    std::printf("\nRecommendation: %s; runner-up: %s, %.1f points behind%s\n",
                rules.info(advice.winner()).title.c_str(), rules.info(advice.runnerUp()).title.c_str(), advice.margin,
                advice.close ? " (close: measure both)" : "");
    for (const AnswerFlip& flip : advice.flips)
        if (!flip.from.empty())
            std::printf("would change with %s = %s: %s\n", flip.question.c_str(), flip.to.c_str(),
                        rules.info(flip.winner).title.c_str());
}

Status run(const std::string& file, const std::string& report, const Cli& cli) {
    Result<Json> json = Json();
    if (file == "-") {
        std::string text;
        ATTUNE_CHECK(forEachLine(file, [&](std::string_view line, std::size_t) -> Status {
            text += std::string(line) + "\n";
            return {};
        }));
        json = parseJson(text, "standard input", {.maxBytes = 1 << 20, .maxDepth = 8});
    } else {
        json = readJsonFile(file, {.maxBytes = 1 << 20, .maxDepth = 8});
    }
    if (!json)
        return fail(json.error());
    ATTUNE_ASSIGN(const AdvisorInput input, readAdvisorInput(*json));
    ATTUNE_ASSIGN(const Advice advice, advise(input.answers, input.weights));
    if (!report.empty() && !report.ends_with(".md") && !report.ends_with(".html"))
        return fail(ErrorCode::InvalidArgument, "A report is written as .html or .md, not as " + report, "Give a name that ends in .html or .md.");
    if (!report.empty())
        ATTUNE_CHECK(writeFileAtomic(report, report.ends_with(".md") ? adviceMarkdown(advice) : adviceHtml(advice)));
    if (cli.json)
        printJson(adviceToJson(advice));
    else
        printTable(advice);
    return {};
}

} // namespace

void addAdviseCommand(CLI::App& app, Cli& cli) {
    auto* command = app.add_subcommand("advise", "Decision matrix: prompting, RAG, fine-tuning or both, with reasons");
    struct Options {
        std::string answers, report;
        bool questions = false;
    };
    auto options = std::make_shared<Options>();
    auto* answers = command->add_option("--answers", options->answers,
                                        "JSON file {question id: choice id, \"weights\": {...}}, - = standard input");
    auto* questions =
        command->add_flag("--questions", options->questions, "List all questions, their choices and the criteria");
    answers->excludes(questions);
    command->add_option("--report", options->report, "Also write the report to this file (.html or .md)");
    command->callback([command, options, &cli] {
        if (options->questions)
            return listQuestions(cli);
        if (options->answers.empty())
            throw CLI::RequiredError(command->get_name() + ": --answers FILE or --questions");
        if (auto done = run(options->answers, options->report, cli); !done)
            cli.exitStatus = report(done.error());
    });
}

} // namespace attune::cli
