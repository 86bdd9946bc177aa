#include <algorithm>
#include <array>
#include <cmath>
#include <set>

#include "core/model_files/gguf_model.h"

namespace attune {

namespace {

constexpr std::int64_t kMaxCount = std::int64_t{1} << 31;

// An architecture of llama.cpp and the Hugging Face class whose mathematics it is.
struct Architecture {
    const char* gguf;
    const char* hf;
    const char* modelType;
};
constexpr std::array<Architecture, 10> kArchitectures{{{"llama", "LlamaForCausalLM", "llama"},
                                                      {"qwen2", "Qwen2ForCausalLM", "qwen2"},
                                                      {"qwen3", "Qwen3ForCausalLM", "qwen3"},
                                                      {"qwen3moe", "Qwen3MoeForCausalLM", "qwen3_moe"},
                                                      {"olmoe", "OlmoeForCausalLM", "olmoe"},
                                                      {"gemma", "GemmaForCausalLM", "gemma"},
                                                      {"gemma2", "Gemma2ForCausalLM", "gemma2"},
                                                      {"gemma3", "Gemma3ForCausalLM", "gemma3_text"},
                                                      {"phi3", "Phi3ForCausalLM", "phi3"},
                                                      {"gpt2", "GPT2LMHeadModel", "gpt2"}}};

// Keys of "<architecture>." that are read below, or say nothing about the mathematics.
const std::set<std::string_view> kKnownKeys{"vocab_size",
                                            "context_length",
                                            "embedding_length",
                                            "block_count",
                                            "feed_forward_length",
                                            "expert_count",
                                            "expert_used_count",
                                            "expert_feed_forward_length",
                                            "attention.head_count",
                                            "attention.head_count_kv",
                                            "attention.key_length",
                                            "attention.value_length",
                                            "attention.layer_norm_rms_epsilon",
                                            "attention.layer_norm_epsilon",
                                            "attention.sliding_window",
                                            "attn_logit_softcapping",
                                            "final_logit_softcapping",
                                            "rope.dimension_count",
                                            "rope.freq_base",
                                            "rope.scaling.type",
                                            "rope.scaling.factor",
                                            "rope.scale_linear",
                                            "rope.scaling.original_context_length",
                                            "rope.scaling.attn_factor",
                                            "rope.scaling.finetuned",
                                            "rope.scaling.yarn_beta_fast",
                                            "rope.scaling.yarn_beta_slow",
                                            "tensor_data_layout"};

bool isOff(const GgufValue& value) {
    if (const auto* flag = std::get_if<bool>(&value))
        return !*flag;
    if (const auto* whole = std::get_if<std::int64_t>(&value))
        return *whole == 0;
    if (const auto* real = std::get_if<double>(&value))
        return *real == 0.0;
    return false;
}

// Builds the config, one group of keys after the other.
class ConfigWriter {
public:
    ConfigWriter(const GgufFile& file, const Architecture& architecture)
        : m_file(file), m_prefix(std::string(architecture.gguf) + "."), m_name(architecture.gguf) {
        m_config["architectures"] = Json::array({architecture.hf});
        m_config["model_type"] = architecture.modelType;
    }

    Result<Json> write() {
        ATTUNE_CHECK(refuseUnknownKeys());
        ATTUNE_CHECK(writeShape());
        ATTUNE_CHECK(m_name == "gpt2" ? writeGpt2() : writeLlamaLike());
        ATTUNE_CHECK(writeIds());
        m_config["torch_dtype"] = storedType();
        return std::move(m_config);
    }

private:
    Status refuseUnknownKeys() const {
        for (const auto& [key, value] : m_file.metadata()) {
            if (!key.starts_with(m_prefix) || kKnownKeys.contains(std::string_view(key).substr(m_prefix.size())) || isOff(value))
                continue;
            return m_file.unsupported("the key \"" + key.substr(0, 120) + "\" changes what the network computes and is not known here",
                                      "Choose another model, or a release of this program that knows it.");
        }
        return {};
    }

