// Small random models of many families and their way to GGUF and back, for the tests of that exporter.
#pragma once

#include <QTemporaryDir>
#include <QtTest>

#include <ATen/ATen.h>

#include "core/export/exporter.h"
#include "core/export/weight_reader.h"
#include "core/model_files/gguf_model.h"
#include "core/nn/decoder.h"
#include "tests/support/random_model.h"

namespace attune::test {

template <class T>
T need(Result<T> result) {
    if (!result)
        qFatal("%s", result.error().message.c_str());
    return std::move(*result);
}

inline const std::vector<std::vector<std::int64_t>> kTexts{{0, 300, 500, 170}, {0, 3, 490, 41, 220, 4}}; // of the smallest vocabulary here, 512

inline void addRandomAdapters(CausalLm& model) {
    int i = 0;
    for (Block& block : model.blocks)
        for (Linear* linear : block.linears())
            for (LinearPart& part : linear->parts) {
                ++i;
                part.lora = std::make_unique<LoraAdapter>();
                part.lora->a.value = (at::arange(2 * linear->inFeatures(), at::kFloat) * (0.3 + i)).sin().view({2, -1}) * 0.05;
                part.lora->b.value = (at::arange(part.rows * 2, at::kFloat) * (0.7 + i)).cos().view({-1, 2}) * 0.05;
                part.lora->scale = 1.5;
            }
    model.prepareAdapters();
    model.refreshComputeWeights();
}

struct Exported {
    std::shared_ptr<const GgufFile> file;
    Agreement agreement;
    std::string modelfile;
    fs::path path;
};

inline Exported exportModel(const fs::path& base, const fs::path& out, const std::string& quant, bool tuned = true) {
    const ModelSource source = need(ModelSource::open(base));
    const auto model = need(readModel(source, {at::kFloat, at::kCPU}));
    if (tuned)
        addRandomAdapters(*model);
    const ModelFamily& family = *findFamily(model->config().architecture);
    const ExportInput input{source, family, *model, "some/base", {{"quant", quant}}};
    const auto files = need(findExporter("gguf")->write(input, out, {}));
    const auto reloaded = need(findExporter("gguf")->reload(input, out, {at::kFloat, at::kCPU}));
    return {need(GgufFile::open(out / files[0])), need(compareModels(*model, *reloaded, kTexts, 8)), need(readFile(out / "Modelfile")), out / files[0]};
}

inline const Json kSmallLlama =
    Json::parse(R"({"architectures":["LlamaForCausalLM"],"model_type":"llama","hidden_size":256,"num_hidden_layers":3,"num_attention_heads":8,
    "num_key_value_heads":2,"intermediate_size":288,"max_position_embeddings":64,"rms_norm_eps":1e-5,"hidden_act":"silu","tie_word_embeddings":false,
    "attention_bias":true,"rope_theta":50000.0})");
inline const Json kSmallGpt2 =
    Json::parse(R"({"architectures":["GPT2LMHeadModel"],"model_type":"gpt2","n_embd":64,"n_layer":2,"n_head":4,"n_positions":64,"activation_function":"gelu_new"})");

// Gemma 1, 2 and 3 and Phi-3, as small as they get; heads of 32 so that the scale of the queries is the one llama.cpp derives.
inline Json smallGemma(int generation) {
    Json json = Json::parse(R"({"hidden_size":64,"num_hidden_layers":6,"num_attention_heads":4,"num_key_value_heads":2,"head_dim":32,
        "intermediate_size":96,"max_position_embeddings":64,"rms_norm_eps":1e-6,"hidden_activation":"gelu_pytorch_tanh","rope_theta":10000.0})");
    json["architectures"] = Json::array({generation == 1 ? "GemmaForCausalLM" : "Gemma" + std::to_string(generation) + "ForCausalLM"});
    json["model_type"] = generation == 1 ? "gemma" : generation == 2 ? "gemma2" : "gemma3_text";
    if (generation > 1)
        json.update({{"query_pre_attn_scalar", 32}, {"sliding_window", 3}});
    if (generation == 2)
        json.update({{"attn_logit_softcapping", 2.0}, {"final_logit_softcapping", 5.0}});
    if (generation == 3)
        json.update({{"rope_theta", 1e6}, {"rope_local_base_freq", 10000.0}, {"rope_scaling", {{"rope_type", "linear"}, {"factor", 8.0}}}});
    return json;
}
inline const Json kSmallPhi3 =
    Json::parse(R"({"architectures":["Phi3ForCausalLM"],"model_type":"phi3","hidden_size":64,"num_hidden_layers":2,"num_attention_heads":4,
    "num_key_value_heads":2,"intermediate_size":96,"max_position_embeddings":64,"rms_norm_eps":1e-5,"hidden_act":"silu","rope_theta":10000.0})");

