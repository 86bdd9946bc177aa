// CSV and TSV with a heading: quoted fields may hold newlines, the delimiter is found from the first rows.
#include <algorithm>
#include <array>
#include <set>

#include <csv.h>

#include "core/base/space.h"
#include "core/base/words.h"
#include "core/data/importers/json_rows.h"
#include "core/data/line_reader.h"
#include "core/text/utf8.h"

namespace attune {

namespace {

constexpr std::array kDelimiters{',', '\t', ';', '|'};

// How often `delimiter` stands outside quotes in each of the first records.
std::vector<std::size_t> delimitersPerRecord(std::string_view head, char delimiter) {
    std::vector<std::size_t> counts;
    std::size_t count = 0, length = 0;
    bool quoted = false;
    for (const char c : head) {
        ++length;
        if (c == '"') {
            quoted = !quoted;
        } else if (!quoted && c == delimiter) {
            ++count;
        } else if (!quoted && c == '\n') {
            if (length > 2)
                counts.push_back(count);
            if (counts.size() == 20)
                return counts;
            count = length = 0;
        }
    }
    if (counts.empty() && length > 0)
        counts.push_back(count);
    return counts;
}

// The delimiter that stands equally often in most records; 0 when none does.
struct Delimiter {
    char value = ',';
    double fit = 0;
};
Delimiter findDelimiter(std::string_view head) {
    Delimiter best;
    for (const char candidate : kDelimiters) {
        const auto counts = delimitersPerRecord(head, candidate);
        if (counts.empty() || counts[0] == 0)
            continue;
        const auto same = std::count(counts.begin(), counts.end(), counts[0]);
        const double fit = static_cast<double>(same) / static_cast<double>(counts.size());
        if (fit > best.fit + 1e-9)
            best = {candidate, fit};
    }
    return best;
}

struct Reading {
    const ImportLimits& limits;
    const OnRow& onRow;
    const OnProblem& onProblem;
    std::vector<std::string> names, cells;
    std::int64_t row = 0, line = 1, rowLine = 1; // rowLine: where the record in hand began
    bool ended = false;

    static void onField(void* text, std::size_t size, void* self) {
        static_cast<Reading*>(self)->cells.emplace_back(static_cast<const char*>(text), size);
    }
    static void onRecord(int, void* self) { static_cast<Reading*>(self)->finishRecord(); }

    void finishRecord();
    void takeHeading();
};

bool looksLikeData(const std::vector<std::string>& cells) {
    return std::any_of(cells.begin(), cells.end(), [](const std::string& cell) {
        return cell.size() > 80 || cell.find('\n') != std::string::npos ||
               (!cell.empty() && cell.find_first_not_of("0123456789.,-+eE") == std::string::npos);
    });
}

void Reading::takeHeading() {
    const bool data = looksLikeData(cells);
    std::set<std::string> used;
    for (std::size_t i = 0; i < cells.size(); ++i) {
        std::string name = data ? std::string() : std::string(trimmed(utf8::replaceInvalid(cells[i])));
        if (name.empty() || used.contains(name))
            name = "column " + std::to_string(i + 1);
        used.insert(name);
        names.push_back(std::move(name));
    }
    if (!data)
        cells.clear();
}

void Reading::finishRecord() {
    if (ended)
        return;
    if (names.empty()) {
        takeHeading();
        if (cells.empty())
            return;
    }
    ++row;
    if (cells.size() != names.size()) {
        onProblem(
            {row,
             rowLine,
             {},
             "has " + countOf(std::ssize(cells), "column", "columns") + ", the heading has " + std::to_string(names.size())});
    } else {
        Json value = Json::object();
        const ImportProblem* problem = nullptr;
        ImportProblem found;
        for (std::size_t i = 0; i < cells.size() && !problem; ++i) {
            if (const auto bad = utf8::firstInvalid(cells[i]); bad != cells[i].size()) {
                found = {row, rowLine, names[i], notUtf8Reason(bad, "field")};
                problem = &found;
            } else {
                value[names[i]] = std::move(cells[i]);
            }
        }
        if (problem)
            onProblem(*problem);
        else
            ended = !onRow(RawRow{row, rowLine, std::move(value)});
    }
    cells.clear();
    if (row == limits.maxRows)
        ended = true;
}

class Parser {
public:
    explicit Parser(char delimiter) {
        csv_init(&m_parser, 0);
        csv_set_delim(&m_parser, static_cast<unsigned char>(delimiter));
        // Spaces at the ends of a field belong to it.
        csv_set_space_func(&m_parser, [](unsigned char) { return 0; });
    }
    ~Parser() { csv_free(&m_parser); }
    Parser(const Parser&) = delete;
    Parser& operator=(const Parser&) = delete;
    csv_parser* get() { return &m_parser; }

private:
    csv_parser m_parser{};
};

class CsvImporter final : public Importer {
public:
    const Described& description() const override {
        static const Described described{
            "csv", "CSV or TSV", "A table with a heading, cells separated by comma, semicolon or tab.", {}};
        return described;
    }

