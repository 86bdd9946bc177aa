// JSON Lines: one object per line.
#include "core/base/space.h"
#include "core/base/words.h"
#include "core/data/importers/json_rows.h"

#include <algorithm>

#include "core/data/line_reader.h"
#include "core/text/utf8.h"

namespace attune {

namespace {

constexpr const char* kNotJson = "not valid JSON";

class JsonlImporter final : public Importer {
public:
    const Described& description() const override {
        static const Described described{"jsonl", "JSON Lines", "One JSON object per line (.jsonl, .ndjson).", {}};
        return described;
    }

    double sniff(std::string_view head, std::string_view extension) const override {
        const bool named = extension == ".jsonl" || extension == ".ndjson";
        const std::string_view text = trimmed(head);
        if (text.empty() || (text.front() != '{' && !named))
            return 0;
        const auto newline = text.find('\n');
        if (isJsonObject(trimmed(text.substr(0, newline)))) {
            const bool second = newline != std::string_view::npos && trimmed(text.substr(newline)).starts_with('{');
            return named || second ? 1 : 0.6;
        }
        return named ? 0.7 : 0.1;
    }

    Status read(const fs::path& file, const ImportLimits& limits, const OnRow& onRow, const OnProblem& onProblem,
                const Progress& progress) const override {
        ATTUNE_ASSIGN(auto blocks, BlockReader::open(file));
        LineReader lines(std::move(blocks), limits.maxRowBytes);
        std::int64_t rows = 0;
        for (;;) {
            ATTUNE_ASSIGN(const auto line, lines.next(progress));
            if (line.end)
                return {};
            if (line.tooLong) {
                onProblem({line.number, line.number, {}, tooLongReason(limits)});
            } else if (const auto text = trimmed(line.text); !text.empty()) {
                // A file that was cut off while it was written or fetched ends in the middle of a row.
                const auto tell = [&](const ImportProblem& problem) {
                    ImportProblem told = problem;
                    if (line.open && problem.reason.starts_with(kNotJson) && text.starts_with('{') && !text.ends_with('}'))
                        told.reason = "the file ends in the middle of this row; get the whole file again if rows are missing";
                    onProblem(told);
                };
                if (!handJsonRow(text, line.number, line.number, limits, onRow, tell))
                    return {};
            } else {
                continue;
            }
            if (++rows == limits.maxRows)
                return {};
        }
    }
};

// "(byte 12): reason" of parseJson's sentence; row and line are told by the problem itself.
std::string jsonReason(const Error& error) {
    const auto colon = error.message.find(": ");
    return colon == std::string::npos ? error.message : error.message.substr(colon + 2);
}

} // namespace

bool handJsonRow(std::string_view text, std::int64_t row, std::int64_t line, const ImportLimits& limits,
                 const OnRow& onRow, const OnProblem& onProblem) {
    if (const auto bad = utf8::firstInvalid(text); bad != text.size()) {
        onProblem({row, line, {}, notUtf8Reason(bad, "row")});
        return true;
    }
    JsonLimits json;
    json.maxBytes = limits.maxRowBytes;
    json.maxDepth = limits.maxDepth;
    json.maxValues = limits.maxRowValues;
    auto value = parseJson(text, "the row", json);
    if (!value) {
        onProblem({row, line, {}, kNotJson + (" (" + jsonReason(value.error()) + ")")});
        return true;
    }
    if (!value->is_object()) {
        onProblem({row, line, {}, "not a JSON object but " + kindOf(*value)});
        return true;
    }
    return onRow(RawRow{row, line, std::move(*value)});
}

std::string notUtf8Reason(std::size_t offset, const char* part) {
    return "not valid UTF-8 (byte " + std::to_string(offset + 1) + " of the " + part +
           "); save the file as UTF-8 (in a spreadsheet: \"CSV UTF-8\") and import it again";
}

std::string tooLongReason(const ImportLimits& limits) {
    const std::size_t mebibytes = limits.maxRowBytes >> 20;
    return "longer than " +
           (mebibytes > 0 ? std::to_string(mebibytes) + " MiB" : std::to_string(limits.maxRowBytes) + " bytes");
}

bool isJsonObject(std::string_view text) {
    if (!text.starts_with('{') || !text.ends_with('}'))
        return false;
    JsonLimits limits;
    limits.allowDuplicateKeys = true;
    return parseJson(text, "the row", limits).has_value();
}

const Importer& jsonlImporter() {
    static const JsonlImporter importer;
    return importer;
}

} // namespace attune
