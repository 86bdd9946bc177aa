#include <algorithm>
#include <cmath>
#include <unordered_map>

#include "core/model_files/gguf_model.h"
#include "core/model_files/gguf_pre_tokenizers.h"

namespace attune {

namespace {

constexpr std::size_t kMaxTokens = std::size_t{1} << 22;
constexpr std::size_t kMaxPieceBytes = 512; // of sentencepiece's tokens; the longest known has some 90
constexpr const char* kBlank = "\xE2\x96\x81"; // U+2581, sentencepiece's blank

// "tokenizer.ggml.token_type"
enum class TokenKind : std::int64_t { Normal = 1, Unknown = 2, Control = 3, UserDefined = 4, Unused = 5, Byte = 6 };

// Texts of the file become JSON, which must be UTF-8.
bool isUtf8(std::string_view text) {
    for (std::size_t at = 0; at < text.size();) {
        const auto lead = static_cast<unsigned char>(text[at]);
        const std::size_t size = lead < 0x80 ? 1 : lead >= 0xC2 && lead < 0xE0 ? 2 : lead >= 0xE0 && lead < 0xF0 ? 3 : lead >= 0xF0 && lead < 0xF5 ? 4 : 0;
        if (size == 0 || size > text.size() - at)
            return false;
        for (std::size_t i = 1; i < size; ++i) {
            const auto next = static_cast<unsigned char>(text[at + i]);
            // The second byte must not make an overlong form, a surrogate, or a code point beyond U+10FFFF.
            const unsigned low = i > 1 ? 0x80 : lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
            const unsigned high = i > 1 ? 0xBF : lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
            if (next < low || next > high)
                return false;
        }
        at += size;
    }
    return true;
}

class TokenizerWriter {
public:
    explicit TokenizerWriter(const GgufFile& file) : m_file(file) {}

    Result<GgufTokenizerFiles> write() {
        ATTUNE_ASSIGN(const auto kind, m_file.text("tokenizer.ggml.model"));
        ATTUNE_ASSIGN(m_tokens, m_file.texts("tokenizer.ggml.tokens"));
        if (!kind || !m_tokens || m_tokens->empty())
            return fail(ErrorCode::NotFound, m_file.path().string() + ": it holds no vocabulary (tokenizer.ggml.tokens)",
                        "Choose a GGUF file with its tokenizer in it.");
        if (m_tokens->size() > kMaxTokens)
            return m_file.broken("key \"tokenizer.ggml.tokens\" lists " + std::to_string(m_tokens->size()) + " tokens");
        m_kind = *kind;
        ATTUNE_CHECK(readKinds());
        ATTUNE_CHECK(readIds());
        if (m_kind == "gpt2") {
            ATTUNE_CHECK(writeByteLevel());
        } else if (m_kind == "llama") {
            ATTUNE_CHECK(writeSentencePiece());
        } else if (m_kind == "bert") {
            ATTUNE_CHECK(writeWordPiece());
        } else {
            return m_file.unsupported("the vocabulary kind \"" + m_kind.substr(0, 60) + "\" is not known here",
                                      "Use the original model in Hugging Face layout.");
        }
        writeAddedTokens();
        writeFrame();
        m_out.tokenizer["version"] = "1.0";
        ATTUNE_CHECK(writeConfig());
        return std::move(m_out);
    }

private:
    Status readKinds() {
        ATTUNE_ASSIGN(const auto* kinds, m_file.integers("tokenizer.ggml.token_type"));
        if (kinds && kinds->size() != m_tokens->size())
            return m_file.broken("key \"tokenizer.ggml.token_type\" has " + std::to_string(kinds->size()) + " entries for " +
                                 std::to_string(m_tokens->size()) + " tokens");
        m_kinds.assign(m_tokens->size(), TokenKind::Normal);
        for (std::size_t i = 0; kinds && i < kinds->size(); ++i)
            m_kinds[i] = static_cast<TokenKind>((*kinds)[i]);
        return {};
    }

    Result<std::optional<std::size_t>> special(const char* key, std::optional<std::size_t> fallback) const {
        ATTUNE_ASSIGN(const auto id, m_file.count(std::string("tokenizer.ggml.") + key, INT32_MAX));
        const auto found = id ? std::optional(static_cast<std::size_t>(*id)) : fallback;
        if (found && *found >= m_tokens->size())
            return id ? Result<std::optional<std::size_t>>(m_file.broken(std::string("key \"tokenizer.ggml.") + key + "\" is no token of the vocabulary"))
                      : std::optional<std::size_t>();
        return found;
    }

