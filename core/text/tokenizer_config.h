// What tokenizer_config.json (and the small files beside it) say about a tokenizer. Plain data.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "core/text/added_tokens.h"

namespace attune {

struct TokenizerConfig {
    std::string bosToken, eosToken, padToken; // "" when the model names none
    std::string unkToken, clsToken, sepToken, maskToken;
    std::string tokenizerClass;
    std::vector<std::string> additionalTokens;                        // additional_special_tokens
    std::vector<std::pair<std::string, std::string>> extraTokens;     // of one model only: "image_token" and its text
    std::string chatTemplate;                                         // the one named "default" where there are several
    std::vector<std::pair<std::string, std::string>> namedTemplates;  // the others: name, source
    std::optional<bool> addBos, addEos, addPrefixSpace;
    std::optional<bool> legacy;                                    // LlamaTokenizer: false, no blank behind a token
    std::optional<bool> lowercase, stripAccents, tokenizeChinese;  // BertTokenizer
    std::uint64_t extraIds = 100;                                  // T5Tokenizer: <extra_id_0>...
    std::vector<AddedToken> addedTokens; // added_tokens_decoder
    std::string hashes;                  // of the files that were read

    /// Every file is optional. Errors: InvalidData, Io.
    static Result<TokenizerConfig> read(const std::filesystem::path& folder);
    /// Takes what a tokenizer_config.json says into this; `where` names it. Errors: InvalidData.
    Status readFrom(const Json& object, const std::string& where);

private:
    Status readTokens(const Json& object, const std::string& where);
    Status readTemplates(const Json& object, const std::string& where);
    Status readTemplateFiles(const std::filesystem::path& folder);
};

} // namespace attune
