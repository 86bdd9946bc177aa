// WordPiece (Schuster and Nakajima 2012; BERT): a word is cut from the left, each time at the longest token that fits.
// Immutable after loading; safe from any thread.
#pragma once

#include "core/text/piece_trie.h"
#include "core/text/token_model.h"

namespace attune {

class WordPiece final : public TokenModel {
public:
    /// From the "model" of a tokenizer.json. Errors: InvalidData.
    static Result<std::shared_ptr<const TokenModel>> read(const Json& description, const std::string& where);

    Status tokenize(Pieces& pieces, const std::vector<bool>* avoided, Encoding& out) const override;
    std::optional<TokenId> unknownId() const override { return m_unknown; }

private:
    explicit WordPiece(Vocabulary vocabulary) : TokenModel(std::move(vocabulary)) {}
    void prepare(std::string_view prefix);
    bool cut(std::string_view word, const std::vector<bool>* avoided,
             std::vector<std::pair<TokenId, std::uint32_t>>& parts) const;

    PieceTrie m_trie;
    PieceTrie::Node m_inside; // where the continuing_subword_prefix leads
    bool m_continues = false; // some token begins with the prefix
    std::optional<TokenId> m_unknown;
    std::uint64_t m_maxCharacters = 100; // longer words are unknown
};

/// "WordLevel": a piece is a token or unknown. Errors: InvalidData.
Result<std::shared_ptr<const TokenModel>> readWordLevel(const Json& description, const std::string& where);

} // namespace attune
