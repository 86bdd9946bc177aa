// The unigram language model of sentencepiece (Kudo 2018): of all ways to cut a text into pieces the one of highest
// probability, by Viterbi's algorithm in one pass. Immutable after loading; safe from any thread.
#pragma once

#include <array>

#include "core/text/piece_trie.h"
#include "core/text/token_model.h"
#include "core/text/vocabulary_piece.h"

namespace attune {

class Unigram final : public TokenModel {
public:
    /// From the "model" of a tokenizer.json. Errors: InvalidData.
    static Result<std::shared_ptr<const TokenModel>> read(const Json& description, const std::string& where);
    /// From the pieces of a sentencepiece model, which counts with 32 bits, knows pieces that always win (user-defined) and
    /// such that never match. Errors: InvalidData.
    static Result<std::shared_ptr<const TokenModel>> fromPieces(const std::vector<VocabularyPiece>& pieces,
                                                                std::optional<TokenId> unknown,
                                                                const std::string& where);

    Status tokenize(Pieces& pieces, const std::vector<bool>* avoided, Encoding& out) const override;
    std::optional<TokenId> unknownId() const override { return m_unknown; }

private:
    class Run; // one call's state
    enum class Arithmetic { Double, Sentencepiece };
    explicit Unigram(Vocabulary vocabulary) : TokenModel(std::move(vocabulary)) {}
    void prepare(const std::vector<bool>& matches);

    PieceTrie m_trie;
    std::vector<double> m_scores; // by id: log-probability
    std::vector<bool> m_always;   // by id: user-defined, only with Arithmetic::Sentencepiece
    double m_unknownScore = 0, m_maxScore = 0;
    std::optional<TokenId> m_unknown;
    bool m_byteFallback = false;
    std::array<TokenId, 256> m_fallbackIds{}; // <0x00>...<0xFF>, or -1
    Arithmetic m_arithmetic = Arithmetic::Double;
};

} // namespace attune