    Result<std::int64_t> required(const char* key) const {
        ATTUNE_ASSIGN(const auto value, m_file.count(m_prefix + key, kMaxCount));
        if (!value || *value < 1)
            return m_file.broken("key \"" + m_prefix + key + "\" is missing or 0");
        return *value;
    }

    Status writeShape() {
        ATTUNE_ASSIGN(m_hidden, required("embedding_length"));
        ATTUNE_ASSIGN(m_layers, required("block_count"));
        ATTUNE_ASSIGN(m_heads, required("attention.head_count"));
        ATTUNE_ASSIGN(m_context, required("context_length"));
        // The rows of the embedding are what the network has; "vocab_size" is optional and repeats it.
        const GgufTensor* embedding = m_file.find("token_embd.weight");
        if (!embedding || embedding->shape.size() != 2)
            return m_file.broken("the tensor token_embd.weight is missing");
        m_config["vocab_size"] = embedding->shape[0];
        m_config["tie_word_embeddings"] = m_file.find("output.weight") == nullptr;
        return {};
    }

    Status writeGpt2() {
        m_config["n_embd"] = m_hidden;
        m_config["n_layer"] = m_layers;
        m_config["n_head"] = m_heads;
        m_config["n_positions"] = m_context;
        ATTUNE_ASSIGN(const std::int64_t inner, required("feed_forward_length"));
        m_config["n_inner"] = inner;
        ATTUNE_ASSIGN(const auto epsilon, m_file.number(m_prefix + "attention.layer_norm_epsilon"));
        m_config["layer_norm_epsilon"] = shortest(epsilon.value_or(1e-5));
        m_config["activation_function"] = "gelu_new"; // what llama.cpp computes for gpt2
        return {};
    }

    Status writeLlamaLike() {
        const bool gemma = m_name.starts_with("gemma");
        m_config["hidden_size"] = m_hidden;
        m_config["num_hidden_layers"] = m_layers;
        m_config["num_attention_heads"] = m_heads;
        m_config["max_position_embeddings"] = m_context;
        ATTUNE_ASSIGN(const auto keyHeads, m_file.count(m_prefix + "attention.head_count_kv", kMaxCount));
        m_config["num_key_value_heads"] = keyHeads.value_or(m_heads);
        ATTUNE_ASSIGN(const std::int64_t inner, required("feed_forward_length"));
        m_config["intermediate_size"] = inner;
        ATTUNE_ASSIGN(const auto epsilon, m_file.number(m_prefix + "attention.layer_norm_rms_epsilon"));
        if (!epsilon || *epsilon <= 0)
            return m_file.broken("key \"" + m_prefix + "attention.layer_norm_rms_epsilon\" is missing or not above 0");
        m_config["rms_norm_eps"] = shortest(*epsilon);
        ATTUNE_CHECK(writeHeads());
        ATTUNE_CHECK(writeRope());
        if (gemma)
            m_config["hidden_activation"] = "gelu_pytorch_tanh";
        m_config["hidden_act"] = gemma ? "gelu_pytorch_tanh" : "silu";
        const auto has = [&](const char* name) { return m_file.find(std::string("blk.0.") + name) != nullptr; };
        const bool queryBias = has("attn_q.bias"), outputBias = has("attn_output.bias");
        if (m_name == "llama") {
            if (queryBias != outputBias)
                return m_file.unsupported("biases of some but not all attention layers are not known here", "Choose another model.");
            m_config["attention_bias"] = queryBias;
            m_config["mlp_bias"] = has("ffn_down.bias");
        }
        ATTUNE_CHECK(writeExperts());
        return writeFamilyKeys();
    }

