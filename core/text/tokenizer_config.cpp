#include "core/text/tokenizer_config.h"

#include <algorithm>
#include <charconv>

#include "core/text/json_fields.h"

namespace attune {

namespace {

constexpr std::uint64_t kMaxConfigBytes = 64u << 20;
constexpr std::size_t kMaxTemplates = 64;

// A token is written as text or as an object with "content".
Result<std::string> tokenText(const Json& object, const char* key, const std::string& where) {
    const Json* value = fields::member(object, key);
    if (!value)
        return std::string();
    if (value->is_object())
        return fields::text(*value, "content", where + "." + key);
    return fields::text(object, key, where);
}

Result<std::optional<bool>> optionalFlag(const Json& object, const char* key, const std::string& where) {
    if (!fields::member(object, key))
        return std::optional<bool>();
    ATTUNE_ASSIGN(const bool value, fields::flag(object, key, false, where));
    return std::optional<bool>(value);
}

Status readAddedTokens(const Json& object, TokenizerConfig& config, const std::string& where) {
    const Json* tokens = fields::member(object, "added_tokens_decoder");
    if (!tokens)
        return {};
    if (!tokens->is_object())
        return fields::broken(where, "\"added_tokens_decoder\" must be an object");
    for (const auto& [key, description] : tokens->items()) {
        const std::string here = where + ".added_tokens_decoder." + key.substr(0, 20);
        std::uint64_t id = 0;
        const auto [end, code] = std::from_chars(key.data(), key.data() + key.size(), id);
        if (code != std::errc() || end != key.data() + key.size())
            return fields::broken(here, "the key must be a token id");
        ATTUNE_ASSIGN(auto token, AddedToken::read(description, id, here));
        config.addedTokens.push_back(std::move(token));
    }
    return {};
}

Result<std::string> readOptional(const fs::path& path, std::string& hashes) {
    std::error_code code;
    if (!fs::exists(path, code))
        return std::string();
    ATTUNE_ASSIGN(auto text, readFile(path, kMaxConfigBytes));
    hashes += path.filename().string() + hashBytes(text);
    return text;
}

} // namespace

// special_tokens_map.json says the same where tokenizer_config.json does not.
Status TokenizerConfig::readTokens(const Json& object, const std::string& where) {
    const std::pair<std::string*, const char*> tokens[] = {
        {&bosToken, "bos_token"}, {&eosToken, "eos_token"}, {&padToken, "pad_token"},  {&unkToken, "unk_token"},
        {&clsToken, "cls_token"}, {&sepToken, "sep_token"}, {&maskToken, "mask_token"}};
    for (const auto& [token, key] : tokens)
        if (token->empty()) {
            ATTUNE_ASSIGN(*token, tokenText(object, key, where));
        }
    // A list of tokens, or names and tokens (transformers 4.48 and later write the latter under "extra_special_tokens").
    for (const char* key : {"additional_special_tokens", "extra_special_tokens"}) {
        const Json* more = fields::member(object, key);
        if (!more)
            continue;
        if (!more->is_array() && !more->is_object())
            return fields::broken(where, std::string("\"") + key + "\" must be a list");
        for (const auto& [name, value] : more->items()) {
            const std::string here = where + "." + key;
            const Json holder{{"token", value}};
            ATTUNE_ASSIGN(auto token, tokenText(holder, "token", here));
            if (more->is_object())
                extraTokens.emplace_back(name, std::move(token));
            else if (std::find(additionalTokens.begin(), additionalTokens.end(), token) == additionalTokens.end())
                additionalTokens.push_back(std::move(token));
        }
    }
    return {};
}

// One text, or named ones as a list of {"name", "template"} or as an object.
Status TokenizerConfig::readTemplates(const Json& object, const std::string& where) {
    const Json* value = fields::member(object, "chat_template");
    if (!value)
        return {};
    chatTemplate.clear();
    namedTemplates.clear();
    const auto add = [&](std::string name, std::string source) {
        if (name == "default")
            chatTemplate = std::move(source);
        else
            namedTemplates.emplace_back(std::move(name), std::move(source));
    };
    if (value->is_object()) {
        for (const auto& [name, source] : value->items()) {
            ATTUNE_ASSIGN(auto text, fields::text(*value, name.c_str(), where + ".chat_template"));
            add(name, std::move(text));
        }
        return {};
    }
    if (!value->is_array()) {
        ATTUNE_ASSIGN(chatTemplate, fields::text(object, "chat_template", where));
        return {};
    }
    for (std::size_t i = 0; i < value->size(); ++i) {
        const std::string here = where + ".chat_template[" + std::to_string(i) + "]";
        ATTUNE_ASSIGN(auto name, fields::text((*value)[i], "name", here));
        ATTUNE_ASSIGN(auto source, fields::text((*value)[i], "template", here));
        add(std::move(name), std::move(source));
    }
    return {};
}

// chat_template.jinja is the default and additional_chat_templates/NAME.jinja the others; where any of them is there, they count and
// tokenizer_config.json does not, as in transformers. chat_template.json was written for models with pictures; it helps out where
// nothing else says a template.
Status TokenizerConfig::readTemplateFiles(const fs::path& folder) {
    std::error_code code;
    std::vector<fs::path> more;
    for (fs::directory_iterator entry(folder / "additional_chat_templates", code); !code && entry != fs::directory_iterator(); entry.increment(code))
        if (entry->path().extension() == ".jinja" && more.size() < kMaxTemplates)
            more.push_back(entry->path());
    std::sort(more.begin(), more.end());
    ATTUNE_ASSIGN(auto source, readOptional(folder / "chat_template.jinja", hashes));
    if (!source.empty() || !more.empty()) {
        chatTemplate = std::move(source);
        namedTemplates.clear();
    }
    for (const fs::path& file : more) {
        ATTUNE_ASSIGN(auto text, readOptional(file, hashes));
        if (file.stem() == "default")
            chatTemplate = std::move(text);
        else
            namedTemplates.emplace_back(file.stem().string(), std::move(text));
    }
    if (!chatTemplate.empty() || !namedTemplates.empty())
        return {};
    const fs::path file = folder / "chat_template.json";
    ATTUNE_ASSIGN(const auto text, readOptional(file, hashes));
    if (text.empty())
        return {};
    ATTUNE_ASSIGN(const Json object, parseJson(text, file.string()));
    return readTemplates(object, file.string());
}

Status TokenizerConfig::readFrom(const Json& object, const std::string& where) {
    ATTUNE_CHECK(readTokens(object, where));
    ATTUNE_ASSIGN(tokenizerClass, fields::textOr(object, "tokenizer_class", "", where));
    ATTUNE_ASSIGN(addBos, optionalFlag(object, "add_bos_token", where));
    ATTUNE_ASSIGN(addEos, optionalFlag(object, "add_eos_token", where));
    ATTUNE_ASSIGN(addPrefixSpace, optionalFlag(object, "add_prefix_space", where));
    ATTUNE_ASSIGN(legacy, optionalFlag(object, "legacy", where));
    ATTUNE_ASSIGN(lowercase, optionalFlag(object, "do_lower_case", where));
    ATTUNE_ASSIGN(stripAccents, optionalFlag(object, "strip_accents", where));
    ATTUNE_ASSIGN(tokenizeChinese, optionalFlag(object, "tokenize_chinese_chars", where));
    if (fields::member(object, "extra_ids")) {
        ATTUNE_ASSIGN(extraIds, fields::count(object, "extra_ids", 10000, where));
    }
    ATTUNE_CHECK(readTemplates(object, where));
    return readAddedTokens(object, *this, where);
}

Result<TokenizerConfig> TokenizerConfig::read(const fs::path& folder) {
    TokenizerConfig config;
    for (const char* name : {"tokenizer_config.json", "special_tokens_map.json"}) {
        ATTUNE_ASSIGN(const auto text, readOptional(folder / name, config.hashes));
        if (text.empty())
            continue;
        const std::string where = (folder / name).string();
        ATTUNE_ASSIGN(const Json object, parseJson(text, where));
        if (std::string_view(name) == "tokenizer_config.json") {
            ATTUNE_CHECK(config.readFrom(object, where));
        } else {
            ATTUNE_CHECK(config.readTokens(object, where));
        }
    }
    ATTUNE_CHECK(config.readTemplateFiles(folder));
    return config;
}

} // namespace attune
