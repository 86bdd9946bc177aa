// JSON: a list of objects, or an object with such a list in it ({"data": [...]}). Streamed element by element.
#include "core/base/space.h"
#include "core/data/importers/json_rows.h"
#include "core/data/importers/json_scanner.h"
#include "core/data/line_reader.h"

namespace attune {

namespace {

// `{"name": "x", "data": [{` : a list of objects behind a colon of the top level.
bool holdsList(std::string_view head) {
    bool found = false;
    JsonListScanner scanner(std::size_t{1} << 20, [&](const JsonListScanner::Element&) {
        found = true;
        return false;
    });
    scanner.feed(head);
    return found || scanner.foundList();
}

class JsonImporter final : public Importer {
public:
    const Described& description() const override {
        static const Described described{"json", "JSON", "A list of objects, or an object that holds one (.json).", {}};
        return described;
    }

    double sniff(std::string_view head, std::string_view extension) const override {
        const std::string_view text = trimmed(head);
        if (text.starts_with('['))
            return extension == ".json" ? 1 : 0.8;
        if (!text.starts_with('{'))
            return extension == ".json" ? 0.3 : 0;
        // One object on the first line and another on the next is JSON Lines, whatever the file is called. A single one
        // is a row when its lists are turns of a conversation, which only the mapping can tell; a list of rows has no
        // other keys like these.
        const auto newline = text.find('\n');
        const bool firstLineWhole = isJsonObject(trimmed(text.substr(0, newline)));
        if (firstLineWhole && (newline == std::string_view::npos || trimmed(text.substr(newline)).starts_with('{'))) {
            const bool turns = text.find("\"messages\"") != std::string_view::npos ||
                               text.find("\"conversations\"") != std::string_view::npos;
            return newline == std::string_view::npos && !turns && holdsList(text) ? 0.9 : 0.2;
        }
        return extension == ".json" ? 0.9 : 0.5;
    }

    Status read(const fs::path& file, const ImportLimits& limits, const OnRow& onRow, const OnProblem& onProblem,
                const Progress& progress) const override {
        ATTUNE_ASSIGN(auto blocks, BlockReader::open(file));
        std::int64_t row = 0;
        bool ended = false;
        JsonListScanner scanner(limits.maxRowBytes, [&](const JsonListScanner::Element& element) {
            ++row;
            bool more = true;
            if (element.tooLong)
                onProblem({row, element.line, {}, tooLongReason(limits)});
            else if (element.text.empty())
                onProblem({row, element.line, {}, "empty (two commas in a row)"});
            else
                more = handJsonRow(element.text, row, element.line, limits, onRow, onProblem);
            ended = !more || row == limits.maxRows;
            return !ended;
        });
        for (;;) {
            ATTUNE_ASSIGN(const std::string_view block, blocks.next(progress));
            if (block.empty() || !scanner.feed(block))
                break;
        }
        if (ended || scanner.complete())
            return {};
        if (!scanner.foundList())
            return fail(
                ErrorCode::InvalidData, file.string() + " holds no list of rows",
                "The file should be a list of objects ([{...}, {...}]), an object with such a list, or JSON Lines.");
        if (scanner.openElementLine() > 0)
            onProblem({row + 1, scanner.openElementLine(), {}, "the file ends in the middle of this row"});
        return {};
    }
};

} // namespace

const Importer& jsonImporter() {
    static const JsonImporter importer;
    return importer;
}

} // namespace attune