    // llama.cpp has Mixtral as a "llama" with experts. It divides the chosen experts' probabilities by their sum, but OLMoE's.
    Status writeExperts() {
        ATTUNE_ASSIGN(const auto count, m_file.count(m_prefix + "expert_count", kMaxCount));
        const bool qwen = m_name == "qwen3moe", olmo = m_name == "olmoe";
        if (!qwen && !olmo && count.value_or(0) == 0)
            return {};
        if (!qwen && !olmo && m_name != "llama")
            return m_file.unsupported("key \"" + m_prefix + "expert_count\": experts are not known here for this architecture", "Choose another model.");
        ATTUNE_ASSIGN(const std::int64_t experts, required("expert_count"));
        ATTUNE_ASSIGN(const std::int64_t used, required("expert_used_count"));
        m_config["num_experts_per_tok"] = used;
        if (!qwen && !olmo) {
            m_config["architectures"] = Json::array({"MixtralForCausalLM"});
            m_config["model_type"] = "mixtral";
            m_config["num_local_experts"] = experts;
            if (m_config["attention_bias"] == true || m_config["mlp_bias"] == true)
                return m_file.unsupported("biases beside experts are not known here", "Choose another model.");
            m_config.erase("attention_bias"), m_config.erase("mlp_bias");
            return {};
        }
        m_config["num_experts"] = experts;
        m_config["norm_topk_prob"] = qwen;
        if (!qwen)
            return {};
        ATTUNE_ASSIGN(const std::int64_t inner, required("expert_feed_forward_length"));
        m_config["moe_intermediate_size"] = inner;
        return {};
    }

    Status writeHeads() {
        ATTUNE_ASSIGN(const auto key, m_file.count(m_prefix + "attention.key_length", kMaxCount));
        ATTUNE_ASSIGN(const auto value, m_file.count(m_prefix + "attention.value_length", kMaxCount));
        ATTUNE_ASSIGN(const auto rotated, m_file.count(m_prefix + "rope.dimension_count", kMaxCount));
        const std::int64_t size = key.value_or(m_hidden / m_heads);
        if (value.value_or(size) != size)
            return m_file.unsupported("keys and values of different sizes are not known here", "Choose another model.");
        if (rotated.value_or(size) != size)
            return m_file.unsupported("key \"" + m_prefix + "rope.dimension_count\": rotating a part of each head is not known here for this architecture",
                                      "Choose another model.");
        m_config["head_dim"] = size;
        return {};
    }

    Status writeRope() {
        ATTUNE_ASSIGN(const auto base, m_file.number(m_prefix + "rope.freq_base"));
        m_config["rope_theta"] = shortest(base.value_or(10000.0));
        ATTUNE_ASSIGN(const auto kind, m_file.text(m_prefix + "rope.scaling.type"));
        ATTUNE_ASSIGN(auto factor, m_file.number(m_prefix + "rope.scaling.factor"));
        ATTUNE_ASSIGN(const auto oldFactor, m_file.number(m_prefix + "rope.scale_linear"));
        ATTUNE_ASSIGN(const auto original, m_file.count(m_prefix + "rope.scaling.original_context_length", kMaxCount));
        if (!factor)
            factor = oldFactor;
        if (m_file.find("rope_freqs.weight"))
            return writeLlama3Rope();
        if (m_file.find("rope_factors_long.weight") || m_file.find("rope_factors_short.weight"))
            return writeLongRope(original);
        const std::string name = kind.value_or(factor && *factor != 1.0 && *factor != 0.0 ? "linear" : "none");
        if (name == "none" || (name == "linear" && factor.value_or(1.0) == 1.0))
            return {};
        if (name != "linear" && name != "yarn")
            return m_file.unsupported("key \"" + m_prefix + "rope.scaling.type\": \"" + name.substr(0, 60) + "\" is not known here",
                                      "Choose a model with linear or yarn scaling.");
        if (!factor || *factor <= 0)
            return m_file.broken("key \"" + m_prefix + "rope.scaling.factor\" is missing or not above 0");
        Json& scaling = m_config["rope_scaling"] = {{"rope_type", name}, {"factor", shortest(*factor)}};
        if (name == "linear")
            return {};
        if (original)
            scaling["original_max_position_embeddings"] = *original;
        ATTUNE_ASSIGN(const auto attention, m_file.number(m_prefix + "rope.scaling.attn_factor"));
        if (attention && *attention != 1.0)
            return m_file.unsupported("key \"" + m_prefix + "rope.scaling.attn_factor\" is not known here", "Choose another model.");
        for (const auto& [key, hf] : {std::pair{"rope.scaling.yarn_beta_fast", "beta_fast"}, std::pair{"rope.scaling.yarn_beta_slow", "beta_slow"}}) {
            ATTUNE_ASSIGN(const auto value, m_file.number(m_prefix + key));
            if (value)
                scaling[hf] = shortest(*value);
        }
        return {};
    }