    // The defaults are llama.cpp's for each kind; for byte-level vocabularies it has none that mean something.
    Status readIds() {
        using Id = std::optional<std::size_t>;
        const bool pieces = m_kind == "llama", words = m_kind == "bert";
        ATTUNE_ASSIGN(m_bos, special("bos_token_id", pieces ? Id(1) : words ? Id(101) : Id()));
        ATTUNE_ASSIGN(m_eos, special("eos_token_id", pieces ? Id(2) : Id()));
        ATTUNE_ASSIGN(m_unknown, special("unknown_token_id", pieces ? Id(0) : words ? Id(100) : Id()));
        ATTUNE_ASSIGN(m_pad, special("padding_token_id", words ? Id(0) : Id()));
        ATTUNE_ASSIGN(m_separator, special("seperator_token_id", words ? Id(102) : Id())); // the format's own spelling
        ATTUNE_ASSIGN(const auto addBos, m_file.flag("tokenizer.ggml.add_bos_token"));
        ATTUNE_ASSIGN(const auto addEos, m_file.flag("tokenizer.ggml.add_eos_token"));
        m_addBos = addBos.value_or(pieces || words);
        m_saysBos = addBos.has_value();
        m_addEos = addEos.value_or(false);
        return {};
    }

    // As llama.cpp reads it: an empty token gets a name of its own; of two equal ones the later counts.
    std::string tokenText(std::size_t id) const {
        const std::string& text = (*m_tokens)[id];
        return text.empty() ? "[EMPTY_" + std::to_string(id) + "]" : text;
    }

    Json vocabulary() const {
        Json vocab = Json::object();
        for (std::size_t id = 0; id < m_tokens->size(); ++id)
            vocab[tokenText(id)] = id;
        return vocab;
    }

    Status writeByteLevel() {
        ATTUNE_ASSIGN(const auto* merges, m_file.texts("tokenizer.ggml.merges"));
        if (!merges)
            return m_file.broken("key \"tokenizer.ggml.merges\" is missing");
        ATTUNE_ASSIGN(const auto name, m_file.text("tokenizer.ggml.pre"));
        ATTUNE_ASSIGN(const auto architecture, m_file.text("general.architecture"));
        const std::string wanted = name ? *name : architecture == "gpt2" ? "gpt-2" : "";
        const auto pre = ggufPreTokenizer(wanted);
        if (!pre)
            return m_file.unsupported(wanted.empty() ? "key \"tokenizer.ggml.pre\" is missing: how words are cut is not known"
                                                     : "key \"tokenizer.ggml.pre\": the pre-tokenizer \"" + wanted.substr(0, 60) + "\" is not known here",
                                      "Convert the model again with a current llama.cpp, or use the original in Hugging Face layout.");
        Json& tokenizer = m_out.tokenizer;
        tokenizer["normalizer"] = pre->normalizer;
        tokenizer["pre_tokenizer"] = pre->preTokenizer;
        tokenizer["decoder"] = {{"type", "ByteLevel"}, {"add_prefix_space", true}, {"trim_offsets", true}, {"use_regex", true}};
        // A merge may have a blank in its right half only where the token has one; the halves are told apart at the first blank after
        // the first character, as llama.cpp does.
        Json list = Json::array();
        for (std::size_t i = 0; i < merges->size(); ++i) {
            const std::string& merge = (*merges)[i];
            const auto blank = merge.find(' ', 1);
            if (blank == std::string::npos || blank + 1 == merge.size())
                return m_file.broken("key \"tokenizer.ggml.merges\"[" + std::to_string(i) + "] is not two tokens with a blank between them");
            list.push_back({merge.substr(0, blank), merge.substr(blank + 1)});
        }
        tokenizer["model"] = {{"type", "BPE"},
                              {"unk_token", nullptr},
                              {"byte_fallback", false},
                              {"ignore_merges", pre->wholeWords},
                              {"vocab", vocabulary()},
                              {"merges", std::move(list)}};
        if (!m_saysBos)
            m_addBos = pre->addsBos;
        return {};
    }

