// attune-cli data: import, stats, check, split, export.
#include <algorithm>
#include <iostream>
#include <map>
#include <memory>

#include "app/cli/cli.h"
#include "app/cli/usage.h"
#include "core/base/words.h"
#include "core/data/import_file.h"
#include "core/data/jsonl_export.h"
#include "core/data/quality.h"
#include "core/data/split.h"
#include "core/store/import_dataset.h"
#include "core/store/project.h"

namespace attune::cli {

namespace {

struct DataOptions {
    std::string file, project, dataset, name, mapping, out, model, group = "content", stratify = "none", split;
    double validation = 0.1, test = 0.1;
    std::int64_t validationRows = -1, testRows = -1, problems = 20;
    std::uint64_t seed = 42;
    bool force = false;
};

const char* splitLabel(Split split) {
    return split == Split::None ? "none" : splitId(split);
}

Progress progressOf(const Cli& cli) {
    Progress progress;
    progress.stop = cli.stop;
    return progress;
}

Json toJson(const ImportProblem& problem) {
    return {{"row", problem.row}, {"line", problem.line}, {"field", problem.field}, {"reason", problem.reason}};
}

Result<ImportOptions> importOptions(const DataOptions& options) {
    ImportOptions result;
    if (options.mapping.empty())
        return result;
    // The columns of the file decide what a short mapping means.
    if (auto inspection = inspectFile(options.file)) {
        ATTUNE_ASSIGN(result.mapping, parseMapping(options.mapping, inspection->rows));
        return result;
    }
    // Not detectable: that is what the mapping is for. Any reading of the rows will do to learn the columns.
    ATTUNE_ASSIGN(const Importer* importer, sniffImporter(options.file));
    std::vector<Json> rows;
    ATTUNE_CHECK(importer->read(
        options.file, {},
        [&](RawRow&& row) {
            rows.push_back(std::move(row.value));
            return rows.size() < 100;
        },
        [](const ImportProblem&) {}, {}));
    ATTUNE_ASSIGN(result.mapping, parseMapping(options.mapping, rows));
    return result;
}

/// Lists problems on stderr, the first ones only.
void tellProblems(const Cli& cli, const std::vector<ImportProblem>& problems, std::int64_t total, std::int64_t shown) {
    for (std::size_t i = 0; i < problems.size() && static_cast<std::int64_t>(i) < shown; ++i) {
        if (cli.json)
            printJson({{"problem", toJson(problems[i])}});
        else
            std::cerr << describe(problems[i]) << '\n';
    }
    if (!cli.json && total > shown)
        std::cerr << "... and " << total - shown << " more\n";
}

/// How the file was read: its type, the part each column plays, and the columns that play none.
void printReading(const ImportSummary& summary) {
    std::cout << findImporter(summary.importer)->description().title << ". " << describe(summary.mapping) << '\n';
    const std::vector<std::string> unused = unusedColumns(summary.columns, summary.mapping);
    if (unused.empty())
        return;
    std::cout << (unused.size() == 1 ? "Column not used: " : "Columns not used: ");
    for (std::size_t i = 0; i < unused.size(); ++i)
        std::cout << (i ? ", " : "") << unused[i];
    std::cout << " (give one a part with --mapping COLUMN=PART,...)\n";
}

void addReading(Json& result, const ImportSummary& summary) {
    result["importer"] = summary.importer;
    result["format"] = summary.mapping.format;
    result["mapping"] = attune::toJson(summary.mapping);
    result["unused_columns"] = unusedColumns(summary.columns, summary.mapping);
    result["unjudged"] = summary.unjudged;
}

/// What the counts would hide, on stderr, whatever else is printed: rows that could not be read, and why.
void warnOfProblems(const ImportSummary& summary, const std::vector<ImportProblem>& problems) {
    if (summary.problems > 0)
        std::cerr << "warning: " << summary.problems << " of " << countOf(summary.rows + summary.problems, "row", "rows")
                  << (summary.problems == 1 ? " is" : " are") << " left out"
                  << (problems.empty() ? std::string() : "; the first: " + describe(problems.front())) << '\n';
    for (const std::string& words : {unjudgedInWords(summary), toolFaultsInWords(summary)})
        if (!words.empty())
            std::cerr << "note: " << words << '\n';
}

Status importCommand(const Cli& cli, const DataOptions& options) {
    ATTUNE_ASSIGN(ImportOptions import, importOptions(options));
    std::vector<ImportProblem> problems;
    ImportSummary summary;
    std::int64_t datasetId = 0;
    std::map<std::string, std::int64_t> kinds;
    if (options.project.empty()) {
        ATTUNE_ASSIGN(summary, importFile(
                                   options.file, import,
                                   [&](Sample&& sample) -> Status {
                                       ++kinds[sampleKindId(sample.kind)];
                                       return {};
                                   },
                                   [&](const ImportProblem& problem) {
                                       if (std::ssize(problems) < options.problems)
                                           problems.push_back(problem);
                                   },
                                   progressOf(cli)));
    } else {
        ATTUNE_ASSIGN(const auto project, Project::openOrCreate(options.project));
        ATTUNE_ASSIGN(const ImportedDataset imported,
                      importDataset(project->datasets(), options.file, options.name, import, progressOf(cli)));
        summary = imported.summary;
        datasetId = imported.datasetId;
        kinds[sampleKindId(findMappingFormat(summary.mapping.format)->kind)] = summary.rows;
        ATTUNE_ASSIGN(problems, project->datasets().problems(
                                    datasetId, static_cast<std::size_t>(std::max<std::int64_t>(0, options.problems))));
    }
    tellProblems(cli, problems, summary.problems, options.problems);
    warnOfProblems(summary, problems);
    if (cli.json) {
        Json result{{"rows", summary.rows}, {"problems", summary.problems}, {"kinds", kinds}, {"tool_faults", summary.toolFaults}};
        addReading(result, summary);
        if (datasetId != 0)
            result["dataset"] = datasetId;
        printJson(result);
        return {};
    }
    printReading(summary);
    std::cout << countOf(summary.rows, "row", "rows") << ", " << countOf(summary.problems, "problem", "problems") << '\n';
    if (datasetId != 0)
        std::cout << "dataset " << datasetId << " in " << options.project << '\n';
    else
        std::cout << "Only looked at: nothing is stored without --project.\n";
    return {};
}

/// The dataset named on the command line (id or name), else the newest.
Result<DatasetInfo> chosenDataset(DatasetStore& store, const std::string& wanted) {
    ATTUNE_ASSIGN(const auto datasets, store.list());
    for (const DatasetInfo& info : datasets)
        if (wanted.empty() || info.name == wanted || std::to_string(info.id) == wanted)
            return info;
    return fail(ErrorCode::NotFound,
                wanted.empty() ? "The project has no dataset" : "The project has no dataset \"" + wanted + "\"",
                "Import one with: attune-cli data import FILE --project DIR");
}

/// Every sample of FILE or of the project's dataset. Fills `problems` for a file. The summary of a project's dataset says how it was
/// imported and knows no columns.
Result<ImportSummary> forEachSample(const Cli& cli, const DataOptions& options, const std::function<Status(Sample&&)>& onSample,
                                    std::vector<ImportProblem>& problems) {
    if (!options.file.empty()) {
        if (!options.project.empty())
            return fail(ErrorCode::InvalidArgument, "Both FILE and --project were given", "Give one of them.");
        ATTUNE_ASSIGN(const ImportOptions import, importOptions(options));
        return importFile(
            options.file, import, onSample, [&](const ImportProblem& problem) { problems.push_back(problem); }, progressOf(cli));
    }
    if (options.project.empty())
        return fail(ErrorCode::InvalidArgument, "Neither FILE nor --project was given", "Give one of them.");
    ATTUNE_ASSIGN(const auto project, Project::open(options.project));
    ATTUNE_ASSIGN(const DatasetInfo info, chosenDataset(project->datasets(), options.dataset));
    SampleQuery query;
    query.datasetId = info.id;
    Status status;
    ATTUNE_CHECK(project->datasets().forEach(
        query,
        [&](const StoredSample& stored) {
            status = onSample(Sample(stored.sample));
            return status.has_value();
        },
        progressOf(cli)));
    ATTUNE_CHECK(status);
    ImportSummary summary;
    if (const auto json = parseJson(info.mapping, "the mapping"))
        if (auto mapping = mappingFromJson(*json))
            summary.mapping = std::move(*mapping);
    return summary;
}

/// Keys of a report in the words of the window's health list; lists and counts by kind on one line.
void printReport(const Json& result) {
    static const std::vector<std::pair<const char*, const char*>> kWords{
        {"rows", "Rows"},
        {"problems", "Unreadable, set aside"},
        {"kinds", "Kinds"},
        {"splits", "Splits"},
        {"bytes", "Bytes of text"},
        {"longest_bytes", "Longest row, bytes"},
        {"empty_prompts", "Empty prompts"},
        {"empty_completions", "Empty answers"},
        {"exact_duplicates", "Exact duplicates"},
        {"near_duplicates", "Nearly the same"},
        {"conflicting_prompts", "Same prompt, other answer"},
        {"leaked", "Test rows seen in training"},
        {"leaked_prompts", "Test prompts seen in training"},
        {"with_control_tokens", "Rows with control tokens"},
        {"first_control_token", "The first of these tokens"},
        {"tool_faults", "Tools or calls that stay text"},
        {"first_tool_fault", "The first of these"},
        {"context_answers", "Answers not learned (weight 0)"},
        {"context_last_answers", "Rows whose last answer is not learned"},
        {"duplicate_rows", "Duplicates are rows"},
        {"empty_rows", "Empty are rows"},
        {"leaked_rows", "Seen in training are rows"},
        {"control_token_rows", "With control tokens are rows"},
        {"tool_fault_rows", "With such tools or calls are rows"},
        {"context_last_rows", "Last answer not learned in rows"}};
    const auto text = [](const Json& value) {
        return value.is_string() ? value.get<std::string>() : value.dump();
    };
    for (const auto& [key, words] : kWords) {
        const auto found = result.find(key);
        if (found == result.end() || (found->is_structured() && found->empty()) || (found->is_string() && found->get<std::string>().empty()))
            continue;
        std::cout << words << ": ";
        if (!found->is_structured())
            std::cout << text(*found);
        bool first = true;
        if (found->is_object())
            for (const auto& [name, value] : found->items()) {
                std::cout << (first ? "" : ", ") << text(value) << ' ' << name;
                first = false;
            }
        else if (found->is_array())
            for (const Json& value : *found) {
                std::cout << (first ? "" : ", ") << text(value);
                first = false;
            }
        std::cout << '\n';
    }
}

Status qualityCommand(const Cli& cli, const DataOptions& options, bool listRows) {
    std::optional<ControlTokens> controlTokens;
    if (!options.model.empty()) {
        ATTUNE_ASSIGN(const auto tokenizer, Tokenizer::load(options.model));
        controlTokens = ControlTokens::of(*tokenizer);
    }
    QualityCheck check({}, 0, controlTokens ? std::move(*controlTokens) : ControlTokens::usual());
    std::map<std::string, std::int64_t> kinds, splits;
    std::vector<ImportProblem> problems;
    ATTUNE_ASSIGN(const ImportSummary summary, forEachSample(
        cli, options,
        [&](Sample&& sample) -> Status {
            ++kinds[sampleKindId(sample.kind)];
            ++splits[splitLabel(sample.split)];
            check.add(sample);
            return {};
        },
        problems));
    const QualityReport report = check.report();
    if (listRows)
        tellProblems(cli, problems, std::ssize(problems), options.problems);
    warnOfProblems(summary, problems);
    Json result{{"rows", report.rows},
                {"problems", problems.size()},
                {"kinds", kinds},
                {"splits", splits},
                {"bytes", report.bytes},
                {"longest_bytes", report.longestBytes},
                {"empty_prompts", report.emptyPrompt},
                {"empty_completions", report.emptyCompletion},
                {"exact_duplicates", report.exactDuplicates},
                {"near_duplicates", report.nearDuplicates},
                {"conflicting_prompts", report.conflicting},
                {"leaked", report.leaked},
                {"leaked_prompts", report.leakedPrompts},
                {"with_control_tokens", report.withControlTokens},
                {"tool_faults", report.toolFaults},
                {"context_answers", report.contextAnswers},
                {"context_last_answers", report.contextLastAnswers}};
    if (listRows) {
        result["duplicate_rows"] = report.duplicateRows;
        result["empty_rows"] = report.emptyRows;
        result["leaked_rows"] = report.leakedRows;
        result["control_token_rows"] = report.controlTokenRows;
        result["first_control_token"] = report.firstControlToken;
        result["first_tool_fault"] = report.firstToolFault;
        result["tool_fault_rows"] = report.toolFaultRows;
        result["context_last_rows"] = report.contextLastRows;
    }
    if (!summary.mapping.format.empty())
        addReading(result, summary);
    if (cli.json) {
        printJson(result);
        return {};
    }
    if (!summary.importer.empty())
        printReading(summary);
    else if (!summary.mapping.format.empty())
        std::cout << describe(summary.mapping) << '\n';
    printReport(result);
    return {};
}

/// Work of an earlier day is not written over by accident.
Status checkFree(const fs::path& out, const DataOptions& options) {
    std::error_code code;
    const bool folder = fs::is_directory(out, code);
    if (options.force || !fs::exists(out, code) || (folder && fs::is_empty(out, code)))
        return {};
    return fail(ErrorCode::InvalidArgument, (folder ? "The folder " : "The file ") + out.string() + (folder ? " is not empty" : " exists already"),
                "Choose another name with --out, or add --force to write over it.");
}

Status splitCommand(const Cli& cli, const DataOptions& options) {
    ATTUNE_CHECK(checkFree(options.out, options));
    SplitOptions wish;
    wish.validation = options.validation;
    wish.test = options.test;
    if (options.validationRows >= 0)
        wish.validationRows = options.validationRows;
    if (options.testRows >= 0)
        wish.testRows = options.testRows;
    wish.seed = options.seed;
    wish.group = options.group == "prompt" ? GroupRows::SamePrompt
                 : options.group == "tag"  ? GroupRows::SameTag
                                           : GroupRows::SameContent;
    wish.stratify = options.stratify == "completion" ? Stratify::Completion
                    : options.stratify == "tag"      ? Stratify::Tag
                                                     : Stratify::No;
    std::vector<Sample> samples;
    std::vector<ImportProblem> problems;
    ATTUNE_ASSIGN(const ImportSummary summary, forEachSample(
        cli, options,
        [&](Sample&& sample) -> Status {
            samples.push_back(std::move(sample));
            return {};
        },
        problems));
    ATTUNE_CHECK(splitSamples(samples, wish));
    tellProblems(cli, problems, std::ssize(problems), options.problems);
    warnOfProblems(summary, problems);
    std::error_code error;
    fs::create_directories(options.out, error);
    if (error)
        return fail(errnoError(error.value(), "Cannot make the folder", options.out));
    Json result{{"seed", options.seed}, {"problems", problems.size()}};
    for (const Split split : {Split::Train, Split::Validation, Split::Test}) {
        std::vector<Sample> part;
        for (const Sample& sample : samples)
            if (sample.split == split)
                part.push_back(sample);
        const fs::path file = fs::path(options.out) / (std::string(splitId(split)) + ".jsonl");
        if (part.empty()) { // a left-over of an earlier split would be taken for this one's
            fs::remove(file, error);
        } else {
            ATTUNE_CHECK(writeJsonl(file, part, progressOf(cli)));
        }
        result[splitId(split)] = part.size();
        if (!cli.json)
            std::cout << splitId(split) << ": " << part.size() << (part.empty() ? "" : "  " + file.string()) << '\n';
    }
    if (cli.json)
        printJson(result);
    return {};
}

Status exportCommand(const Cli& cli, const DataOptions& options) {
    std::vector<ImportProblem> problems;
    std::int64_t rows = 0;
    const bool toStdout = options.out == "-";
    if (!toStdout)
        ATTUNE_CHECK(checkFree(options.out, options));
    ATTUNE_ASSIGN(AtomicFile output, toStdout ? Result<AtomicFile>(AtomicFile()) : AtomicFile::create(options.out));
    ATTUNE_ASSIGN(const ImportSummary summary, forEachSample(
        cli, options,
        [&](Sample&& sample) -> Status {
            if (!options.split.empty() && options.split != splitLabel(sample.split))
                return {};
            ++rows;
            const std::string line = toJsonLine(sample) + "\n";
            if (!toStdout)
                return output.write(line);
            std::cout << line;
            return {};
        },
        problems));
    tellProblems(cli, problems, std::ssize(problems), options.problems);
    warnOfProblems(summary, problems);
    if (rows == 0)
        return fail(ErrorCode::InvalidData, "There is no row to export",
                    options.split.empty() ? "Check the dataset." : "Check --split; rows may not be split yet.");
    if (toStdout) {
        std::cout << std::flush;
        return {};
    }
    ATTUNE_CHECK(output.commit());
    if (cli.json)
        printJson({{"rows", rows}, {"file", options.out}});
    else
        std::cout << countOf(rows, "row", "rows") << " in " << options.out << '\n';
    return {};
}

using Body = std::function<Status(const Cli&, const DataOptions&)>;

CLI::App* addPart(CLI::App& data, Cli& cli, const std::shared_ptr<DataOptions>& options, const char* name,
                  const char* help, Body body) {
    CLI::App* part = data.add_subcommand(name, help);
    part->add_option("--mapping", options->mapping, "Format id (alpaca, chat ...) or COLUMN=PART,COLUMN=PART");
    part->add_option("--project", options->project, "Project folder (name.attune)");
    part->add_option("--problems", options->problems, "How many unusable rows to list")->check(atLeast(0))->capture_default_str();
    part->callback([&cli, options, body = std::move(body)] {
        if (const Status status = body(cli, *options); !status)
            cli.exitStatus = report(status.error());
    });
    return part;
}

} // namespace

void addDataCommand(CLI::App& app, Cli& cli) {
    CLI::App* data = app.add_subcommand("data", "Import, check, split and export samples");
    data->require_subcommand(1);
    const auto options = std::make_shared<DataOptions>();

    CLI::App* import = addPart(*data, cli, options, "import", "Read a file; with --project store it", importCommand);
    import->add_option("FILE", options->file, "JSON, JSON Lines, CSV or TSV")->required();
    import->add_option("--name", options->name, "Name of the dataset (default: the file's name)");

    CLI::App* stats = addPart(*data, cli, options, "stats", "Rows, kinds, lengths, duplicates",
                              [](const Cli& c, const DataOptions& o) { return qualityCommand(c, o, false); });
    CLI::App* check = addPart(*data, cli, options, "check", "stats and the rows they mean",
                              [](const Cli& c, const DataOptions& o) { return qualityCommand(c, o, true); });
    check->add_option("--model", options->model, "Model folder or GGUF file whose control tokens are looked for; without it the usual ones");

    CLI::App* split =
        addPart(*data, cli, options, "split",
                "Write train.jsonl, validation.jsonl and test.jsonl; equal rows stay together", splitCommand);
    split->add_option("--out", options->out, "Folder for the three files")->required();
    split->add_option("--validation", options->validation, "Share of the rows")->capture_default_str();
    split->add_option("--test", options->test, "Share of the rows")->capture_default_str();
    split->add_option("--validation-rows", options->validationRows, "Number of rows instead of a share")->check(atLeast(0));
    split->add_option("--test-rows", options->testRows, "Number of rows instead of a share")->check(atLeast(0));
    split->add_option("--seed", options->seed, "The same seed gives the same split")->check(atLeast(0))->capture_default_str();
    split->add_option("--group", options->group, "What must stay together")
        ->check(CLI::IsMember({"content", "prompt", "tag"}))
        ->capture_default_str();
    split->add_option("--stratify", options->stratify, "Give each of these the same shares")
        ->check(CLI::IsMember({"none", "completion", "tag"}))
        ->capture_default_str();

    CLI::App* exported = addPart(*data, cli, options, "export", "Write samples as JSON Lines", exportCommand);
    exported->add_option("--out", options->out, "File, or - for standard output")->required();
    exported->add_option("--split", options->split, "Only rows of this split")
        ->check(CLI::IsMember({"train", "validation", "test", "none"}));

    for (CLI::App* part : {split, exported})
        part->add_flag("--force", options->force, "Write over what --out names");
    for (CLI::App* part : {stats, check, split, exported}) {
        part->add_option("FILE", options->file, "JSON, JSON Lines, CSV or TSV");
        part->add_option("--dataset", options->dataset, "Dataset of the project, by id or name (default: the newest)");
    }
}

} // namespace attune::cli
