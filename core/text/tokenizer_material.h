// A tokenizer from a plain list of pieces with scores, as sentencepiece makes them. The reader of such a file fills
// TokenizerMaterial; buildTokenizer makes the tokenizer. Stateless; safe from any thread.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/text/tokenizer_config.h"
#include "core/text/vocabulary_piece.h"

namespace attune {

enum class PieceModel {
    SentencepieceBpe,     // pieces with scores, merged best score first
    SentencepieceUnigram, // pieces with log-probabilities
};

struct TokenizerMaterial {
    PieceModel model = PieceModel::SentencepieceBpe;
    std::vector<VocabularyPiece> pieces; // by id

    // How sentencepiece prepares a text.
    std::string charsmap; // precompiled_charsmap; "" for none
    bool addDummyPrefix = true, removeExtraWhitespaces = false, escapeWhitespaces = true, whitespaceAsSuffix = false;
    bool prefixFirstOnly = false; // no dummy prefix behind a control token

    // The config's bosToken, eosToken and padToken are taken from these ids where it has none.
    std::optional<TokenId> bos, eos, pad;
    std::optional<TokenId> unknown; // otherwise the first piece of that kind
    bool addBos = false, addEos = false; // where the config does not say
    TokenizerConfig config;              // may be empty
    std::string hash;                    // identity of all of it
};

/// `where` names the file in messages. Errors: InvalidData, Unsupported (named).
Result<std::shared_ptr<const Tokenizer>> buildTokenizer(TokenizerMaterial material, const std::string& where);

} // namespace attune
