#include "core/data/import_file.h"

#include "core/base/words.h"
#include "core/data/annotation_rows.h"
#include "core/data/row_reader.h"
#include "core/data/sample_hash.h"
#include "core/data/sample_text.h"
#include "core/data/turn_chains.h"

namespace attune {

namespace {

struct Head {
    const Importer* importer = nullptr;
    std::vector<Json> rows;
    std::vector<ImportProblem> problems;
};

Result<Head> readHead(const fs::path& file, const std::string& importerId, std::size_t count, ImportLimits limits) {
    Head head;
    if (importerId.empty()) {
        ATTUNE_ASSIGN(head.importer, sniffImporter(file));
    } else if (head.importer = findImporter(importerId); head.importer) {
        ATTUNE_CHECK(checkReadable(file));
    } else {
        return fail(ErrorCode::InvalidArgument, "There is no importer \"" + importerId + "\"",
                    "Use json, jsonl or csv.");
    }
    limits.maxRows = 0;
    std::size_t seen = 0;
    bool stop = false;
    ATTUNE_CHECK(head.importer->read(
        file, limits,
        [&](RawRow&& row) {
            head.rows.push_back(flattenAnnotations(std::move(row.value)));
            stop = ++seen >= count;
            return !stop;
        },
        [&](const ImportProblem& problem) {
            if (head.problems.size() < count)
                head.problems.push_back(problem);
        },
        {}));
    if (head.rows.empty()) {
        const std::string first =
            head.problems.empty() ? std::string("it has no row") : describe(head.problems.front());
        return fail(ErrorCode::InvalidData, "No row of " + file.string() + " can be read: " + first,
                    "Correct the file or choose another one.");
    }
    return head;
}

// With the turns before it, where rows say what they follow.
tl::expected<Sample, ImportProblem> toChainedSample(const Json& row, const Mapping& mapping, const TurnChains& chains) {
    auto sample = toSample(row, mapping);
    if (sample && TurnChains::used(mapping))
        if (auto problem = chains.prepend(row, mapping, *sample))
            return tl::unexpected(std::move(*problem));
    return sample;
}

} // namespace

std::vector<Sample> previewSamples(const std::vector<Json>& rows, const Mapping& mapping,
                                   std::vector<ImportProblem>* problems) {
    std::vector<Sample> samples;
    SampleIds ids;
    TurnChains chains;
    if (TurnChains::used(mapping))
        for (const Json& row : rows)
            chains.add(row, mapping);
    for (std::int64_t number = 1; const Json& row : rows) {
        auto sample = toChainedSample(row, mapping, chains);
        if (sample) {
            sample->sourceRow = number;
            if (sample->id.empty())
                sample->id = ids.next(*sample);
            samples.push_back(std::move(*sample));
        } else if (problems) {
            sample.error().row = number;
            problems->push_back(std::move(sample.error()));
        }
        ++number;
    }
    return samples;
}

Result<FileInspection> inspectFile(const fs::path& file, std::size_t rows) {
    ATTUNE_ASSIGN(Head head, readHead(file, {}, rows, {}));
    FileInspection inspection;
    inspection.importer = head.importer->description().id;
    inspection.columns = columnsOf(head.rows);
    inspection.problems = std::move(head.problems);
    auto mapping = detectMapping(head.rows);
    if (!mapping)
        return fail(mapping.error().code, file.string() + ": " + mapping.error().message, mapping.error().hint);
    inspection.mapping = std::move(*mapping);
    inspection.preview = previewSamples(head.rows, inspection.mapping, &inspection.problems);
    inspection.rows = std::move(head.rows);
    return inspection;
}

Result<ImportSummary> importFile(const fs::path& file, const ImportOptions& options,
                                 const std::function<Status(Sample&&)>& onSample, const OnProblem& onProblem,
                                 const Progress& progress) {
    constexpr std::size_t kLookedAt = 100;
    ATTUNE_ASSIGN(const Head head, readHead(file, options.importer, kLookedAt, options.limits));
    ImportSummary summary;
    summary.importer = head.importer->description().id;
    summary.columns = columnsOf(head.rows);
    if (options.mapping) {
        ATTUNE_CHECK(checkMapping(*options.mapping));
        summary.mapping = *options.mapping;
    } else {
        auto mapping = detectMapping(head.rows);
        if (!mapping)
            return fail(mapping.error().code, file.string() + ": " + mapping.error().message, mapping.error().hint);
        summary.mapping = std::move(*mapping);
    }
    SampleIds ids;
    TurnChains chains;
    if (TurnChains::used(summary.mapping)) {
        bool fits = true;
        ATTUNE_CHECK(head.importer->read(
            file, options.limits,
            [&](RawRow&& row) { return fits = chains.add(flattenAnnotations(std::move(row.value)), summary.mapping); },
            [](const ImportProblem&) {}, progress));
        if (!fits)
            return fail(ErrorCode::InvalidData, file.string() + ": its conversations take more than 1 GiB of memory",
                        "Divide the file, or leave out which row follows which.");
    }
    Status delivered;
    std::string firstProblem;
    const auto problem = [&](const ImportProblem& found) {
        if (summary.problems++ == 0)
            firstProblem = describe(found);
        if (onProblem)
            onProblem(found);
    };
    ATTUNE_CHECK(head.importer->read(
        file, options.limits,
        [&](RawRow&& row) {
            const Json flat = flattenAnnotations(std::move(row.value));
            auto sample = toChainedSample(flat, summary.mapping, chains);
            if (!sample) {
                if (const auto why = whyUnjudged(flat); why == sample.error().reason)
                    ++summary.unjudged[std::string(why)];
                sample.error().row = row.row;
                sample.error().line = row.line;
                problem(sample.error());
                return true;
            }
            if (const auto fault = toolFault(*sample); fault && summary.toolFaults++ == 0)
                summary.firstToolFault = ImportProblem{row.row, row.line, fault->field, fault->reason};
            sample->sourceRow = row.row;
            if (sample->id.empty())
                sample->id = ids.next(*sample);
            ++summary.rows;
            delivered = onSample(std::move(*sample));
            return delivered.has_value();
        },
        problem, progress));
    if (!delivered)
        return fail(std::move(delivered).error());
    if (summary.rows == 0)
        return fail(ErrorCode::InvalidData,
                    "No row of " + file.string() + " can be used (" + countOf(summary.problems, "problem", "problems") + "; " +
                        firstProblem + ")",
                    "Correct the file, or choose the columns by hand. Read as: " + describe(summary.mapping));
    return summary;
}

std::string unjudgedInWords(const ImportSummary& summary) {
    std::string words;
    for (const auto& [why, count] : summary.unjudged)
        words += (words.empty() ? "" : " ") + countOf(count, "row has", "rows have") + " no judgement: " + why + ".";
    return words;
}

std::string toolFaultsInWords(const ImportSummary& summary) {
    if (!summary.firstToolFault)
        return {};
    return "The functions or calls of " + countOf(summary.toolFaults, "row", "rows") + " cannot be read and stay text; the first: " +
           describe(*summary.firstToolFault) + ".";
}

Result<std::vector<Sample>> loadSamples(const fs::path& file, const std::string& mapping,
                                        std::vector<ImportProblem>* problems, const Progress& progress) {
    ImportOptions options;
    if (!mapping.empty()) {
        ATTUNE_ASSIGN(const Head head, readHead(file, {}, 100, {}));
        ATTUNE_ASSIGN(options.mapping, parseMapping(mapping, head.rows));
    }
    std::vector<Sample> samples;
    const auto keep = [&](Sample&& sample) -> Status {
        samples.push_back(std::move(sample));
        return {};
    };
    const auto note = [&](const ImportProblem& problem) {
        if (problems)
            problems->push_back(problem);
    };
    ATTUNE_CHECK(importFile(file, options, keep, note, progress));
    return samples;
}

} // namespace attune
