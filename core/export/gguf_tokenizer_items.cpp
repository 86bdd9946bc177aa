#include <algorithm>
#include <cstdio>
#include <map>
#include <set>

#include "core/export/gguf_items.h"
#include "core/model_files/gguf_pre_tokenizers.h"
#include "core/text/tokenizer_files.h"

namespace attune {

namespace {

// "tokenizer.ggml.token_type"
constexpr std::int32_t kNormal = 1, kUnknown = 2, kControl = 3, kUserDefined = 4, kUnused = 5, kByte = 6;

tl::unexpected<Error> noExactForm(const std::string& what) {
    return fail(ErrorCode::Unsupported, "A GGUF file cannot express this model's tokenizer exactly: " + what, "Export the merged model instead.");
}

Json memberOr(const Json& object, const char* key, Json fallback = {}) {
    const auto found = object.is_object() ? object.find(key) : object.end();
    return found == object.end() ? fallback : *found;
}

bool isByteToken(const std::string& text) {
    return text.size() == 6 && text.starts_with("<0x") && text.ends_with(">");
}

struct Halves {
    std::string left, right;
};

Result<std::vector<Halves>> mergesOf(const Json& model) {
    std::vector<Halves> merges;
    for (const Json& merge : memberOr(model, "merges", Json::array())) {
        Halves halves;
        if (merge.is_string()) {
            const std::string text = merge.get<std::string>();
            const auto blank = text.find(' ');
            if (blank == std::string::npos)
                return noExactForm("a merge is not two tokens");
            halves = {text.substr(0, blank), text.substr(blank + 1)};
        } else if (merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string()) {
            halves = {merge[0].get<std::string>(), merge[1].get<std::string>()};
        } else {
            return noExactForm("a merge is not two tokens");
        }
        merges.push_back(std::move(halves));
    }
    return merges;
}

class TokenizerItems {
public:
    TokenizerItems(Json description, const Tokenizer& tokenizer, const ModelConfig& config)
        : m_description(std::move(description)), m_model(memberOr(m_description, "model")), m_tokenizer(tokenizer), m_config(config) {}

    Result<GgufItems> make() {
        if (memberOr(m_model, "type", "BPE") != "BPE")
            return noExactForm("it is of the kind " + memberOr(m_model, "type", "").dump());
        for (const char* key : {"continuing_subword_prefix", "end_of_word_suffix"})
            if (const Json value = memberOr(m_model, key); value.is_string() && !value.get<std::string>().empty())
                return noExactForm(std::string("its ") + key);
        ATTUNE_ASSIGN(m_merges, mergesOf(m_model));
        const bool pieces = memberOr(m_model, "byte_fallback", false) == Json(true);
        collectTokens(pieces);
        if (pieces) {
            ATTUNE_CHECK(addPieces());
        } else {
            ATTUNE_CHECK(addByteLevel());
        }
        addSpecialTokens();
        return std::move(m_items);
    }

private:
    void collectTokens(bool pieces) {
        std::set<TokenId> added;
        for (const Json& token : memberOr(m_description, "added_tokens", Json::array()))
            if (const Json id = memberOr(token, "id"); id.is_number_integer())
                added.insert(id.get<TokenId>());
        const Json vocab = memberOr(m_model, "vocab", Json::object()), unknown = memberOr(m_model, "unk_token");
        std::set<std::string> seen;
        for (std::int64_t id = 0; id < m_config.vocabularySize; ++id) {
            const auto token = static_cast<TokenId>(id);
            auto text = m_tokenizer.idToToken(token);
            std::int32_t type = kNormal;
            if (!text || text->empty() || seen.contains(*text)) {
                text = "[PAD" + std::to_string(id) + "]"; // llama.cpp wants every row to have a text of its own
                type = kUnused;
            } else if (unknown.is_string() && unknown.get<std::string>() == *text) {
                type = kUnknown;
            } else if (m_tokenizer.isSpecial(token)) {
                type = kControl;
            } else if (added.contains(token) || !vocab.contains(*text)) {
                type = kUserDefined;
            } else if (pieces && isByteToken(*text)) {
                type = kByte;
            }
            seen.insert(*text);
            m_types.push_back(type);
            m_tokens.push_back(std::move(*text));
        }
    }

