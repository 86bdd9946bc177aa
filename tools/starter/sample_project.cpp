#include "tools/starter/sample_project.h"

#include <algorithm>
#include <cctype>
#include <set>

#include "core/base/json.h"
#include "tools/starter/corpus.h"

namespace attune::starter {

namespace {

// A slip of the finger in one word that carries no label: two letters swapped, one lost or one doubled.
std::string slip(Pen& pen, std::string word) {
    if (word.size() < 5)
        return word;
    const std::size_t at = 1 + pen.below(word.size() - 3);
    if (!std::isalpha(static_cast<unsigned char>(word[at])) || !std::isalpha(static_cast<unsigned char>(word[at + 1])))
        return word;
    switch (pen.below(3)) {
    case 0:
        std::swap(word[at], word[at + 1]);
        break;
    case 1:
        word.erase(at, 1);
        break;
    default:
        word.insert(at, 1, word[at]);
        break;
    }
    return word;
}

std::string withSlips(Pen& pen, const std::string& text, const std::string& keep, int slips) {
    std::vector<std::string> words;
    for (std::size_t begin = 0; begin <= text.size();) {
        const std::size_t end = std::min(text.find(' ', begin), text.size());
        words.push_back(text.substr(begin, end - begin));
        begin = end + 1;
    }
    for (int i = 0; i < slips; ++i) {
        std::string& word = words[pen.below(words.size())];
        const std::string bare = word.substr(0, word.find_last_not_of(".,!?") + 1);
        if (keep.find(bare) == std::string::npos)
            word = slip(pen, word);
    }
    std::string out;
    for (const std::string& word : words)
        out += (out.empty() ? "" : " ") + word;
    return out;
}

std::string lowerCased(std::string text) {
    std::transform(text.begin(), text.end(), text.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return text;
}

SampleRow drawRow(Pen& pen, const Problem& problem, const Product& product, const std::string& urgency) {
    pen.forget();
    pen.bindPerson("p");
    SampleRow row;
    row.facts = drawCase(pen, problem, product, urgency);
    static const std::vector<std::string> kOpenings{
        "", "", "", "Hello, ", "Hi, ", "Hi there, ", "Good day. ", "Dear team, ", "Hello! ", "Good evening, "};
    static const std::vector<std::string> kClosings{
        "", "", "", "", " Thanks.", " Thank you!", " Best, {p}", " Thanks, {p}", " Regards, {p} {surname}", " {p}"};
    std::string statement = pen.part("{" + problem.list + "}");
    std::vector<std::string> sentences{statement};
    if (pen.chance(0.7))
        sentences.insert(sentences.begin() + static_cast<std::ptrdiff_t>(pen.below(2)), pen.part("{sp_chat}"));
    std::string side;
    if (pen.chance(0.25)) {
        side = pen.part("{sp_side}");
        sentences.push_back(side);
    }
    std::string cue;
    if (urgency != "medium" || pen.chance(0.7)) {
        cue = pen.part("{sp_" + urgency + "}");
        sentences.insert(sentences.begin() + static_cast<std::ptrdiff_t>(
                                                 pen.chance(0.65) ? sentences.size() : pen.below(sentences.size() + 1)),
                         cue);
    }
    std::string body;
    for (const std::string& sentence : sentences)
        body += (body.empty() ? "" : " ") + sentence;
    body = finishSentences(body);
    if (pen.chance(0.12))
        body = lowerCased(body);
    // Slips never touch the sentences from which the labels follow, nor what sets a second product apart.
    const std::string labels = statement + " " + cue + " " + side;
    if (pen.chance(0.3))
        body = withSlips(pen, body, finishSentences(labels) + " " + lowerCased(labels), pen.between(1, 3));
    const std::string& opening = pen.pick(kOpenings);
    if (opening.size() > 2 && opening[opening.size() - 2] == ',' && body.rfind("I ", 0) != 0)
        body[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(body[0])));
    row.message = opening + body + pen.part(pen.pick(kClosings));
    return row;
}

// Words of a message that are no label may vary freely, so a long statement can still make two messages alike: the
// nearest accepted row is looked up by shared 5-grams.
class Seen {
public:
    bool accept(const std::string& message) {
        std::unordered_set<std::uint64_t> grams = fiveGrams(message);
        std::map<std::size_t, std::size_t> shared;
        for (const std::uint64_t gram : grams)
            if (const auto found = m_rows.find(gram); found != m_rows.end())
                for (const std::size_t row : found->second)
                    ++shared[row];
        for (const auto& [row, common] : shared)
            if (static_cast<double>(common) >=
                kNearDuplicate * static_cast<double>(grams.size() + m_grams[row].size() - common))
                return false;
        for (const std::uint64_t gram : grams)
            m_rows[gram].push_back(m_grams.size());
        m_grams.push_back(std::move(grams));
        return true;
    }

private:
    std::vector<std::unordered_set<std::uint64_t>> m_grams;
    std::unordered_map<std::uint64_t, std::vector<std::size_t>> m_rows;
};

Status writeGeneral(const fs::path& folder, std::uint64_t seed) {
    std::error_code made;
    fs::create_directories(folder, made);
    if (made)
        return fail(ErrorCode::Io, "Cannot make the folder " + folder.string() + ": " + made.message());
    std::string chat, text, kind;
    std::set<std::string> seen;
    for (std::uint64_t index = 0; seen.size() < kGeneralRows; ++index) {
        const Document document = corpusDocument(seed, index, &kind);
        const std::string line = toJsonLine(document) + "\n";
        if (kind.rfind("customer", 0) == 0 || !seen.insert(line).second)
            continue;
        (document.messages.empty() ? text : chat) += line;
    }
    ATTUNE_CHECK(writeFileAtomic(folder / "chat.jsonl", chat));
    return writeFileAtomic(folder / "text.jsonl", text);
}

} // namespace

std::string SampleRow::record() const {
    const auto quoted = [](const std::string& text) { return Json(text).dump(); };
    return "{\"category\": " + quoted(facts.problem->category) + ", \"urgency\": " + quoted(facts.urgency) +
           ", \"product\": " + quoted(facts.product->name) + ", \"summary\": " + quoted(facts.summary) + "}";
}

std::string SampleRow::jsonLine() const {
    return OrderedJson{
        {"messages",
         OrderedJson::array({{{"role", "user"}, {"content", std::string(kSampleInstruction) + "\n\n" + message}},
                             {{"role", "assistant"}, {"content", record()}}})}}
        .dump();
}

std::unordered_set<std::uint64_t> fiveGrams(std::string_view text) {
    std::vector<std::string> words(1);
    for (const char c : text) {
        if (std::isalnum(static_cast<unsigned char>(c)))
            words.back() += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
        else if (!words.back().empty())
            words.emplace_back();
    }
    if (words.back().empty())
        words.pop_back();
    std::unordered_set<std::uint64_t> grams;
    for (std::size_t i = 0; i + 5 <= words.size() || (i == 0 && !words.empty()); ++i) {
        std::string gram;
        for (std::size_t k = i; k < std::min(i + 5, words.size()); ++k)
            gram += words[k] + " ";
        grams.insert(std::hash<std::string>{}(gram));
    }
    return grams;
}

double jaccard(const std::unordered_set<std::uint64_t>& a, const std::unordered_set<std::uint64_t>& b) {
    std::size_t common = 0;
    for (const std::uint64_t gram : a)
        common += b.count(gram);
    const std::size_t all = a.size() + b.size() - common;
    return all == 0 ? 1.0 : static_cast<double>(common) / static_cast<double>(all);
}

std::vector<SampleRow> sampleRows(std::uint64_t seed) {
    constexpr std::size_t kRows = kTrainRows + kValidationRows + kTestRows;
    // Categories, urgencies and products each go round on their own shuffled order: balanced, and independent of one
    // another.
    Pen order(seed, 1'000'000'007);
    const auto rounds = [&](std::size_t kinds) {
        std::vector<std::size_t> out;
        while (out.size() < kRows) {
            std::vector<std::size_t> round(kinds);
            for (std::size_t i = 0; i < kinds; ++i)
                round[i] = i;
            order.shuffle(round);
            out.insert(out.end(), round.begin(), round.end());
        }
        return out;
    };
    const std::vector<std::size_t> category = rounds(categories().size()), urgency = rounds(3),
                                   product = rounds(products().size());
    std::vector<SampleRow> rows;
    Seen seen;
    for (std::size_t i = 0; i < kRows; ++i) {
        std::vector<const Problem*> candidates;
        for (const Problem& problem : problems())
            if (problem.category == categories()[category[i]] &&
                (!problem.electricOnly || products()[product[i]].electric))
                candidates.push_back(&problem);
        for (std::uint64_t attempt = 0;; ++attempt) {
            Pen pen(seed, (i + 1) * 100'000 + attempt);
            SampleRow row = drawRow(pen, *pen.pick(candidates), products()[product[i]], kUrgencies[urgency[i]]);
            if (seen.accept(row.message)) {
                rows.push_back(std::move(row));
                break;
            }
        }
    }
    return rows;
}

Result<SampleReport> writeSampleProject(const fs::path& folder, std::uint64_t seed) {
    std::error_code made;
    fs::create_directories(folder, made);
    if (made)
        return fail(ErrorCode::Io, "Cannot make the folder " + folder.string() + ": " + made.message());
    const std::vector<SampleRow> rows = sampleRows(seed);
    SampleReport report;
    report.rows = rows.size();
    std::vector<std::unordered_set<std::uint64_t>> grams;
    for (const SampleRow& row : rows) {
        grams.push_back(fiveGrams(row.message));
        ++report.rowsByLabel["category " + row.facts.problem->category];
        ++report.rowsByLabel["urgency " + row.facts.urgency];
        ++report.rowsByLabel["product " + row.facts.product->name];
    }
    const auto split = [](std::size_t row) {
        return row < kTrainRows ? 0 : row < kTrainRows + kValidationRows ? 1 : 2;
    };
    for (std::size_t a = 0; a < rows.size(); ++a)
        for (std::size_t b = std::max(a + 1, kTrainRows); b < rows.size(); ++b)
            if (split(a) != split(b))
                report.nearestAcrossSplits = std::max(report.nearestAcrossSplits, jaccard(grams[a], grams[b]));
    const char* const names[] = {"train.jsonl", "validation.jsonl", "test.jsonl"};
    for (int part = 0; part < 3; ++part) {
        std::string text;
        for (std::size_t i = 0; i < rows.size(); ++i)
            if (split(i) == part)
                text += rows[i].jsonLine() + "\n";
        ATTUNE_CHECK(writeFileAtomic(folder / names[part], text));
    }
    ATTUNE_CHECK(writeGeneral(folder / "general", seed));
    return report;
}

} // namespace attune::starter