    // One number for each rotated pair.
    Result<std::vector<float>> ropeNumbers(const char* name) const {
        const auto half = static_cast<std::size_t>(m_config["head_dim"].get<std::int64_t>() / 2);
        const GgufTensor* tensor = m_file.find(name);
        if (!tensor || tensor->type != GgmlType::F32 || tensor->shape.size() != 1 || tensor->bytes != half * sizeof(float) || half == 0)
            return m_file.broken(std::string("tensor ") + name + " does not hold one number for each rotated pair");
        std::vector<float> numbers(half);
        ATTUNE_CHECK(m_file.read(*tensor, std::as_writable_bytes(std::span(numbers)), 0));
        return numbers;
    }

    Status writeLongRope(std::optional<std::int64_t> original) {
        if (m_name != "phi3")
            return m_file.unsupported("long and short rope factors are known here for phi3 only", "Use the original model in Hugging Face layout.");
        if (!original || *original < 2)
            return m_file.broken("key \"" + m_prefix + "rope.scaling.original_context_length\" is missing or below 2");
        ATTUNE_ASSIGN(const auto attention, m_file.number(m_prefix + "rope.scaling.attn_factor"));
        Json& scaling = m_config["rope_scaling"] = {{"rope_type", "longrope"},
                                                    {"original_max_position_embeddings", *original},
                                                    {"attention_factor", shortest(attention.value_or(1.0))}};
        for (const auto& [name, key] : {std::pair{"rope_factors_long.weight", "long_factor"}, std::pair{"rope_factors_short.weight", "short_factor"}}) {
            ATTUNE_ASSIGN(const std::vector<float> numbers, ropeNumbers(name));
            Json& list = scaling[key] = Json::array();
            for (const float number : numbers)
                list.push_back(std::isfinite(number) ? shortest(static_cast<double>(number)) : 0.0); // 0 is refused with its name
        }
        return {};
    }

    // Llama 3.1 files hold the divisors of the frequencies themselves. They must be those of the published formula (factors 1 and 4,
    // trained length 8192), of which only the factor varies.
    Status writeLlama3Rope() {
        ATTUNE_ASSIGN(const std::vector<float> divisors, ropeNumbers("rope_freqs.weight"));
        const std::size_t half = divisors.size();
        constexpr double kLow = 1, kHigh = 4, kTrained = 8192, kPi = 3.14159265358979323846;
        const double theta = m_config["rope_theta"].get<double>();
        double factor = 1;
        for (const float divisor : divisors)
            factor = std::max(factor, static_cast<double>(divisor));
        factor = std::isfinite(factor) ? factor : 1;
        bool good = true;
        for (std::size_t i = 0; i < half; ++i) {
            const double wave = 2 * kPi * std::pow(theta, static_cast<double>(i) / static_cast<double>(half));
            const double smooth = std::clamp((kTrained / wave - kLow) / (kHigh - kLow), 0.0, 1.0);
            const double expected = 1 / ((1 - smooth) / factor + smooth);
            good = good && std::abs(static_cast<double>(divisors[i]) - expected) <= 1e-3 * expected;
        }
        if (!good)
            return m_file.unsupported("the factors in rope_freqs.weight follow no formula known here", "Use the original model in Hugging Face layout.");
        if (factor > 1)
            m_config["rope_scaling"] = {{"rope_type", "llama3"},
                                        {"factor", shortest(factor)},
                                        {"low_freq_factor", kLow},
                                        {"high_freq_factor", kHigh},
                                        {"original_max_position_embeddings", static_cast<std::int64_t>(kTrained)}};
        return {};
    }

