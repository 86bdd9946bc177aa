#include "tools/starter/corpus.h"

#include <unordered_set>

#include "core/base/json.h"

namespace attune::starter {

namespace {

constexpr double kBytesPerToken =
    3.5; // of our own tokenizer on our own text, chat marks included; only sets how much is written
constexpr std::uint64_t kValidationEvery = 200;

struct Kind {
    const char* name;
    Document (*write)(Pen&);
    int share; // of the rows, in percent
};

constexpr Kind kKinds[] = {{"story", storyText, 17},           {"everyday", everydayText, 13},
                           {"record", recordText, 9},          {"reading", readingTask, 21},
                           {"instruction", instruction, 18},   {"customer letter", customerLetter, 8},
                           {"customer talk", customerTalk, 14}};

std::uint64_t shortHash(std::string_view text) {
    return std::hash<std::string_view>{}(text);
}

void countSentences(const std::string& text, std::unordered_set<std::uint64_t>& seen, CorpusReport& report) {
    std::size_t begin = 0;
    for (std::size_t i = 0; i < text.size(); ++i)
        if (text[i] == '.' || text[i] == '!' || text[i] == '?' || text[i] == '\n') {
            if (i > begin + 2) {
                ++report.sentences;
                report.distinctSentences +=
                    seen.insert(shortHash(std::string_view(text).substr(begin, i - begin))).second;
            }
            begin = i + 1;
            while (begin < text.size() && text[begin] == ' ')
                ++begin;
        }
}

} // namespace

Document corpusDocument(std::uint64_t seed, std::uint64_t index, std::string* kind) {
    Pen pen(seed, index + 1);
    int at = static_cast<int>(pen.below(100));
    for (const Kind& one : kKinds) {
        if (at < one.share) {
            if (kind)
                *kind = one.name;
            return one.write(pen);
        }
        at -= one.share;
    }
    return storyText(pen);
}

std::string toJsonLine(const Document& document) {
    OrderedJson row;
    if (document.messages.empty()) {
        row["text"] = document.text;
    } else {
        OrderedJson& messages = row["messages"] = OrderedJson::array();
        for (const Turn& turn : document.messages)
            messages.push_back({{"role", turn.role}, {"content", turn.content}});
    }
    return row.dump();
}

// One part of the corpus: a folder with one file for each form of row, as the program's importers read them.
struct Part {
    AtomicFile chat, text;
    static Result<Part> create(const fs::path& folder) {
        std::error_code made;
        fs::create_directories(folder, made);
        if (made)
            return fail(ErrorCode::Io, "Cannot make the folder " + folder.string() + ": " + made.message());
        ATTUNE_ASSIGN(AtomicFile chat, AtomicFile::create(folder / "chat.jsonl"));
        ATTUNE_ASSIGN(AtomicFile text, AtomicFile::create(folder / "text.jsonl"));
        return Part{std::move(chat), std::move(text)};
    }
    Status commit() {
        ATTUNE_CHECK(chat.commit());
        return text.commit();
    }
};

Result<CorpusReport> writeCorpus(const fs::path& folder, const CorpusOptions& options) {
    ATTUNE_ASSIGN(Part train, Part::create(folder / "train"));
    ATTUNE_ASSIGN(Part validation, Part::create(folder / "validation"));
    const auto wanted = static_cast<std::uint64_t>(static_cast<double>(options.tokens) * kBytesPerToken);
    CorpusReport report;
    std::unordered_set<std::uint64_t> sentences, rows;
    std::string kind;
    for (std::uint64_t index = 0; report.bytes < wanted; ++index) {
        const Document document = corpusDocument(options.seed, index, &kind);
        const std::string line = toJsonLine(document) + "\n";
        if (!rows.insert(shortHash(line)).second) {
            ++report.repeatedRows;
            continue;
        }
        std::uint64_t bytes = document.text.size();
        countSentences(document.text + "\n", sentences, report);
        for (const Turn& turn : document.messages) {
            bytes += turn.content.size();
            countSentences(turn.content + "\n", sentences, report);
        }
        const bool held = (rows.size() % kValidationEvery) == 0;
        Part& part = held ? validation : train;
        ATTUNE_CHECK((document.messages.empty() ? part.text : part.chat).write(line));
        report.validationRows += held;
        ++report.rows;
        report.bytes += bytes;
        ++report.rowsByKind[kind];
        report.bytesByKind[kind] += bytes;
    }
    ATTUNE_CHECK(train.commit());
    ATTUNE_CHECK(validation.commit());
    return report;
}

} // namespace attune::starter
