// The tokenizer that tokenizer.json describes: added tokens, normalizer, pre-tokenizer, model, post-processor, decoder
// in a row. Immutable after loading; safe from any thread. Reading the files is tokenizer_load.cpp's work.
#pragma once

#include <memory>

#include "core/text/added_tokens.h"
#include "core/text/decoders.h"
#include "core/text/post_processor.h"
#include "core/text/token_model.h"
#include "core/text/tokenizer_config.h"

namespace attune {

struct TokenizerParts {
    AddedTokens added;
    std::shared_ptr<const Normalizer> normalizer;     // may be null
    std::shared_ptr<const PreTokenizer> preTokenizer; // may be null
    std::shared_ptr<const TokenModel> model;
    AddedFrame frame;
    std::shared_ptr<const Decoder> decoder; // may be null
    TokenizerConfig config;
    std::string hash;
};

class HfTokenizer final : public Tokenizer {
public:
    explicit HfTokenizer(TokenizerParts parts);

    Result<Encoding> encode(std::string_view text, const EncodeOptions& options) const override;
    std::string decode(const std::vector<TokenId>& ids, bool skipSpecialTokens) const override;
    std::string tokenBytes(TokenId id) const override;
    std::size_t vocabularySize() const override { return m_special.size(); }
    std::optional<TokenId> tokenToId(std::string_view token) const override;
    std::optional<std::string> idToToken(TokenId id) const override;
    bool isSpecial(TokenId id) const override;
    std::optional<TokenId> bosId() const override { return m_bos; }
    std::optional<TokenId> eosId() const override { return m_eos; }
    std::optional<TokenId> padId() const override { return m_pad; }
    std::string bosToken() const override { return m_parts.config.bosToken; }
    std::string eosToken() const override { return m_parts.config.eosToken; }
    bool addsBos() const override;
    const std::string& chatTemplate() const override { return m_parts.config.chatTemplate; }
    std::vector<std::pair<std::string, std::string>> namedChatTemplates() const override { return m_parts.config.namedTemplates; }
    OrderedJson specialTokens() const override;
    const std::string& hash() const override { return m_parts.hash; }

private:
    Status encodeText(AlignedText text, bool parseSpecial, Encoding& out) const;
    Status encodePiece(AlignedText text, bool parseSpecial, Encoding& out) const;

    TokenizerParts m_parts;
    std::vector<bool> m_special; // by id
    std::vector<bool> m_avoided; // special, except what stands for "unknown"
    std::optional<TokenId> m_bos, m_eos, m_pad;
};

} // namespace attune
