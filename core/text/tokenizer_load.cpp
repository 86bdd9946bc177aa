// Reading the files of a Hugging Face folder, or the vocabulary of a GGUF file, into an HfTokenizer.
#include <algorithm>

#include "core/model_files/gguf_model.h"
#include "core/text/hf_tokenizer.h"
#include "core/text/json_fields.h"
#include "core/text/sentencepiece_file.h"
#include "core/text/tokenizer_files.h"
#include "core/text/utf8.h"
#include "core/text/word_scanner.h"

namespace attune {

namespace {

constexpr std::uint64_t kMaxFileBytes = 256u << 20;

// merges.txt: one merge a line, under a line "#version".
Json mergesOf(std::string_view text) {
    Json merges = Json::array();
    for (std::size_t begin = 0; begin < text.size();) {
        const auto end = std::min(text.find('\n', begin), text.size());
        auto line = text.substr(begin, end - begin);
        if (line.ends_with('\r'))
            line.remove_suffix(1);
        if (!line.empty() && !line.starts_with("#version"))
            merges.push_back(std::string(line));
        begin = end + 1;
    }
    return merges;
}

// The tokenizer.json that the program converting such folders would have written.
Result<Json> fromVocabularyAndMerges(const fs::path& folder, const TokenizerConfig& config, std::string& hashes) {
    const fs::path vocabPath = folder / "vocab.json", mergesPath = folder / "merges.txt";
    ATTUNE_ASSIGN(const auto vocabText, readFile(vocabPath, kMaxFileBytes));
    ATTUNE_ASSIGN(const auto mergesText, readFile(mergesPath, kMaxFileBytes));
    hashes += hashBytes(vocabText) + hashBytes(mergesText);
    ATTUNE_ASSIGN(auto vocab, parseJson(vocabText, vocabPath.string()));
    const std::string& kind = config.tokenizerClass;
    const bool qwen = kind.starts_with("Qwen2Tokenizer");
    if (!qwen && !kind.empty() && !kind.starts_with("GPT2Tokenizer") && !kind.starts_with("CodeGenTokenizer") &&
        !kind.starts_with("PreTrainedTokenizer"))
        return fields::unknown(folder.string(), "a \"" + kind + "\" without tokenizer.json");
    Json file;
    file["model"] = {{"type", "BPE"}, {"vocab", std::move(vocab)}, {"merges", mergesOf(mergesText)}};
    const bool prefix = config.addPrefixSpace.value_or(false);
    Json byteLevel = {{"type", "ByteLevel"}, {"add_prefix_space", prefix}, {"use_regex", !qwen}};
    file["decoder"] = byteLevel;
    if (qwen) {
        file["normalizer"] = {{"type", "NFC"}};
        const Json split = {{"type", "Split"},
                            {"pattern", {{"Regex", std::string(WordScanner::qwen2Pattern())}}},
                            {"behavior", "Isolated"}};
        file["pre_tokenizer"] = {{"type", "Sequence"}, {"pretokenizers", Json::array({split, byteLevel})}};
    } else {
        file["pre_tokenizer"] = byteLevel;
    }
    return file;
}

// The tokenizer.json for a BERT vocabulary: one token a line, its number is its id.
Result<Json> fromWordList(const fs::path& folder, const TokenizerConfig& config, std::string& hashes) {
    const std::string where = (folder / "vocab.txt").string();
    ATTUNE_ASSIGN(const auto text, readFile(folder / "vocab.txt", kMaxFileBytes));
    hashes += hashBytes(text);
    const std::string& kind = config.tokenizerClass;
    if (!kind.empty() && !kind.starts_with("BertTokenizer") && !kind.starts_with("DistilBertTokenizer") &&
        !kind.starts_with("ElectraTokenizer") && !kind.starts_with("PreTrainedTokenizer"))
        return fields::unknown(where, "a \"" + kind + "\" without tokenizer.json");
    if (utf8::firstInvalid(text) != text.size())
        return fields::broken(where, "it is not valid UTF-8");
    Json vocab = Json::object();
    std::uint64_t id = 0;
    for (std::size_t begin = 0; begin < text.size(); ++id) {
        const auto end = std::min(text.find('\n', begin), text.size());
        auto line = std::string_view(text).substr(begin, end - begin);
        if (line.ends_with('\r'))
            line.remove_suffix(1);
        if (!line.empty())
            vocab[std::string(line)] = id; // of equal lines the last one counts
        begin = end + 1;
    }
    const auto named = [](const std::string& token, const char* fallback) {
        return token.empty() ? std::string(fallback) : token;
    };
    const std::string cls = named(config.clsToken, "[CLS]"), sep = named(config.sepToken, "[SEP]");
    Json added = Json::array();
    for (const std::string& token : {named(config.padToken, "[PAD]"), named(config.unkToken, "[UNK]"), cls, sep,
                                     named(config.maskToken, "[MASK]")})
        if (const auto found = vocab.find(token); found != vocab.end())
            added.push_back({{"id", *found}, {"content", token}, {"special", true}});
    const auto flag = [](const std::optional<bool>& value, const Json& fallback) { return value ? Json(*value) : fallback; };
    Json file;
    file["added_tokens"] = std::move(added);
    file["normalizer"] = {{"type", "BertNormalizer"},
                          {"lowercase", flag(config.lowercase, true)},
                          {"strip_accents", flag(config.stripAccents, nullptr)},
                          {"handle_chinese_chars", flag(config.tokenizeChinese, true)}};
    file["pre_tokenizer"] = {{"type", "BertPreTokenizer"}};
    file["decoder"] = {{"type", "WordPiece"}};
    if (vocab.contains(cls) && vocab.contains(sep))
        file["post_processor"] = {{"type", "BertProcessing"}, {"cls", {cls, vocab[cls]}}, {"sep", {sep, vocab[sep]}}};
    file["model"] = {{"type", "WordPiece"}, {"unk_token", named(config.unkToken, "[UNK]")}, {"vocab", std::move(vocab)}};
    return file;
}

Result<Json> readDescription(const fs::path& folder, const TokenizerConfig& config, std::string& hashes) {
    std::error_code code;
    if (fs::exists(folder / "tokenizer.json", code)) {
        ATTUNE_ASSIGN(const auto text, readFile(folder / "tokenizer.json", kMaxFileBytes));
        hashes += hashBytes(text);
        return parseJson(text, (folder / "tokenizer.json").string());
    }
    if (fs::exists(folder / "vocab.json", code) && fs::exists(folder / "merges.txt", code))
        return fromVocabularyAndMerges(folder, config, hashes);
    if (fs::exists(folder / "vocab.txt", code))
        return fromWordList(folder, config, hashes);
    if (!fs::exists(folder, code))
        return fail(ErrorCode::NotFound, folder.string() + " does not exist", "Choose a model folder in Hugging Face layout, or a .gguf file.");
    if (!fs::is_directory(folder, code))
        return fail(ErrorCode::NotFound, folder.string() + " is neither a model folder nor a GGUF file",
                    "Choose a model folder in Hugging Face layout, or a .gguf file.");
    return fail(ErrorCode::NotFound,
                folder.string() + " holds no tokenizer (tokenizer.json, tokenizer.model, vocab.json with merges.txt, or "
                                  "vocab.txt)",
                "Choose the folder that was downloaded with the model, with all of its files.");
}

// A sentencepiece model, when the folder has one and nothing that goes before it.
std::optional<fs::path> sentencepieceFile(const fs::path& folder) {
    std::error_code code;
    if (fs::exists(folder / "tokenizer.json", code))
        return std::nullopt;
    for (const char* name : {"tokenizer.model", "spiece.model", "sentencepiece.bpe.model"})
        if (fs::exists(folder / name, code))
            return folder / name;
    return std::nullopt;
}

Result<std::shared_ptr<const Tokenizer>> loadSentencepiece(const fs::path& path, TokenizerConfig config) {
    const std::string where = path.string();
    const std::string kind = config.tokenizerClass;
    const bool llama = kind.starts_with("Llama") || kind.starts_with("CodeLlama"), gemma = kind.starts_with("Gemma");
    const bool t5 = kind.starts_with("T5");
    // other classes number the pieces differently
    if (!llama && !gemma && !t5 && !kind.empty() && !kind.starts_with("PreTrainedTokenizer"))
        return fields::unknown(where, "a \"" + kind + "\" without tokenizer.json");
    ATTUNE_ASSIGN(const auto file, readFile(path, kMaxFileBytes));
    ATTUNE_ASSIGN(auto material, readSentencepiece(file, where));
    material.hash = hashBytes(config.hashes + material.hash);
    material.addBos = !t5 && material.bos && material.model == PieceModel::SentencepieceBpe;
    material.addEos = t5 || (kind.empty() && !material.bos);
    material.prefixFirstOnly = llama && !config.legacy.value_or(true);
    for (std::uint64_t i = 0; t5 && i < config.extraIds; ++i) {
        AddedToken token;
        token.content = "<extra_id_" + std::to_string(i) + ">";
        token.id = static_cast<TokenId>(material.pieces.size() + config.extraIds - 1 - i);
        token.special = true;
        const auto same = [&](const AddedToken& other) { return other.content == token.content || other.id == token.id; };
        if (std::none_of(config.addedTokens.begin(), config.addedTokens.end(), same))
            config.addedTokens.push_back(std::move(token));
    }
    material.config = std::move(config);
    return buildTokenizer(std::move(material), where);
}

Status readAdded(const Json& file, const std::string& where, TokenizerParts& parts) {
    const auto& vocabulary = parts.model->vocabulary();
    const auto add = [&](AddedToken token, const std::string& here) -> Status {
        // as in the reference, a content that the vocabulary knows keeps the vocabulary's id
        if (const auto known = vocabulary.find(token.content))
            token.id = *known;
        return parts.added.add(std::move(token), here);
    };
    if (fields::member(file, "added_tokens")) {
        ATTUNE_ASSIGN(const Json* tokens, fields::list(file, "added_tokens", where));
        for (std::size_t i = 0; i < tokens->size(); ++i) {
            const std::string here = where + ".added_tokens[" + std::to_string(i) + "]";
            ATTUNE_ASSIGN(auto token, AddedToken::read((*tokens)[i], std::nullopt, here));
            ATTUNE_CHECK(add(std::move(token), here));
        }
    }
    for (const auto& token : parts.config.addedTokens)
        ATTUNE_CHECK(add(token, where));
    for (const auto* content :
         {&parts.config.bosToken, &parts.config.eosToken, &parts.config.padToken, &parts.config.unkToken,
          &parts.config.clsToken, &parts.config.sepToken, &parts.config.maskToken}) {
        const auto id = vocabulary.find(*content);
        if (!content->empty() && id && !parts.added.byId(*id)) {
            AddedToken token;
            token.content = *content;
            token.id = *id;
            token.special = true;
            ATTUNE_CHECK(add(std::move(token), where));
        }
    }
    return parts.added.finish(parts.normalizer.get());
}

// Some tokenizer classes build their post-processor from two flags, whatever the file says.
void applyFlags(TokenizerParts& parts) {
    const auto& config = parts.config;
    const auto idOf = [&](const std::string& content) -> std::optional<TokenId> {
        if (const auto* token = parts.added.byContent(content))
            return token->id;
        return std::nullopt;
    };
    const bool follows = config.tokenizerClass.starts_with("Llama") || config.tokenizerClass.starts_with("Gemma");
    auto& [before, after] = parts.frame;
    if (const auto bos = idOf(config.bosToken)) {
        const bool has = !before.empty() && before.front() == *bos;
        if (config.addBos.value_or(false) && before.empty())
            before.push_back(*bos);
        else if (follows && has && !config.addBos.value_or(true))
            before.erase(before.begin());
    }
    if (const auto eos = idOf(config.eosToken)) {
        const bool has = !after.empty() && after.back() == *eos;
        if (config.addEos.value_or(false) && after.empty())
            after.push_back(*eos);
        else if (follows && has && !config.addEos.value_or(true))
            after.pop_back();
    }
}

// A tokenizer.json and what stands beside it, checked and put together.
Result<std::shared_ptr<const Tokenizer>> assemble(const Json& file, TokenizerConfig config, const std::string& where, const std::string& hashes) {
    TokenizerParts parts;
    parts.config = std::move(config);
    if (!file.is_object())
        return fields::broken(where, "must be an object");
    if (const Json* truncation = fields::member(file, "truncation")) { // not applied, but a broken one is a broken file
        const std::string here = where + ": truncation";
        ATTUNE_ASSIGN(const auto length, fields::count(*truncation, "max_length", std::uint64_t{1} << 53, here));
        ATTUNE_ASSIGN(const auto stride, fields::count(*truncation, "stride", std::uint64_t{1} << 53, here));
        if (stride > 0 && stride >= length)
            return fields::broken(here, "\"stride\" must be smaller than \"max_length\"");
    }
    static const Json none;
    const auto part = [&](const char* key) -> const Json& {
        const Json* found = fields::member(file, key);
        return found ? *found : none;
    };
    ATTUNE_ASSIGN(parts.normalizer, readNormalizer(part("normalizer"), where + ": normalizer"));
    ATTUNE_ASSIGN(parts.preTokenizer, readPreTokenizer(part("pre_tokenizer"), where + ": pre_tokenizer"));
    ATTUNE_ASSIGN(parts.frame, readPostProcessor(part("post_processor"), where + ": post_processor"));
    ATTUNE_ASSIGN(parts.decoder, readDecoder(part("decoder"), where + ": decoder"));
    ATTUNE_ASSIGN(parts.model, readTokenModel(part("model"), where + ": model"));
    ATTUNE_CHECK(readAdded(file, where, parts));
    for (const auto* ids : {&parts.frame.before, &parts.frame.after})
        for (const TokenId id : *ids)
            if (!parts.added.byId(id) && !parts.model->vocabulary().token(id))
                return fields::broken(where + ": post_processor", "the id " + std::to_string(id) + " is no token");
    applyFlags(parts);
    parts.hash = hashBytes(hashes);
    return std::make_shared<const HfTokenizer>(std::move(parts));
}

// The identity is that of what was read, not of the file's weights.
Result<std::shared_ptr<const Tokenizer>> loadGguf(const fs::path& path) {
    ATTUNE_ASSIGN(const auto file, GgufFile::open(path));
    ATTUNE_ASSIGN(const GgufTokenizerFiles files, ggufTokenizer(*file));
    TokenizerConfig config;
    ATTUNE_CHECK(config.readFrom(files.config, path.string()));
    return assemble(files.tokenizer, std::move(config), path.string(), hashBytes(files.tokenizer.dump()) + hashBytes(files.config.dump()));
}

} // namespace

Result<Json> readTokenizerDescription(const fs::path& folder) {
    ATTUNE_ASSIGN(const TokenizerConfig config, TokenizerConfig::read(folder));
    std::string hashes;
    return readDescription(folder, config, hashes);
}

Result<std::shared_ptr<const Tokenizer>> Tokenizer::load(const fs::path& model) {
    std::error_code code;
    if (fs::is_regular_file(model, code) && GgufFile::looksLike(model))
        return loadGguf(model);
    ATTUNE_ASSIGN(TokenizerConfig config, TokenizerConfig::read(model));
    if (const auto path = sentencepieceFile(model))
        return loadSentencepiece(*path, std::move(config));
    std::string hashes = config.hashes;
    ATTUNE_ASSIGN(const Json file, readDescription(model, config, hashes));
    return assemble(file, std::move(config), (model / "tokenizer.json").string(), hashes);
}

} // namespace attune