// The long and short factors of Phi-3.5, past the trained length of 5 after a few tokens.
inline Json smallLongRope() {
    Json json = kSmallPhi3;
    Json &scaling = json["rope_scaling"] = {{"type", "longrope"}}, &shorts = scaling["short_factor"] = Json::array(), &longs = scaling["long_factor"] = Json::array();
    for (int pair = 0; pair < 8; ++pair) {
        shorts.push_back(1.0 + 0.125 * pair);
        longs.push_back(1.05 + 1.7 * pair);
    }
    json["original_max_position_embeddings"] = 5;
    return json;
}

// Qwen 2 has biases of queries, keys and values, Qwen 3 norms of their heads; neither stores rows interleaved.
inline Json smallQwen(int generation) {
    Json json = kSmallLlama;
    json["architectures"] = Json::array({"Qwen" + std::to_string(generation) + "ForCausalLM"});
    json["model_type"] = "qwen" + std::to_string(generation);
    json["rope_theta"] = 1e6;
    json.erase("attention_bias");
    if (generation == 3)
        json["head_dim"] = 16;
    return json;
}

inline Json smallOlmoe() {
    Json json = kSmallLlama;
    json.update({{"architectures", Json::array({"OlmoeForCausalLM"})}, {"model_type", "olmoe"}, {"num_experts", 6}, {"num_experts_per_tok", 2},
                 {"norm_topk_prob", false}, {"attention_bias", false}, {"intermediate_size", 96}});
    return json;
}

inline Json smallMixture(bool qwen) {
    Json json = kSmallLlama;
    json["architectures"] = Json::array({qwen ? "Qwen3MoeForCausalLM" : "MixtralForCausalLM"});
    json["model_type"] = qwen ? "qwen3_moe" : "mixtral";
    json.erase("attention_bias");
    json["num_experts_per_tok"] = 2;
    if (qwen)
        json.update({{"num_experts", 6}, {"moe_intermediate_size", 96}, {"norm_topk_prob", true}, {"head_dim", 32}});
    else
        json["num_local_experts"] = 4;
    return json;
}

/// Each of the models under its name in a folder that goes with the test.
class GgufModels {
public:
    fs::path folder(const std::string& name) const { return fs::path(m_temporary.path().toStdString()) / name; }
    /// The model's folder, written when it is first asked for.
    fs::path model(const std::string& name) const {
        if (!fs::exists(folder(name)))
            writeRandomModel(folder(name), configOf(name));
        return folder(name);
    }

private:
    static Json configOf(const std::string& name) {
        if (name == "llama3") {
            Json llama3 = kSmallLlama;
            llama3["rope_scaling"] = {{"rope_type", "llama3"}, {"factor", 8.0}, {"low_freq_factor", 1.0}, {"high_freq_factor", 4.0}, {"original_max_position_embeddings", 8192}};
            llama3["max_position_embeddings"] = 65536;
            return llama3;
        }
        return name == "gpt2"        ? kSmallGpt2
               : name == "gemma"     ? smallGemma(1)
               : name == "gemma2"    ? smallGemma(2)
               : name == "gemma3"    ? smallGemma(3)
               : name == "phi3"      ? kSmallPhi3
               : name == "longrope"  ? smallLongRope()
               : name == "qwen2"     ? smallQwen(2)
               : name == "qwen3"     ? smallQwen(3)
               : name == "mixtral"   ? smallMixture(false)
               : name == "qwen3_moe" ? smallMixture(true)
               : name == "olmoe"     ? smallOlmoe()
                                     : kSmallLlama;
    }
    QTemporaryDir m_temporary;
};

} // namespace attune::test