    // Sentencepiece's BPE joins the two neighbours whose joint token has the best score. As merges: every way to cut a token into two
    // others, ordered by the token's score.
    Status writeSentencePiece() {
        ATTUNE_ASSIGN(const std::vector<double> scores, m_file.numbers("tokenizer.ggml.scores"));
        if (scores.size() != m_tokens->size())
            return m_file.broken("key \"tokenizer.ggml.scores\" has " + std::to_string(scores.size()) + " entries for " +
                                 std::to_string(m_tokens->size()) + " tokens");
        std::unordered_map<std::string_view, std::size_t> ids;
        for (std::size_t id = 0; id < m_tokens->size(); ++id) {
            if (!mergeable(id))
                continue;
            if (!std::isfinite(scores[id]) || (*m_tokens)[id].size() > kMaxPieceBytes)
                return m_file.broken("token " + std::to_string(id) + " has no finite score or is impossibly long");
            ids[(*m_tokens)[id]] = id;
        }
        std::vector<std::size_t> order;
        for (const auto& [text, id] : ids)
            order.push_back(id);
        std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return std::pair(-scores[a], a) < std::pair(-scores[b], b); });
        Json merges = Json::array();
        for (const std::size_t id : order) {
            const std::string_view text = (*m_tokens)[id];
            for (std::size_t cut = 1; cut < text.size(); ++cut)
                if (ids.contains(text.substr(0, cut)) && ids.contains(text.substr(cut)))
                    merges.push_back({std::string(text.substr(0, cut)), std::string(text.substr(cut))});
        }
        ATTUNE_ASSIGN(const auto prefix, m_file.flag("tokenizer.ggml.add_space_prefix"));
        Json normalizers = Json::array();
        Json decoders = Json::array({{{"type", "Replace"}, {"pattern", {{"String", kBlank}}}, {"content", " "}}, {{"type", "ByteFallback"}}, {{"type", "Fuse"}}});
        if (prefix.value_or(true)) {
            normalizers.push_back({{"type", "Prepend"}, {"prepend", kBlank}});
            decoders.push_back({{"type", "Strip"}, {"content", " "}, {"start", 1u}, {"stop", 0u}});
        }
        normalizers.push_back({{"type", "Replace"}, {"pattern", {{"String", " "}}}, {"content", kBlank}});
        Json& tokenizer = m_out.tokenizer;
        tokenizer["normalizer"] = {{"type", "Sequence"}, {"normalizers", std::move(normalizers)}};
        tokenizer["pre_tokenizer"] = nullptr;
        tokenizer["decoder"] = {{"type", "Sequence"}, {"decoders", std::move(decoders)}};
        tokenizer["model"] = {{"type", "BPE"},           {"unk_token", m_unknown ? Json(tokenText(*m_unknown)) : Json()},
                              {"fuse_unk", true},        {"byte_fallback", true},
                              {"ignore_merges", false},  {"vocab", vocabulary()},
                              {"merges", std::move(merges)}};
        return {};
    }

    bool mergeable(std::size_t id) const {
        return (m_kinds[id] == TokenKind::Normal || m_kinds[id] == TokenKind::UserDefined || m_kinds[id] == TokenKind::Unused) &&
               !(*m_tokens)[id].empty();
    }

    // llama.cpp marks the beginning of words instead of their insides.
    Status writeWordPiece() {
        Json vocab = Json::object();
        for (std::size_t id = 0; id < m_tokens->size(); ++id) {
            const std::string text = tokenText(id);
            const bool plain = m_kinds[id] == TokenKind::Normal && text != "[PAD]" && text != "[UNK]" && text != "[CLS]" && text != "[SEP]" && text != "[MASK]";
            vocab[!plain ? text : text.starts_with(kBlank) ? text.substr(3) : "##" + text] = id;
        }
        ATTUNE_ASSIGN(const auto lowercase, m_file.flag("tokenizer.ggml.normalizer.lowercase"));
        Json& tokenizer = m_out.tokenizer;
        tokenizer["normalizer"] = {{"type", "BertNormalizer"},
                                   {"clean_text", true},
                                   {"handle_chinese_chars", true},
                                   {"strip_accents", nullptr},
                                   {"lowercase", lowercase.value_or(true)}};
        tokenizer["pre_tokenizer"] = {{"type", "BertPreTokenizer"}};
        tokenizer["decoder"] = {{"type", "WordPiece"}, {"prefix", "##"}, {"cleanup", true}};
        tokenizer["model"] = {{"type", "WordPiece"},
                              {"unk_token", m_unknown ? tokenText(*m_unknown) : "[UNK]"},
                              {"continuing_subword_prefix", "##"},
                              {"max_input_chars_per_word", 100u},
                              {"vocab", std::move(vocab)}};
        return {};
    }

