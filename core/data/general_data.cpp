#include "core/data/general_data.h"

#include <algorithm>
#include <array>

#include "core/data/import_file.h"
#include "core/data/sample_hash.h"
#include "core/text/utf8.h"

namespace attune {

namespace {

constexpr std::uint64_t kMaxTextBytes = std::uint64_t{64} << 20;
constexpr std::size_t kPieceBytes = 1'500, kLongestPiece = 4'000;
constexpr const char* kHint = "Name a JSON Lines, JSON, CSV or text file with general texts or conversations, or a folder of such files.";

bool isTextFile(const fs::path& file) { return file.extension() == ".txt" || file.extension() == ".md"; }

bool isDataFile(const fs::path& file) {
    static constexpr std::array<const char*, 4> kEndings{".jsonl", ".json", ".csv", ".tsv"};
    return std::find(kEndings.begin(), kEndings.end(), file.extension().string()) != kEndings.end();
}

Result<std::vector<fs::path>> filesOf(const fs::path& path) {
    std::error_code code;
    if (!fs::exists(path, code))
        return fail(ErrorCode::NotFound, "The general data " + path.string() + " does not exist", kHint);
    if (!fs::is_directory(path, code))
        return std::vector<fs::path>{path};
    std::vector<fs::path> files;
    for (fs::directory_iterator it(path, code), end; !code && it != end; it.increment(code))
        if (isTextFile(it->path()) || isDataFile(it->path()))
            files.push_back(it->path());
    if (code)
        return fail(errnoError(code.value(), "Cannot read", path));
    if (files.empty())
        return fail(ErrorCode::NotFound, "The folder " + path.string() + " holds no general data", kHint);
    std::sort(files.begin(), files.end());
    return files;
}

Status addTexts(const fs::path& file, std::vector<Sample>& rows) {
    ATTUNE_ASSIGN(const std::string text, readFile(file, kMaxTextBytes));
    if (const std::size_t bad = utf8::firstInvalid(text); bad < text.size())
        return fail(ErrorCode::InvalidData, file.string() + " is not a text in UTF-8: byte " + std::to_string(bad + 1) + " is wrong",
                    "Save it as UTF-8.");
    for (std::string& piece : textPieces(text)) {
        if (rows.size() >= kMaxGeneralRows)
            break;
        Sample sample;
        sample.kind = SampleKind::Text;
        sample.text = std::move(piece);
        rows.push_back(std::move(sample));
    }
    return {};
}

Status addRows(const fs::path& file, std::vector<Sample>& rows, std::vector<std::string>* problems) {
    bool enough = false;
    const auto add = [&](Sample&& sample) -> Status {
        if (sample.kind != SampleKind::Text && sample.kind != SampleKind::Chat)
            return fail(ErrorCode::Unsupported,
                        file.string() + ", row " + std::to_string(sample.sourceRow) + ": general data are texts or conversations, this is \"" +
                            sampleKindId(sample.kind) + "\"",
                        kHint);
        rows.push_back(std::move(sample));
        enough = rows.size() >= kMaxGeneralRows;
        return enough ? Status(fail(ErrorCode::Cancelled, "Enough rows were read")) : Status();
    };
    const auto onProblem = [&](const ImportProblem& problem) {
        if (problems)
            problems->push_back(file.filename().string() + ", " + describe(problem));
    };
    auto imported = importFile(file, {}, add, onProblem);
    return imported || enough ? Status() : Status(fail(std::move(imported).error()));
}

} // namespace

std::vector<std::string> textPieces(std::string_view text) {
    std::vector<std::string> pieces;
    std::string piece;
    const auto flush = [&] {
        while (!piece.empty() && (piece.back() == '\n' || piece.back() == '\r' || piece.back() == ' '))
            piece.pop_back();
        if (piece.find_first_not_of(" \t\r\n") != std::string::npos)
            pieces.push_back(std::move(piece));
        piece.clear();
    };
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n', 0), text.size() - 1) + 1;
        std::string_view line = text.substr(0, end);
        text.remove_prefix(end);
        if (line.find_first_not_of(" \t\r\n") == std::string_view::npos) {
            if (piece.size() >= kPieceBytes)
                flush();
            else if (!piece.empty())
                piece += "\n";
            continue;
        }
        while (piece.size() + line.size() > kLongestPiece) {
            const std::size_t room = kLongestPiece - std::min(kLongestPiece, piece.size());
            const std::string_view part = utf8::prefix(line, room);
            const std::size_t space = part.rfind(' ');
            const std::size_t cut = space == std::string_view::npos || space == 0 ? part.size() : space + 1;
            piece += line.substr(0, cut);
            line.remove_prefix(cut);
            flush();
        }
        piece += line;
    }
    flush();
    return pieces;
}

Result<std::shared_ptr<const SampleSource>> loadGeneralData(const fs::path& path, std::vector<std::string>* problems) {
    ATTUNE_ASSIGN(const std::vector<fs::path> files, filesOf(path));
    std::vector<Sample> rows;
    for (const fs::path& file : files) {
        if (rows.size() >= kMaxGeneralRows)
            break;
        ATTUNE_CHECK(isTextFile(file) ? addTexts(file, rows) : addRows(file, rows, problems));
    }
    if (rows.empty())
        return fail(ErrorCode::InvalidData, "The general data " + path.string() + " holds no text", kHint);
    std::string hashes;
    for (const Sample& row : rows)
        hashes += toHex(contentHash(row));
    return std::make_shared<const VectorSampleSource>(std::move(rows), hashBytes(hashes));
}

} // namespace attune
