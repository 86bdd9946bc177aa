// The part of a tokenizer that turns pieces of text into ids: BPE, Unigram, WordPiece. One file each; readTokenModel
// (token_model.cpp) has one line per kind. Immutable after loading; safe from any thread.
#pragma once

#include <memory>
#include <vector>

#include "core/text/pre_tokenizers.h"
#include "core/text/vocabulary.h"

namespace attune {

class TokenModel {
public:
    explicit TokenModel(Vocabulary vocabulary) : m_vocabulary(std::move(vocabulary)) {}
    virtual ~TokenModel() = default;

    /// Appends ids and offsets. `avoided` (may be null, by id) names control tokens that this text must not become,
    /// however it is spelled. Errors: InvalidData.
    virtual Status tokenize(Pieces& pieces, const std::vector<bool>* avoided, Encoding& out) const = 0;
    /// The id for what the model does not know; never avoided.
    virtual std::optional<TokenId> unknownId() const { return std::nullopt; }

    const Vocabulary& vocabulary() const { return m_vocabulary; }

private:
    Vocabulary m_vocabulary;
};

/// Errors: InvalidData, Unsupported (a type we do not know, named).
Result<std::shared_ptr<const TokenModel>> readTokenModel(const Json& description, const std::string& where);

} // namespace attune