    double sniff(std::string_view head, std::string_view extension) const override {
        if (extension == ".csv" || extension == ".tsv" || extension == ".tab")
            return 0.95;
        if (head.starts_with('{') || head.starts_with('['))
            return 0;
        return extension == ".txt" && findDelimiter(head).fit > 0.9 ? 0.4 : 0;
    }

    Status read(const fs::path& file, const ImportLimits& limits, const OnRow& onRow, const OnProblem& onProblem,
                const Progress& progress) const override {
        ATTUNE_ASSIGN(auto blocks, BlockReader::open(file));
        ATTUNE_ASSIGN(std::string_view block, blocks.next(progress));
        Parser parser(findDelimiter(block).value);
        Reading reading{limits, onRow, onProblem, {}, {}};
        std::size_t recordBytes = 0;
        while (!block.empty() && !reading.ended) {
            // Line by line, so that each record knows where it began.
            const auto newline = block.find('\n');
            const std::string_view piece = block.substr(0, newline == std::string_view::npos ? newline : newline + 1);
            const std::int64_t rowBefore = reading.row;
            const bool hadNames = !reading.names.empty();
            if (csv_parse(parser.get(), piece.data(), piece.size(), Reading::onField, Reading::onRecord, &reading) !=
                piece.size())
                return fail(ErrorCode::OutOfMemory, "Not enough memory to read " + file.string(),
                            "Close other programs and try again.");
            const bool finished = reading.row != rowBefore || hadNames != !reading.names.empty();
            recordBytes = finished ? 0 : recordBytes + piece.size();
            if (newline != std::string_view::npos)
                ++reading.line;
            // Between two records the parser holds nothing: the next one begins on this line.
            if (finished || (reading.cells.empty() && !insideField(*parser.get())))
                reading.rowLine = reading.line, recordBytes = 0;
            if (recordBytes > limits.maxRowBytes) {
                onProblem(
                    {reading.row + 1,
                     reading.rowLine,
                     {},
                     tooLongReason(limits) + "; perhaps a quotation mark is never closed. Nothing after it was read"});
                return {};
            }
            block.remove_prefix(piece.size());
            if (block.empty()) {
                ATTUNE_ASSIGN(block, blocks.next(progress));
            }
        }
        if (reading.ended)
            return {};
        if (insideQuotes(*parser.get()))
            onProblem(
                {reading.row + 1, reading.rowLine, {}, "a quotation mark that opens in this row is never closed"});
        else
            csv_fini(parser.get(), Reading::onField, Reading::onRecord, &reading);
        return {};
    }

private:
    // libcsv's own check of this needs its strict mode, which gives up at the first stray quote.
    static bool insideQuotes(const csv_parser& parser) {
        constexpr int kFieldBegun = 2;
        return parser.quoted != 0 && parser.pstate == kFieldBegun;
    }
    static bool insideField(const csv_parser& parser) { return parser.entry_pos > 0 || parser.quoted != 0; }
};

} // namespace

const Importer& csvImporter() {
    static const CsvImporter importer;
    return importer;
}

} // namespace attune
