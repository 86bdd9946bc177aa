#include "tools/starter/bpe_trainer.h"

#include <algorithm>
#include <cctype>
#include <functional>
#include <set>
#include <unordered_set>

#include "core/base/json.h"

namespace attune::starter {

namespace {

using Id = std::int32_t;
constexpr Id kFirstByte = static_cast<Id>(kSpecialTokens.size());

std::uint64_t pairKey(Id left, Id right) {
    return static_cast<std::uint64_t>(static_cast<std::uint32_t>(left)) << 32 | static_cast<std::uint32_t>(right);
}

bool isLetter(char c) {
    return std::isalpha(static_cast<unsigned char>(c));
}
bool isDigit(char c) {
    return c >= '0' && c <= '9';
}
bool isSpace(char c) {
    return c == ' ' || c == '\n' || c == '\t' || c == '\r' || c == '\v' || c == '\f';
}
bool isOther(char c) {
    return !isLetter(c) && !isDigit(c) && !isSpace(c);
}

// GPT-2: 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+ over a piece without digits.
void splitPiece(std::string_view text, std::vector<std::string_view>& out) {
    std::size_t i = 0;
    const auto run = [&](std::size_t from, bool (*belongs)(char)) {
        while (from < text.size() && belongs(text[from]))
            ++from;
        return from;
    };
    while (i < text.size()) {
        std::size_t end = i;
        if (text[i] == '\'') {
            for (const std::string_view ending : {"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"})
                if (text.substr(i, ending.size()) == ending) {
                    end = i + ending.size();
                    break;
                }
        }
        if (end == i) {
            const std::size_t start = i + (text[i] == ' ' && i + 1 < text.size() && !isSpace(text[i + 1]));
            if (isLetter(text[start]))
                end = run(start, isLetter);
            else if (isOther(text[start]))
                end = run(start, isOther);
            else {
                end = run(i, isSpace);
                if (end < text.size() && end - i > 1)
                    --end; // the last blank belongs to the next word
            }
        }
        out.push_back(text.substr(i, end - i));
        i = end;
    }
}

struct Word {
    std::vector<Id> ids;
    std::uint64_t count;
};

Status forEachText(const fs::path& jsonl,
                   const std::function<void(const std::vector<std::string>& parts, bool chat)>& use) {
    std::error_code code;
    if (fs::is_directory(jsonl, code)) { // a folder stands for its files, in the order of their names
        std::vector<fs::path> files;
        for (const auto& entry : fs::directory_iterator(jsonl, code))
            files.push_back(entry.path());
        std::sort(files.begin(), files.end());
        for (const fs::path& part : files)
            ATTUNE_CHECK(forEachText(part, use));
        return {};
    }
    ATTUNE_ASSIGN(const std::string file, readFile(jsonl));
    std::size_t number = 0;
    for (std::size_t begin = 0; begin < file.size();) {
        const std::size_t end = std::min(file.find('\n', begin), file.size());
        const std::string where = "row " + std::to_string(++number) + " of " + jsonl.string();
        ATTUNE_ASSIGN(const Json row, parseJson(std::string_view(file).substr(begin, end - begin), where));
        std::vector<std::string> parts;
        const bool chat = row.contains("messages");
        if (chat) {
            for (const Json& message : row["messages"])
                parts.push_back(message.value("content", std::string()));
        } else {
            parts.push_back(row.value("text", std::string()));
        }
        for (const std::string& part : parts)
            for (const char c : part)
                if (static_cast<unsigned char>(c) >= 0x80)
                    return fail(ErrorCode::InvalidData, where + " is not plain ASCII",
                                "The tokenizer is made from generated text only.");
        use(parts, chat);
        begin = end + 1;
    }
    return {};
}

} // namespace

std::vector<std::string_view> splitIntoWords(std::string_view text) {
    std::vector<std::string_view> out;
    std::size_t begin = 0;
    for (std::size_t i = 0; i <= text.size(); ++i) {
        if (i < text.size() && !isDigit(text[i]))
            continue;
        splitPiece(text.substr(begin, i - begin), out);
        if (i < text.size())
            out.push_back(text.substr(i, 1));
        begin = i + 1;
    }
    return out;
}

BpeModel trainBpe(const std::unordered_map<std::string, std::uint64_t>& counts, std::size_t vocabularySize) {
    BpeModel model;
    for (const char* special : kSpecialTokens)
        model.tokens.emplace_back(special);
    for (int byte = 0; byte < 256; ++byte)
        model.tokens.emplace_back(1, static_cast<char>(byte));

    std::vector<std::pair<std::string, std::uint64_t>> sorted(counts.begin(), counts.end());
    std::sort(sorted.begin(), sorted.end()); // the order of a hash table must not reach the result
    std::vector<Word> words;
    std::unordered_map<std::uint64_t, std::int64_t> pairCounts;
    std::unordered_map<std::uint64_t, std::unordered_set<std::uint32_t>> pairWords;
    for (const auto& [text, count] : sorted) {
        Word word{{}, count};
        for (const char c : text)
            word.ids.push_back(kFirstByte + static_cast<unsigned char>(c));
        for (std::size_t i = 0; i + 1 < word.ids.size(); ++i) {
            const std::uint64_t key = pairKey(word.ids[i], word.ids[i + 1]);
            pairCounts[key] += static_cast<std::int64_t>(count);
            pairWords[key].insert(static_cast<std::uint32_t>(words.size()));
        }
        words.push_back(std::move(word));
    }
    while (model.tokens.size() < vocabularySize) {
        std::uint64_t best = 0;
        std::int64_t bestCount = 1; // a pair seen once is not worth a token
        const auto spelling = [&](std::uint64_t key) {
            return std::pair(model.tokens[key >> 32], model.tokens[key & 0xffffffffu]);
        };
        for (const auto& [key, count] : pairCounts)
            if (count > bestCount || (count == bestCount && best != 0 && spelling(key) < spelling(best)))
                best = key, bestCount = count;
        if (best == 0)
            break;
        const Id left = static_cast<Id>(best >> 32), right = static_cast<Id>(best & 0xffffffffu);
        const Id made = static_cast<Id>(model.tokens.size());
        model.tokens.push_back(model.tokens[static_cast<std::size_t>(left)] +
                               model.tokens[static_cast<std::size_t>(right)]);
        model.merges.emplace_back(left, right);
        const std::unordered_set<std::uint32_t> affected = std::move(pairWords[best]);
        pairWords.erase(best);
        for (const std::uint32_t index : affected) {
            Word& word = words[index];
            const auto count = static_cast<std::int64_t>(word.count);
            for (std::size_t i = 0; i + 1 < word.ids.size(); ++i)
                pairCounts[pairKey(word.ids[i], word.ids[i + 1])] -= count;
            std::vector<Id> merged;
            for (std::size_t i = 0; i < word.ids.size(); ++i) {
                if (i + 1 < word.ids.size() && word.ids[i] == left && word.ids[i + 1] == right) {
                    merged.push_back(made);
                    ++i;
                } else {
                    merged.push_back(word.ids[i]);
                }
            }
            word.ids = std::move(merged);
            for (std::size_t i = 0; i + 1 < word.ids.size(); ++i) {
                const std::uint64_t key = pairKey(word.ids[i], word.ids[i + 1]);
                pairCounts[key] += count;
                pairWords[key].insert(index);
            }
        }
        pairCounts.erase(best);
    }
    return model;
}

Result<BpeModel> trainOnCorpus(const fs::path& jsonl, std::size_t vocabularySize) {
    std::unordered_map<std::string, std::uint64_t> words;
    ATTUNE_CHECK(forEachText(jsonl, [&](const std::vector<std::string>& parts, bool chat) {
        for (const std::string& part : parts) {
            const std::string text =
                (chat ? "\n" : "") + part; // as in the chat template: a role's line end comes first
            for (const std::string_view word : splitIntoWords(text))
                ++words[std::string(word)];
        }
    }));
    return trainBpe(words, vocabularySize);
}

BpeEncoder::BpeEncoder(const BpeModel& model) {
    for (std::size_t k = 0; k < model.merges.size(); ++k)
        m_rank.emplace(pairKey(model.merges[k].first, model.merges[k].second), static_cast<std::int32_t>(k));
}

std::vector<Id> BpeEncoder::encode(std::string_view text) {
    std::vector<Id> out;
    for (const std::string_view view : splitIntoWords(text)) {
        auto [cached, fresh] = m_cache.try_emplace(std::string(view));
        if (fresh) {
            std::vector<Id>& ids = cached->second;
            for (const char c : view)
                ids.push_back(kFirstByte + static_cast<unsigned char>(c));
            for (;;) {
                std::int32_t best = -1;
                std::size_t at = 0;
                for (std::size_t i = 0; i + 1 < ids.size(); ++i)
                    if (const auto rank = m_rank.find(pairKey(ids[i], ids[i + 1]));
                        rank != m_rank.end() && (best < 0 || rank->second < best))
                        best = rank->second, at = i;
                if (best < 0)
                    break;
                ids[at] = kFirstByte + 256 + best;
                ids.erase(ids.begin() + static_cast<std::ptrdiff_t>(at) + 1);
            }
        }
        out.insert(out.end(), cached->second.begin(), cached->second.end());
    }
    return out;
}

Result<CorpusTokens> countTokens(const fs::path& jsonl, const BpeModel& model) {
    BpeEncoder encoder(model);
    CorpusTokens counted;
    ATTUNE_CHECK(forEachText(jsonl, [&](const std::vector<std::string>& parts, bool chat) {
        std::uint64_t row = chat ? 1 : 2; // begin, and end for a plain text
        for (const std::string& part : parts) {
            const std::uint64_t tokens = encoder.encode(part).size();
            row += tokens + (chat ? 4 : 0); // role, line end, end, line end
            counted.textTokens += tokens;
            counted.bytes += part.size();
        }
        counted.tokens += row;
        counted.longestRow = std::max(counted.longestRow, row);
        ++counted.rows;
    }));
    return counted;
}

} // namespace attune::starter