    Status addByteLevel() {
        const auto pre = ggufPreTokenizerName(m_description);
        if (!pre)
            return noExactForm("llama.cpp has no name for the way it cuts words");
        std::vector<std::string> merges;
        for (const auto& [left, right] : m_merges) {
            if (left.find(' ') != std::string::npos || right.find(' ') != std::string::npos)
                return noExactForm("a merge holds blanks");
            merges.push_back(left + " " + right);
        }
        m_items.emplace_back("tokenizer.ggml.model", std::string("gpt2"));
        m_items.emplace_back("tokenizer.ggml.pre", *pre);
        m_items.emplace_back("tokenizer.ggml.tokens", m_tokens);
        m_items.emplace_back("tokenizer.ggml.token_type", m_types);
        m_items.emplace_back("tokenizer.ggml.merges", std::move(merges));
        return {};
    }

    // Sentencepiece's form has scores instead of merges: any two neighbours whose joint text is a token may become it, best score first.
    // That is the same as a list of merges exactly when the list has every such pair and those of one token stand together.
    Status addPieces() {
        ATTUNE_ASSIGN(const bool prefix, addsBlankInFront());
        std::map<std::string, std::size_t> ranks;
        std::set<std::pair<std::string_view, std::string_view>> listed;
        std::map<std::string_view, std::size_t> ids;
        for (std::size_t id = 0; id < m_tokens.size(); ++id)
            if (m_types[id] == kNormal)
                ids.emplace(m_tokens[id], id);
        const std::string* previous = nullptr;
        for (std::size_t rank = 0; rank < m_merges.size(); ++rank) {
            const auto& [left, right] = m_merges[rank];
            const auto found = ids.find(left + right);
            if (found == ids.end())
                continue; // an added token: found in the text before any merge
            listed.emplace(left, right);
            const std::string& token = m_tokens[found->second];
            if (!ranks.emplace(token, rank).second && previous != &token)
                return noExactForm("its merges do not follow an order of tokens");
            previous = &token;
        }
        for (const auto& [text, id] : ids)
            for (std::size_t cut = 1; cut < text.size(); ++cut)
                if (ids.contains(text.substr(0, cut)) && ids.contains(text.substr(cut)) && !listed.contains({text.substr(0, cut), text.substr(cut)}))
                    return noExactForm("it never joins \"" + std::string(text.substr(0, cut)) + "\" and \"" + std::string(text.substr(cut)) +
                                       "\", which scores cannot say");
        std::vector<float> scores;
        for (std::size_t id = 0; id < m_tokens.size(); ++id) {
            const auto rank = ranks.find(m_tokens[id]);
            scores.push_back(m_types[id] != kNormal ? 0.0f : -static_cast<float>(rank == ranks.end() ? m_merges.size() : rank->second));
        }
        m_items.emplace_back("tokenizer.ggml.model", std::string("llama"));
        m_items.emplace_back("tokenizer.ggml.pre", std::string("default"));
        m_items.emplace_back("tokenizer.ggml.tokens", m_tokens);
        m_items.emplace_back("tokenizer.ggml.scores", std::move(scores));
        m_items.emplace_back("tokenizer.ggml.token_type", m_types);
        m_items.emplace_back("tokenizer.ggml.add_space_prefix", prefix);
        return {};
    }

    // The normalizers and pre-tokenizers that sentencepiece's form stands for.
    Result<bool> addsBlankInFront() const {
        bool prefix = false, blanks = false;
        const Json normalizer = memberOr(m_description, "normalizer"), pre = memberOr(m_description, "pre_tokenizer");
        const Json steps = memberOr(normalizer, "type") == "Sequence" ? memberOr(normalizer, "normalizers") : normalizer.is_null() ? Json::array() : Json::array({normalizer});
        for (const Json& step : steps) {
            const bool prepend = memberOr(step, "type") == "Prepend" && memberOr(step, "prepend") == "\xE2\x96\x81";
            const bool replace = memberOr(step, "type") == "Replace" && memberOr(memberOr(step, "pattern"), "String") == " " && memberOr(step, "content") == "\xE2\x96\x81";
            if (!prepend && !replace)
                return noExactForm("its normalizer " + step.dump().substr(0, 120));
            prefix = prefix || prepend, blanks = blanks || replace;
        }
        if (memberOr(pre, "type") == "Metaspace") {
            const Json scheme = memberOr(pre, "prepend_scheme", memberOr(pre, "add_prefix_space", true) == Json(true) ? "always" : "never");
            if (scheme == "first")
                return noExactForm("a blank only at the beginning of a text (prepend_scheme \"first\")");
            prefix = scheme == "always", blanks = true;
        } else if (!pre.is_null() && !(memberOr(pre, "type") == "Split" && memberOr(memberOr(pre, "pattern"), "String") == " ")) {
            return noExactForm("its pre-tokenizer " + pre.dump().substr(0, 120));
        }
        if (!blanks)
            return noExactForm("it does not write blanks as U+2581");
        return prefix;
    }

