// A model's tokenizer, exactly as its files define it. Immutable after loading; safe to use from any thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/json.h"
#include "core/base/result.h"

namespace attune {

using TokenId = std::int32_t;

struct ByteSpan {
    std::size_t begin = 0, end = 0; // bytes of the input text
};

struct Encoding {
    std::vector<TokenId> ids;
    std::vector<ByteSpan> offsets; // one per id; empty span for tokens the post-processor added
};

struct EncodeOptions {
    bool addSpecialTokens = false; // what the post-processor adds (BOS ...)
    // false: text that spells a control token is tokenised as ordinary text (message content, never trusted)
    bool parseSpecialTokens = true;
};

class Tokenizer {
public:
    virtual ~Tokenizer() = default;

    /// Reads tokenizer.json (or a sentencepiece model, vocab.json + merges.txt, vocab.txt) and tokenizer_config.json of a Hugging Face
    /// folder, or the vocabulary of a GGUF file. Errors: NotFound, InvalidData (broken file, with the field), Unsupported (a component
    /// we do not know, named).
    static Result<std::shared_ptr<const Tokenizer>> load(const std::filesystem::path& model);

    /// Errors: InvalidData when the text is not valid UTF-8 or a pattern gave up.
    virtual Result<Encoding> encode(std::string_view text, const EncodeOptions& options = {}) const = 0;
    /// Unknown ids are skipped. Incomplete UTF-8 becomes U+FFFD.
    virtual std::string decode(const std::vector<TokenId>& ids, bool skipSpecialTokens = true) const = 0;
    /// The bytes one token stands for when it continues a text (streaming: bytes may be part of a character).
    virtual std::string tokenBytes(TokenId id) const = 0;

    virtual std::size_t vocabularySize() const = 0; // highest id + 1, added tokens included
    virtual std::optional<TokenId> tokenToId(std::string_view token) const = 0;
    virtual std::optional<std::string> idToToken(TokenId id) const = 0;
    virtual bool isSpecial(TokenId id) const = 0;

    // From tokenizer_config.json; absent when the model names none.
    virtual std::optional<TokenId> bosId() const = 0;
    virtual std::optional<TokenId> eosId() const = 0;
    virtual std::optional<TokenId> padId() const = 0;
    virtual std::string bosToken() const = 0; // "" when absent; chat templates read these
    virtual std::string eosToken() const = 0;
    virtual bool addsBos() const = 0; // whether encode(addSpecialTokens) starts with BOS
    /// The chat template's source ("" when the model has none): the one named "default" where there are several.
    virtual const std::string& chatTemplate() const = 0;
    /// The templates with other names, such as "tool_use" (name, source).
    virtual std::vector<std::pair<std::string, std::string>> namedChatTemplates() const { return {}; }
    /// What Hugging Face passes to chat templates: "bos_token", "pad_token", ... each with its text, and the list
    /// "additional_special_tokens". Only those the model names.
    virtual OrderedJson specialTokens() const = 0;
    /// Identity of vocabulary, merges and configuration; keys the token caches.
    virtual const std::string& hash() const = 0;
};

} // namespace attune