    Status writeFamilyKeys() {
        ATTUNE_ASSIGN(const auto window, m_file.count(m_prefix + "attention.sliding_window", kMaxCount));
        ATTUNE_ASSIGN(const auto attentionCap, m_file.number(m_prefix + "attn_logit_softcapping"));
        ATTUNE_ASSIGN(const auto logitCap, m_file.number(m_prefix + "final_logit_softcapping"));
        if (attentionCap)
            m_config["attn_logit_softcapping"] = shortest(*attentionCap);
        if (logitCap)
            m_config["final_logit_softcapping"] = shortest(*logitCap);
        if (window && *window > 0)
            m_config["sliding_window"] = *window;
        if (m_name == "gemma2" || m_name == "gemma3") {
            // llama.cpp does not store the scale of the queries: it is the head size, but hidden / heads for the 27B models.
            const bool large = (m_name == "gemma2" && m_layers == 46) || (m_name == "gemma3" && m_layers == 62);
            m_config["query_pre_attn_scalar"] = large ? m_hidden / m_heads : m_config["head_dim"].get<std::int64_t>();
        }
        if (m_name == "gemma3") {
            m_config["sliding_window_pattern"] = 6;
            m_config["rope_local_base_freq"] = 10000.0;
        }
        return {};
    }

    Status writeIds() {
        ATTUNE_ASSIGN(const auto bos, m_file.count("tokenizer.ggml.bos_token_id", kMaxCount));
        ATTUNE_ASSIGN(const auto pad, m_file.count("tokenizer.ggml.padding_token_id", kMaxCount));
        ATTUNE_ASSIGN(const std::vector<std::int64_t> ends, ggufEndIds(m_file));
        if (bos)
            m_config["bos_token_id"] = *bos;
        if (pad)
            m_config["pad_token_id"] = *pad;
        if (!ends.empty())
            m_config["eos_token_id"] = ends;
        return {};
    }

    // As the matrices are given to readers: blocks of small numbers become f32.
    const char* storedType() const {
        std::set<GgmlType> types;
        for (const GgufTensor& tensor : m_file.tensors())
            if (tensor.shape.size() > 1)
                types.insert(tensor.type);
        return types == std::set{GgmlType::F16} ? "float16" : types == std::set{GgmlType::BF16} ? "bfloat16" : "float32";
    }

    // GGUF stores f32; the config's authors wrote 1e-05. The shortest decimal that gives the same f32 is theirs.
    static double shortest(double value) {
        const auto wanted = static_cast<float>(value);
        for (int digits = 1; digits < 9; ++digits) {
            char text[40];
            std::snprintf(text, sizeof(text), "%.*g", digits, value);
            const double candidate = std::stod(text);
            if (static_cast<float>(candidate) == wanted)
                return candidate;
        }
        return value;
    }

    const GgufFile& m_file;
    std::string m_prefix, m_name;
    Json m_config = Json::object();
    std::int64_t m_hidden = 0, m_layers = 0, m_heads = 0, m_context = 0;
};

} // namespace

Result<Json> ggufConfig(const GgufFile& file) {
    ATTUNE_ASSIGN(const auto name, file.text("general.architecture"));
    if (!name)
        return file.broken("key \"general.architecture\" is missing");
    const auto found = std::find_if(kArchitectures.begin(), kArchitectures.end(), [&](const Architecture& each) { return *name == each.gguf; });
    if (found == kArchitectures.end()) {
        std::string known;
        for (const Architecture& each : kArchitectures)
            known += (known.empty() ? "" : ", ") + std::string(each.gguf);
        return file.unsupported("the architecture \"" + name->substr(0, 60) + "\" is not known here", "Choose a GGUF file of one of these: " + known + ".");
    }
    return ConfigWriter(file, *found).write();
}

Result<std::vector<std::int64_t>> ggufEndIds(const GgufFile& file) {
    std::vector<std::int64_t> ids;
    ATTUNE_ASSIGN(const auto kind, file.text("tokenizer.ggml.model"));
    for (const char* key : {"tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id", "tokenizer.ggml.eom_token_id"}) {
        ATTUNE_ASSIGN(auto id, file.count(key, kMaxCount));
        if (!id && kind == "llama" && std::string_view(key).find("eos") != std::string_view::npos)
            id = 2; // the kind's default
        if (id && std::find(ids.begin(), ids.end(), *id) == ids.end())
            ids.push_back(*id);
    }
    return ids;
}

} // namespace attune
