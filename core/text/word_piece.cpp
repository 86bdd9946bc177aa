#include "core/text/word_piece.h"

#include <algorithm>

#include "core/text/json_fields.h"
#include "core/text/utf8.h"

namespace attune {

namespace {

bool mustNotBecome(const std::vector<bool>* avoided, TokenId id) {
    return avoided && static_cast<std::size_t>(id) < avoided->size() && (*avoided)[static_cast<std::size_t>(id)];
}

Result<Vocabulary> readVocabulary(const Json& description, const std::string& where) {
    const Json* vocab = fields::member(description, "vocab");
    if (!vocab)
        return fields::broken(where, "\"vocab\" is missing");
    return Vocabulary::read(*vocab, where + ".vocab");
}

Result<std::optional<TokenId>> readUnknown(const Json& description, const Vocabulary& vocabulary,
                                           const std::string& fallback, const std::string& where) {
    ATTUNE_ASSIGN(const auto unknown, fields::textOr(description, "unk_token", fallback, where));
    return vocabulary.find(unknown);
}

tl::unexpected<Error> noUnknown(std::string_view word) {
    return fail(ErrorCode::InvalidData,
                "The tokenizer has no token for \"" + std::string(utf8::prefix(word, 40)) +
                    "\" and none for unknown words",
                "Remove this word, or use a model whose vocabulary has it.");
}

class WordLevel final : public TokenModel {
public:
    WordLevel(Vocabulary vocabulary, std::optional<TokenId> unknown)
        : TokenModel(std::move(vocabulary)), m_unknown(unknown) {}
    std::optional<TokenId> unknownId() const override { return m_unknown; }
    Status tokenize(Pieces& pieces, const std::vector<bool>* avoided, Encoding& out) const override {
        if (pieces.rawBytes)
            pieces.spellBytes();
        for (const auto& range : pieces.ranges) {
            auto id = vocabulary().find(pieces.piece(range));
            if (id && mustNotBecome(avoided, *id))
                id.reset();
            if (!id && !m_unknown)
                return noUnknown(pieces.piece(range));
            out.ids.push_back(id ? *id : *m_unknown);
            out.offsets.push_back(pieces.text.origin(range.begin, range.end));
        }
        return {};
    }

private:
    std::optional<TokenId> m_unknown;
};

} // namespace

bool WordPiece::cut(std::string_view word, const std::vector<bool>* avoided,
                    std::vector<std::pair<TokenId, std::uint32_t>>& parts) const {
    for (std::size_t begin = 0; begin < word.size();) {
        if (begin > 0 && !m_continues)
            return false;
        auto node = begin == 0 ? PieceTrie::root() : m_inside;
        TokenId longest = -1;
        std::size_t end = begin;
        for (std::size_t at = begin; at < word.size() && m_trie.step(node, word[at]);) {
            ++at;
            if (const TokenId id = m_trie.value(node); id >= 0 && !mustNotBecome(avoided, id)) {
                longest = id;
                end = at;
            }
        }
        if (longest < 0)
            return false;
        parts.emplace_back(longest, static_cast<std::uint32_t>(end - begin));
        begin = end;
    }
    return true;
}

Status WordPiece::tokenize(Pieces& pieces, const std::vector<bool>* avoided, Encoding& out) const {
    if (pieces.rawBytes)
        pieces.spellBytes();
    std::vector<std::pair<TokenId, std::uint32_t>> parts;
    for (const auto& range : pieces.ranges) {
        const std::string_view word = pieces.piece(range);
        const auto characters = static_cast<std::uint64_t>(
            std::count_if(word.begin(), word.end(), [](char byte) { return !utf8::isContinuation(byte); }));
        parts.clear();
        if (characters > m_maxCharacters || !cut(word, avoided, parts)) {
            if (!m_unknown)
                return noUnknown(word);
            parts.assign(1, {*m_unknown, static_cast<std::uint32_t>(word.size())});
        }
        std::uint32_t at = range.begin;
        for (const auto& [id, size] : parts) {
            out.ids.push_back(id);
            out.offsets.push_back(pieces.text.origin(at, at + size));
            at += size;
        }
    }
    return {};
}

Result<std::shared_ptr<const TokenModel>> WordPiece::read(const Json& description, const std::string& where) {
    ATTUNE_ASSIGN(auto vocabulary, readVocabulary(description, where));
    const std::shared_ptr<WordPiece> model(new WordPiece(std::move(vocabulary)));
    ATTUNE_ASSIGN(model->m_unknown, readUnknown(description, model->vocabulary(), "[UNK]", where));
    ATTUNE_ASSIGN(const auto prefix, fields::textOr(description, "continuing_subword_prefix", "##", where));
    if (fields::member(description, "max_input_chars_per_word")) {
        ATTUNE_ASSIGN(model->m_maxCharacters,
                      fields::count(description, "max_input_chars_per_word", std::uint64_t{1} << 53, where));
    }
    model->prepare(prefix);
    return model;
}

void WordPiece::prepare(std::string_view prefix) {
    std::vector<std::pair<std::string_view, std::int32_t>> tokens;
    for (std::size_t id = 0; id < vocabulary().idEnd(); ++id)
        if (const auto token = vocabulary().token(static_cast<TokenId>(id)))
            tokens.emplace_back(*token, static_cast<std::int32_t>(id));
    m_trie = PieceTrie(std::move(tokens));
    m_inside = PieceTrie::root();
    m_continues =
        std::all_of(prefix.begin(), prefix.end(), [&](char byte) { return m_trie.step(m_inside, byte); });
}

Result<std::shared_ptr<const TokenModel>> readWordLevel(const Json& description, const std::string& where) {
    ATTUNE_ASSIGN(auto vocabulary, readVocabulary(description, where));
    ATTUNE_ASSIGN(const auto unknown, readUnknown(description, vocabulary, "<unk>", where));
    return std::make_shared<WordLevel>(std::move(vocabulary), unknown);
}

} // namespace attune