    // Control tokens and what a publisher added are found in the text before the vocabulary sees it.
    void writeAddedTokens() {
        Json added = Json::array();
        for (std::size_t id = 0; id < m_tokens->size(); ++id) {
            const bool isUnknown = m_unknown == id && m_kind != "gpt2";
            const bool special = m_kinds[id] == TokenKind::Control || m_kinds[id] == TokenKind::Unknown || isUnknown || m_bos == id || m_eos == id;
            if (!special && m_kinds[id] != TokenKind::UserDefined)
                continue;
            added.push_back({{"id", id},
                             {"content", tokenText(id)},
                             {"single_word", false},
                             {"lstrip", false},
                             {"rstrip", false},
                             {"normalized", false},
                             {"special", special}});
        }
        m_out.tokenizer["added_tokens"] = std::move(added);
    }

    void writeFrame() {
        Json single = Json::array(), names = Json::object();
        const auto put = [&](std::size_t id) {
            const std::string text = tokenText(id);
            single.push_back({{"SpecialToken", {{"id", text}, {"type_id", 0}}}});
            names[text] = {{"id", text}, {"ids", Json::array({id})}, {"tokens", Json::array({text})}};
        };
        const auto end = m_kind == "bert" ? m_separator : m_addEos ? m_eos : std::nullopt;
        if (m_addBos && m_bos)
            put(*m_bos);
        single.push_back({{"Sequence", {{"id", "A"}, {"type_id", 0}}}});
        if (end)
            put(*end);
        if (single.size() == 1)
            return;
        Json pair = single;
        pair.push_back({{"Sequence", {{"id", "B"}, {"type_id", 1}}}});
        m_out.tokenizer["post_processor"] = {{"type", "TemplateProcessing"}, {"single", std::move(single)}, {"pair", std::move(pair)}, {"special_tokens", std::move(names)}};
    }

    Status writeConfig() {
        Json& config = m_out.config;
        config = Json::object();
        config["tokenizer_class"] = "PreTrainedTokenizerFast";
        config["clean_up_tokenization_spaces"] = false;
        config["add_bos_token"] = m_addBos && m_bos;
        config["add_eos_token"] = m_addEos && m_eos;
        for (const auto& [key, id] : {std::pair{"bos_token", m_bos}, std::pair{"eos_token", m_eos}, std::pair{"pad_token", m_pad}})
            if (id)
                config[key] = tokenText(*id);
        if (m_unknown && m_kind != "gpt2")
            config["unk_token"] = tokenText(*m_unknown);
        ATTUNE_ASSIGN(const auto chat, m_file.text("tokenizer.chat_template"));
        if (chat && !chat->empty())
            config["chat_template"] = *chat;
        return addNamedTemplates(config);
    }

    // "tokenizer.chat_templates" names further templates, each under "tokenizer.chat_template.NAME".
    Status addNamedTemplates(Json& config) const {
        ATTUNE_ASSIGN(const auto* names, m_file.texts("tokenizer.chat_templates"));
        if (!names || names->empty())
            return {};
        Json list = Json::array();
        if (config.contains("chat_template"))
            list.push_back({{"name", "default"}, {"template", config["chat_template"]}});
        for (const std::string& name : *names) {
            ATTUNE_ASSIGN(const auto source, m_file.text("tokenizer.chat_template." + name));
            if (!isUtf8(name) || (source && !isUtf8(*source)))
                return m_file.broken("a key of \"tokenizer.chat_templates\" is not valid UTF-8");
            if (source && name != "default")
                list.push_back({{"name", name}, {"template", *source}});
        }
        if (list.size() > 1)
            config["chat_template"] = std::move(list);
        return {};
    }

    const GgufFile& m_file;
    const std::vector<std::string>* m_tokens = nullptr;
    std::string m_kind;
    std::vector<TokenKind> m_kinds;
    std::optional<std::size_t> m_bos, m_eos, m_unknown, m_pad, m_separator;
    bool m_addBos = false, m_saysBos = false, m_addEos = false;
    GgufTokenizerFiles m_out;
};

} // namespace

Result<GgufTokenizerFiles> ggufTokenizer(const GgufFile& file) {
    ATTUNE_ASSIGN(const auto* tokens, file.texts("tokenizer.ggml.tokens"));
    ATTUNE_ASSIGN(const auto* merges, file.texts("tokenizer.ggml.merges"));
    for (const auto* list : {tokens, merges})
        for (std::size_t i = 0; list && i < list->size(); ++i)
            if (!isUtf8((*list)[i]))
                return file.broken(std::string("key \"tokenizer.ggml.") + (list == tokens ? "tokens" : "merges") + "\"[" + std::to_string(i) + "] is not valid UTF-8");
    ATTUNE_ASSIGN(const auto chat, file.text("tokenizer.chat_template"));
    if (chat && !isUtf8(*chat))
        return file.broken("key \"tokenizer.chat_template\" is not valid UTF-8");
    return TokenizerWriter(file).write();
}

} // namespace attune
