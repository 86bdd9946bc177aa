#include "core/base/file_kind.h"

#include <algorithm>
#include <array>

namespace attune {

namespace {

using namespace std::string_view_literals;

struct Magic {
    std::string_view bytes;
    const char *what, *next;
    std::size_t offset = 0;
};

constexpr const char* kPicture = "Only text can be read; choose the file that holds the texts.";
constexpr const char* kUnpack = "Unpack it first and choose the file inside.";
constexpr const char* kSpreadsheet = "Open it in a spreadsheet and save it as \"CSV UTF-8\".";
constexpr const char* kUtf8 = "Save it as UTF-8 (in a spreadsheet: \"CSV UTF-8\").";
constexpr const char* kDocument = "Save its text as plain text, or its questions and answers as CSV.";
constexpr const char* kTable = "Export it as JSON Lines, for example with pandas: read it and call to_json(\"rows.jsonl\", orient=\"records\", lines=True).";
constexpr const char* kWeights = "That is a model, not data; choose the file that holds the texts.";

// Signatures as the formats' own specifications give them.
constexpr std::array kMagics{
    Magic{"\x89PNG\r\n\x1A\n"sv, "a PNG picture", kPicture},
    Magic{"\xFF\xD8\xFF"sv, "a JPEG picture", kPicture},
    Magic{"GIF87a"sv, "a GIF picture", kPicture},
    Magic{"GIF89a"sv, "a GIF picture", kPicture},
    Magic{"WEBP"sv, "a WebP picture", kPicture, 8},
    Magic{"WAVE"sv, "a sound file", kPicture, 8},
    Magic{"ID3"sv, "a sound file (MP3)", kPicture},
    Magic{"OggS"sv, "a sound file (Ogg)", kPicture},
    Magic{"fLaC"sv, "a sound file (FLAC)", kPicture},
    Magic{"ftyp"sv, "a video or picture file (MP4, HEIC)", kPicture, 4},
    Magic{"%PDF-"sv, "a PDF document", kDocument},
    Magic{"{\\rtf"sv, "a rich text document (RTF)", kDocument},
    Magic{"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1"sv, "an old Excel or Word file", kSpreadsheet},
    Magic{"\x1F\x8B\x08"sv, "a gzip archive", kUnpack},
    Magic{"BZh"sv, "a bzip2 archive", kUnpack},
    Magic{"\xFD" "7zXZ\0"sv, "an xz archive", kUnpack},
    Magic{"\x28\xB5\x2F\xFD"sv, "a Zstandard archive", kUnpack},
    Magic{"\x04\x22\x4D\x18"sv, "an LZ4 archive", kUnpack},
    Magic{"7z\xBC\xAF\x27\x1C"sv, "a 7z archive", kUnpack},
    Magic{"Rar!\x1A\x07"sv, "a RAR archive", kUnpack},
    Magic{"ustar"sv, "a tar archive", kUnpack, 257},
    Magic{"PAR1"sv, "a Parquet table", kTable},
    Magic{"ARROW1\0"sv, "an Arrow table", kTable},
    Magic{"FEA1"sv, "a Feather table", kTable},
    Magic{"ORC"sv, "an ORC table", kTable},
    Magic{"Obj\x01"sv, "an Avro table", kTable},
    Magic{"SQLite format 3\0"sv, "an SQLite database", "Export the table as CSV, for example with: sqlite3 -header -csv FILE \"SELECT * FROM table\"."},
    Magic{"\x89HDF\r\n\x1A\n"sv, "an HDF5 file", kTable},
    Magic{"\x93NUMPY"sv, "a NumPy array", kTable},
    Magic{"GGUF"sv, "a GGUF model", kWeights},
    Magic{"\x7F" "ELF"sv, "a program", kPicture},
};

// A ZIP archive is what it holds: office files are archives too.
FileKind zipKind(std::string_view head) {
    const auto holds = [&](std::string_view name) { return head.find(name) != std::string_view::npos; };
    if (holds("xl/workbook.xml") || holds("xl/worksheets") || holds("application/vnd.oasis.opendocument.spreadsheet"))
        return {"a spreadsheet", kSpreadsheet};
    if (holds("word/document.xml") || holds("application/vnd.oasis.opendocument.text"))
        return {"a word processor's document", kDocument};
    if (holds("ppt/presentation.xml") || holds("application/vnd.oasis.opendocument.presentation"))
        return {"a presentation", kDocument};
    if (holds("/data.pkl"))
        return {"a PyTorch checkpoint", kWeights};
    // The names are told at the archive's end, which may be far away; the first one tells the family.
    if (holds("[Content_Types].xml"))
        return {"an office file (Excel, Word)", "Open it in its program; save a table as \"CSV UTF-8\", a text as plain text."};
    return {"a ZIP archive", kUnpack};
}

// Eight bytes of length, then the heading of a safetensors file.
bool isSafetensors(std::string_view head) {
    return head.size() > 10 && head[8] == '{' && head[9] == '"' && head.substr(4, 4) == "\0\0\0\0"sv;
}

} // namespace

std::optional<FileKind> foreignKind(std::string_view head) {
    if (head.starts_with("\xFF\xFE") || head.starts_with("\xFE\xFF"))
        return FileKind{"text in UTF-16", kUtf8};
    for (const Magic& magic : kMagics)
        if (head.size() >= magic.offset && head.substr(magic.offset).starts_with(magic.bytes)) {
            // Letters alone may begin a text ("ORC,RACE", "ID3 tags"): binary files of these kinds hold more than letters.
            const std::string_view rest = head.substr(magic.offset + magic.bytes.size(), 64);
            const auto isText = [](std::string_view part) {
                return std::none_of(part.begin(), part.end(), [](unsigned char c) { return (c < 0x20 && c != '\n' && c != '\r' && c != '\t') || c >= 0xF8; });
            };
            if (magic.bytes != "%PDF-" && magic.bytes != "{\\rtf" && isText(magic.bytes) && isText(rest) && isText(head.substr(0, magic.offset)) &&
                !rest.empty())
                continue;
            return FileKind{magic.what, magic.next};
        }
    if (head.starts_with("PK\x03\x04") || head.starts_with("PK\x05\x06"))
        return zipKind(head);
    if (isSafetensors(head))
        return FileKind{"a safetensors model", kWeights};
    if (head.starts_with("\x80\x02") || head.starts_with("\x80\x03") || head.starts_with("\x80\x04") || head.starts_with("\x80\x05"))
        return FileKind{"a Python pickle", "Pickles can run programs, so none is opened; save the data as JSON Lines instead."};
    // No signature: a text has hardly any control characters; UTF-16 without its mark has a zero in every other place.
    constexpr std::size_t kLooked = 4096, kLeast = 32;
    const std::string_view begin = head.substr(0, kLooked);
    if (begin.size() < kLeast)
        return std::nullopt;
    std::size_t control = 0, zeros[2] = {0, 0};
    for (std::size_t i = 0; i < begin.size(); ++i) {
        const auto byte = static_cast<unsigned char>(begin[i]);
        control += byte < 0x20 && byte != '\n' && byte != '\r' && byte != '\t' && byte != '\f' && byte != 0x1B;
        zeros[i % 2] += byte == 0;
    }
    const std::size_t half = begin.size() / 2;
    if (std::max(zeros[0], zeros[1]) * 10 > half * 7 && std::min(zeros[0], zeros[1]) * 10 < half)
        return FileKind{"text in UTF-16", kUtf8};
    if (control * 20 > begin.size())
        return FileKind{"binary data, not a text", "Choose the file that holds the texts."};
    return std::nullopt;
}

Status refuseForeign(std::string_view head, const std::string& doing) {
    if (const auto kind = foreignKind(head))
        return fail(ErrorCode::Unsupported, "Cannot " + doing + ": it is " + kind->what, kind->next);
    return {};
}

} // namespace attune