    void addId(const char* key, const std::optional<TokenId>& id) {
        if (id && *id >= 0 && *id < m_config.vocabularySize)
            m_items.emplace_back(std::string("tokenizer.ggml.") + key, static_cast<std::uint32_t>(*id));
    }

    void addSpecialTokens() {
        const auto configured = [&](const std::optional<std::int64_t>& id) { return id ? std::optional(static_cast<TokenId>(*id)) : std::nullopt; };
        const auto bos = m_tokenizer.bosId() ? m_tokenizer.bosId() : configured(m_config.bosId);
        auto eos = m_tokenizer.eosId();
        if (!eos && !m_config.eosIds.empty())
            eos = static_cast<TokenId>(m_config.eosIds.front());
        // Where generation has more than one end, the others end a turn ("<|eot_id|>") or a tool call ("<|eom_id|>").
        std::optional<TokenId> turn, message;
        for (const std::int64_t id : m_config.eosIds) {
            const auto token = static_cast<TokenId>(id);
            auto& place = m_tokenizer.idToToken(token) == "<|eom_id|>" ? message : turn;
            if (token != eos && (!place || m_tokenizer.idToToken(token) == "<|eot_id|>"))
                place = token;
        }
        const Json unknown = memberOr(m_model, "unk_token");
        addId("bos_token_id", bos);
        addId("eos_token_id", eos);
        addId("eot_token_id", turn);
        addId("eom_token_id", message);
        addId("unknown_token_id", unknown.is_string() ? m_tokenizer.tokenToId(unknown.get<std::string>()) : std::nullopt);
        addId("padding_token_id", m_tokenizer.padId() ? m_tokenizer.padId() : configured(m_config.padId));
        const auto framed = m_tokenizer.encode("", {.addSpecialTokens = true});
        m_items.emplace_back("tokenizer.ggml.add_bos_token", m_tokenizer.addsBos());
        m_items.emplace_back("tokenizer.ggml.add_eos_token", framed && eos && !framed->ids.empty() && framed->ids.back() == *eos && framed->ids.size() > (m_tokenizer.addsBos() ? 1u : 0u));
        if (!m_tokenizer.chatTemplate().empty())
            m_items.emplace_back("tokenizer.chat_template", m_tokenizer.chatTemplate());
    }

    Json m_description, m_model;
    const Tokenizer& m_tokenizer;
    const ModelConfig& m_config;
    std::vector<Halves> m_merges;
    std::vector<std::string> m_tokens;
    std::vector<std::int32_t> m_types;
    GgufItems m_items;
};

// A base that is a GGUF file itself: its vocabulary as it is.
GgufItems carriedItems(const GgufFile& file) {
    GgufItems items;
    for (const auto& [key, value] : file.metadata()) {
        if (!key.starts_with("tokenizer."))
            continue;
        if (const auto* flag = std::get_if<bool>(&value))
            items.emplace_back(key, *flag);
        else if (const auto* number = std::get_if<std::int64_t>(&value))
            items.emplace_back(key, static_cast<std::uint32_t>(*number));
        else if (const auto* real = std::get_if<double>(&value))
            items.emplace_back(key, static_cast<float>(*real));
        else if (const auto* text = std::get_if<std::string>(&value))
            items.emplace_back(key, *text);
        else if (const auto* texts = std::get_if<std::vector<std::string>>(&value))
            items.emplace_back(key, *texts);
        else if (const auto* numbers = std::get_if<std::vector<std::int64_t>>(&value))
            items.emplace_back(key, std::vector<std::int32_t>(numbers->begin(), numbers->end()));
        else if (const auto* reals = std::get_if<std::vector<double>>(&value))
            items.emplace_back(key, std::vector<float>(reals->begin(), reals->end()));
    }
    return items;
}

} // namespace

Result<GgufItems> ggufTokenizerItems(const ModelSource& base, const Tokenizer& tokenizer, const ModelConfig& config) {
    if (base.gguf())
        return carriedItems(*base.gguf());
    ATTUNE_ASSIGN(Json description, readTokenizerDescription(base.folder()));
    return TokenizerItems(std::move(description), tokenizer, config).make();
}

} // namespace attune
