// Byte-pair encoding in both kinds: over bytes (GPT-2, Llama-3, Qwen) and over characters with byte fallback (Llama-2,
// Gemma). Immutable after loading; safe from any thread.
#pragma once

#include <array>

#include "core/text/pair_map.h"
#include "core/text/token_model.h"
#include "core/text/vocabulary_piece.h"
#include "core/text/word_cache.h"

namespace attune {

class Bpe final : public TokenModel {
public:
    /// From the "model" of a tokenizer.json. Errors: InvalidData (a merge of tokens the vocabulary lacks, ...),
    /// Unsupported.
    static Result<std::shared_ptr<const TokenModel>> read(const Json& description, const std::string& where);

    /// From pieces with scores: of all neighbours that make a piece, those of the best piece are joined, leftmost first
    /// (sentencepiece). Errors: InvalidData, Unsupported (pieces that cannot be built from pairs of pieces).
    static Result<std::shared_ptr<const TokenModel>> fromScores(const std::vector<VocabularyPiece>& pieces,
                                                                std::optional<TokenId> unknown,
                                                                const std::string& where);

    Status tokenize(Pieces& pieces, const std::vector<bool>* avoided, Encoding& out) const override;
    std::optional<TokenId> unknownId() const override { return m_unknown; }

private:
    class Run; // one call's state
    explicit Bpe(Vocabulary vocabulary) : TokenModel(std::move(vocabulary)) {}
    Status readOptions(const Json& description, const std::string& where);
    Status readMerges(const Json& description, const std::string& where);
    Status addMerge(std::size_t rank, std::string_view left, std::string_view right, std::vector<TokenId>& results,
                    const std::string& where);
    bool isBlocked(TokenId id) const { return !m_blocked.empty() && m_blocked[static_cast<std::size_t>(id)]; }
    void prepareBytes();
    void prepareCuts(const std::vector<TokenId>& results);

    PairMap m_merges;
    std::optional<TokenId> m_unknown;
    std::vector<bool> m_blocked; // by id: pieces that no text becomes (control, bytes ...); empty for none
    std::string m_prefix, m_suffix; // continuing_subword_prefix, end_of_word_suffix
    bool m_fuseUnknown = false, m_byteFallback = false, m_wholeWords = false; // m_wholeWords: "ignore_merges"
    std::array<TokenId, 256> m_fallbackIds{};                                 // <0x00>...<0xFF>, or -1
    std::array<TokenId, 128> m_asciiIds{};                                    // one-character tokens, or -1
    std::array<TokenId, 256> m_byteIds{};                                     // tokens of the byte-level alphabet
    bool m_byteLevel = false;  // all 256 of them exist: raw bytes can be tokenised as they are
    Vocabulary m_rawWords;     // raw bytes of byte-level tokens, for m_wholeWords
    bool m_cutsAtMark = false; // no merge reaches over the place before a U+2581: words can be done one by one
    mutable WordCachePool m_caches;
};

} // namespace attune
