#include "tools/starter/model_files.h"

#include "core/base/json.h"

namespace attune::starter {

namespace {

constexpr const char* kChatTemplate = "{{ bos_token }}{% for message in messages %}{{ '<|' + message['role'] + '|>\\n' "
                                      "+ message['content'] + '<|end|>\\n' }}"
                                      "{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>\\n' }}{% endif %}";

OrderedJson addedToken(std::size_t id, const char* content) {
    return {{"id", id},        {"content", content},  {"single_word", false}, {"lstrip", false},
            {"rstrip", false}, {"normalized", false}, {"special", true}};
}

OrderedJson tokenizerJson(const BpeModel& model) {
    OrderedJson vocabulary = OrderedJson::object(), merges = OrderedJson::array(), added = OrderedJson::array();
    for (std::size_t id = 0; id < model.tokens.size(); ++id) {
        const bool special = id < kSpecialTokens.size();
        vocabulary.push_back({special ? model.tokens[id] : printableBytes(model.tokens[id]), id});
        if (special)
            added.push_back(addedToken(id, kSpecialTokens[id]));
    }
    for (const auto& [left, right] : model.merges)
        merges.push_back(printableBytes(model.tokens[static_cast<std::size_t>(left)]) + " " +
                         printableBytes(model.tokens[static_cast<std::size_t>(right)]));
    const OrderedJson byteLevel{
        {"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", true}};
    const OrderedJson begin{{"SpecialToken", {{"id", kSpecialTokens[0]}, {"type_id", 0}}}};
    const auto sequence = [](const char* id, int type) {
        return OrderedJson{{"Sequence", {{"id", id}, {"type_id", type}}}};
    };
    OrderedJson begins = OrderedJson::object();
    begins[kSpecialTokens[0]] = {{"id", kSpecialTokens[0]}, {"ids", {0}}, {"tokens", {kSpecialTokens[0]}}};
    return {{"version", "1.0"},
            {"truncation", nullptr},
            {"padding", nullptr},
            {"added_tokens", added},
            {"normalizer", nullptr},
            {"pre_tokenizer",
             {{"type", "Sequence"},
              {"pretokenizers", OrderedJson::array({{{"type", "Digits"}, {"individual_digits", true}}, byteLevel})}}},
            {"post_processor",
             {{"type", "TemplateProcessing"},
              {"single", OrderedJson::array({begin, sequence("A", 0)})},
              {"pair", OrderedJson::array({begin, sequence("A", 0), sequence("B", 1)})},
              {"special_tokens", begins}}},
            {"decoder", byteLevel},
            {"model",
             {{"type", "BPE"},
              {"dropout", nullptr},
              {"unk_token", nullptr},
              {"continuing_subword_prefix", nullptr},
              {"end_of_word_suffix", nullptr},
              {"fuse_unk", false},
              {"byte_fallback", false},
              {"ignore_merges", false},
              {"vocab", vocabulary},
              {"merges", merges}}}};
}

OrderedJson tokenizerConfig() {
    OrderedJson decoder = OrderedJson::object();
    for (std::size_t id = 0; id < kSpecialTokens.size(); ++id) {
        OrderedJson token = addedToken(id, kSpecialTokens[id]);
        token.erase("id");
        decoder[std::to_string(id)] = token;
    }
    return {{"tokenizer_class", "PreTrainedTokenizerFast"},
            {"bos_token", kSpecialTokens[0]},
            {"eos_token", kSpecialTokens[1]},
            {"pad_token", kSpecialTokens[5]},
            {"add_bos_token", true},
            {"add_eos_token", false},
            {"add_prefix_space", false},
            {"clean_up_tokenization_spaces", false},
            {"model_max_length", 512},
            {"added_tokens_decoder", decoder},
            {"chat_template", kChatTemplate}};
}

OrderedJson modelConfig(std::size_t vocabularySize) {
    return {{"architectures", {"LlamaForCausalLM"}},
            {"model_type", "llama"},
            {"vocab_size", vocabularySize},
            {"hidden_size", 256},
            {"intermediate_size", 704},
            {"num_hidden_layers", 6},
            {"num_attention_heads", 4},
            {"num_key_value_heads", 2},
            {"head_dim", 64},
            {"max_position_embeddings", 512},
            {"hidden_act", "silu"},
            {"rms_norm_eps", 1e-5},
            {"rope_theta", 10000.0},
            {"rope_scaling", nullptr},
            {"attention_bias", false},
            {"attention_dropout", 0.0},
            {"mlp_bias", false},
            {"tie_word_embeddings", true},
            {"initializer_range", 0.02},
            {"use_cache", true},
            {"torch_dtype", "bfloat16"},
            {"bos_token_id", 0},
            {"eos_token_id", 1},
            {"pad_token_id", 5}};
}

} // namespace

std::string printableBytes(std::string_view bytes) {
    std::string out;
    for (const char c : bytes) {
        const auto byte = static_cast<unsigned char>(c);
        unsigned point = byte;
        if (byte <= 32)
            point = 256u + byte;
        else if (byte >= 127 && byte <= 160)
            point = 256u + 33u + (byte - 127u);
        else if (byte == 173)
            point = 256u + 67u;
        if (point < 128) {
            out += static_cast<char>(point);
        } else {
            out += static_cast<char>(0xC0 | point >> 6);
            out += static_cast<char>(0x80 | (point & 63));
        }
    }
    return out;
}

Status writeModelFiles(const fs::path& folder, const BpeModel& model) {
    std::error_code made;
    fs::create_directories(folder, made);
    if (made)
        return fail(ErrorCode::Io, "Cannot make the folder " + folder.string() + ": " + made.message());
    const auto write = [&](const char* name, const OrderedJson& content, int indent) {
        return writeFileAtomic(folder / name, content.dump(indent) + "\n");
    };
    ATTUNE_CHECK(write("tokenizer.json", tokenizerJson(model), 1));
    ATTUNE_CHECK(write("tokenizer_config.json", tokenizerConfig(), 2));
    ATTUNE_CHECK(write(
        "special_tokens_map.json",
        {{"bos_token", kSpecialTokens[0]}, {"eos_token", kSpecialTokens[1]}, {"pad_token", kSpecialTokens[5]}}, 2));
    ATTUNE_CHECK(write("config.json", modelConfig(model.tokens.size()), 2));
    return write("generation_config.json",
                 {{"bos_token_id", 0},
                  {"eos_token_id", {1}},
                  {"pad_token_id", 5},
                  {"do_sample", false},
                  {"max_new_tokens", 200}},
                 2);
}

} // namespace attune::starter
