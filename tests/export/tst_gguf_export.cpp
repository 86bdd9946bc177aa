// GGUF files written from models of ours: read back by the general reader and compared, their types and keys, their tokenizer against the
// one they came from, and the Modelfile.
#include <QTemporaryDir>
#include <QtTest>

#include <cmath>

#include <ATen/ATen.h>

#include "core/export/exporter.h"
#include "core/export/gguf_mixture.h"
#include "core/export/modelfile.h"
#include "core/export/weight_reader.h"
#include "core/model_files/gguf_model.h"
#include "core/model_files/gguf_writer.h"
#include "core/nn/decoder.h"
#include "core/text/tokenizer_files.h"
#include "tests/support/random_model.h"
#include "tests/support/test_data.h"
#include "tests/support/test_main.h"

using namespace attune;
using namespace attune::test;

namespace {

template <class T>
T need(Result<T> result) {
    if (!result)
        qFatal("%s", result.error().message.c_str());
    return std::move(*result);
}

const std::vector<std::vector<std::int64_t>> kTexts{{0, 300, 500, 170}, {0, 3, 490, 41, 220, 4}}; // of the smallest vocabulary here, 512

void addRandomAdapters(CausalLm& model) {
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

Exported exportModel(const fs::path& base, const fs::path& out, const std::string& quant, bool tuned = true) {
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

const Json kSmallLlama =
    Json::parse(R"({"architectures":["LlamaForCausalLM"],"model_type":"llama","hidden_size":256,"num_hidden_layers":3,"num_attention_heads":8,
    "num_key_value_heads":2,"intermediate_size":288,"max_position_embeddings":64,"rms_norm_eps":1e-5,"hidden_act":"silu","tie_word_embeddings":false,
    "attention_bias":true,"rope_theta":50000.0})");
const Json kSmallGpt2 =
    Json::parse(R"({"architectures":["GPT2LMHeadModel"],"model_type":"gpt2","n_embd":64,"n_layer":2,"n_head":4,"n_positions":64,"activation_function":"gelu_new"})");

// Gemma 1, 2 and 3 and Phi-3, as small as they get; heads of 32 so that the scale of the queries is the one llama.cpp derives.
Json smallGemma(int generation) {
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
const Json kSmallPhi3 =
    Json::parse(R"({"architectures":["Phi3ForCausalLM"],"model_type":"phi3","hidden_size":64,"num_hidden_layers":2,"num_attention_heads":4,
    "num_key_value_heads":2,"intermediate_size":96,"max_position_embeddings":64,"rms_norm_eps":1e-5,"hidden_act":"silu","rope_theta":10000.0})");

// The long and short factors of Phi-3.5, past the trained length of 5 after a few tokens.
Json smallLongRope() {
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
Json smallQwen(int generation) {
    Json json = kSmallLlama;
    json["architectures"] = Json::array({"Qwen" + std::to_string(generation) + "ForCausalLM"});
    json["model_type"] = "qwen" + std::to_string(generation);
    json["rope_theta"] = 1e6;
    json.erase("attention_bias");
    if (generation == 3)
        json["head_dim"] = 16;
    return json;
}

Json smallOlmoe() {
    Json json = kSmallLlama;
    json.update({{"architectures", Json::array({"OlmoeForCausalLM"})}, {"model_type", "olmoe"}, {"num_experts", 6}, {"num_experts_per_tok", 2},
                 {"norm_topk_prob", false}, {"attention_bias", false}, {"intermediate_size", 96}});
    return json;
}

Json smallMixture(bool qwen) {
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

} // namespace

class TestGgufExport : public QObject {
    Q_OBJECT
    QTemporaryDir m_temporary;
    fs::path folder(const char* name) const { return fs::path(m_temporary.path().toStdString()) / name; }

private Q_SLOTS:
    void initTestCase() {
        writeRandomModel(folder("llama"), kSmallLlama);
        writeRandomModel(folder("gpt2"), kSmallGpt2);
        Json llama3 = kSmallLlama;
        llama3["rope_scaling"] = {{"rope_type", "llama3"}, {"factor", 8.0}, {"low_freq_factor", 1.0}, {"high_freq_factor", 4.0}, {"original_max_position_embeddings", 8192}};
        llama3["max_position_embeddings"] = 65536;
        writeRandomModel(folder("llama3"), llama3);
        writeRandomModel(folder("gemma"), smallGemma(1));
        writeRandomModel(folder("gemma2"), smallGemma(2));
        writeRandomModel(folder("gemma3"), smallGemma(3));
        writeRandomModel(folder("phi3"), kSmallPhi3);
        writeRandomModel(folder("longrope"), smallLongRope());
        writeRandomModel(folder("qwen2"), smallQwen(2));
        writeRandomModel(folder("qwen3"), smallQwen(3));
        writeRandomModel(folder("mixtral"), smallMixture(false));
        writeRandomModel(folder("qwen3_moe"), smallMixture(true));
        writeRandomModel(folder("olmoe"), smallOlmoe());
    }

    void reloadsToTheSameModel_data() {
        QTest::addColumn<QString>("base");
        QTest::addColumn<QString>("quant");
        QTest::addColumn<double>("bound"); // of the largest logit difference, logits are of the order of 1
        for (const char* base : {"llama", "llama3", "gpt2"}) {
            QTest::addRow("%s f16", base) << base << "f16" << 5e-3;
            QTest::addRow("%s bf16", base) << base << "bf16" << 4e-2;
            QTest::addRow("%s q8_0", base) << base << "q8_0" << 6e-2;
            QTest::addRow("%s q4_0", base) << base << "q4_0" << 0.8;
            QTest::addRow("%s q4_k_m", base) << base << "q4_k_m" << 0.8;
        }
        for (const char* base : {"gemma", "gemma2", "gemma3", "phi3", "longrope", "qwen2", "qwen3", "mixtral", "qwen3_moe", "olmoe"})
            QTest::addRow("%s f16", base) << base << "f16" << 3e-2; // logits of the order of 10
    }
    void reloadsToTheSameModel() {
        QFETCH(QString, base);
        QFETCH(QString, quant);
        QFETCH(double, bound);
        const auto exported = exportModel(folder(base.toUtf8()), folder(("out-" + base + quant).toUtf8()), quant.toStdString());
        QVERIFY2(exported.agreement.maxLogitDifference < bound, QByteArray::number(exported.agreement.maxLogitDifference));
        QVERIFY(exported.agreement.maxLogitDifference > 0); // something was rounded: the comparison compares
        if (quant == "f16" && base != "phi3" && base != "longrope") // whose random weights give near ties
            QCOMPARE(exported.agreement.tokenAgreement, 1.0);
        // Without the adapter's product in the weights it would be another model.
        const auto plain = exportModel(folder(base.toUtf8()), folder(("plain-" + base + quant).toUtf8()), quant.toStdString(), false);
        QVERIFY(plain.file->find("token_embd.weight"));
    }

    void keysAreComplete() {
        const auto exported = exportModel(folder("llama"), folder("keys"), "q8_0");
        const GgufFile& file = *exported.file;
        QCOMPARE(file.version(), 3u);
        const std::map<std::string, std::int64_t> counts{{"general.file_type", 7},        {"general.quantization_version", 2}, {"llama.context_length", 64},
                                                         {"llama.embedding_length", 256}, {"llama.block_count", 3},            {"llama.feed_forward_length", 288},
                                                         {"llama.attention.head_count", 8}, {"llama.attention.head_count_kv", 2}, {"llama.rope.dimension_count", 32},
                                                         {"llama.vocab_size", 4096},      {"tokenizer.ggml.bos_token_id", 0},  {"tokenizer.ggml.eos_token_id", 1},
                                                         {"tokenizer.ggml.padding_token_id", 5}};
        for (const auto& [key, value] : counts)
            QVERIFY2(need(file.count(key, 1 << 30)) == value, key.c_str());
        QCOMPARE(*need(file.text("general.architecture")), std::string("llama"));
        QCOMPARE(*need(file.number("llama.rope.freq_base")), 50000.0);
        QCOMPARE(float(*need(file.number("llama.attention.layer_norm_rms_epsilon"))), 1e-5f);
        QCOMPARE(*need(file.text("tokenizer.ggml.model")), std::string("gpt2"));
        QCOMPARE(*need(file.text("tokenizer.ggml.pre")), std::string("smollm"));
        QCOMPARE(*need(file.flag("tokenizer.ggml.add_bos_token")), true);
        QCOMPARE(need(file.texts("tokenizer.ggml.tokens"))->size(), 4096u);
        QCOMPARE(need(file.integers("tokenizer.ggml.token_type"))->size(), 4096u);
        QCOMPARE(need(file.integers("tokenizer.ggml.token_type"))->at(3), std::int64_t{3}); // <|user|>: control
        QVERIFY(need(file.text("tokenizer.chat_template"))->find("messages") != std::string::npos);
        QCOMPARE(file.find("blk.0.attn_q.weight")->type, GgmlType::Q8_0);
        QCOMPARE(file.find("blk.0.attn_norm.weight")->type, GgmlType::F32);
        QCOMPARE(file.find("blk.0.attn_q.bias")->type, GgmlType::F32);
        QCOMPARE(file.find("output.weight")->shape, (std::vector<std::int64_t>{4096, 256}));
        // Read as a config it is the one that was exported.
        const Json config = need(ggufConfig(file));
        const ModelConfig again = need(findFamily("LlamaForCausalLM")->readConfig(config));
        const ModelConfig first = need(readModelConfig(need(ModelSource::open(folder("llama")))));
        QCOMPARE(again.vocabularySize, first.vocabularySize);
        QCOMPARE(again.headDim, first.headDim);
        QCOMPARE(again.rope.theta, first.rope.theta);
        QCOMPARE(again.normEpsilon, first.normEpsilon);
        QCOMPARE(again.qkvBias, first.qkvBias);
        QCOMPARE(again.tiedHead, first.tiedHead);
    }

    // Norms as they multiply, and what only these architectures have.
    void gemmaAndPhiAreStoredAsLlamaCppWantsThem() {
        const auto gemma = exportModel(folder("gemma2"), folder("out-keys-gemma2"), "f16", false);
        QCOMPARE(*need(gemma.file->text("general.architecture")), std::string("gemma2"));
        QCOMPARE(*need(gemma.file->number("gemma2.attn_logit_softcapping")), 2.0);
        QCOMPARE(*need(gemma.file->count("gemma2.attention.sliding_window", 100)), std::int64_t{3});
        const ModelSource source = need(ModelSource::open(folder("gemma2")));
        float stored = 0, written = 0;
        QVERIFY(source.find("model.layers.1.post_feedforward_layernorm.weight")->file->read(*source.find("model.layers.1.post_feedforward_layernorm.weight")->tensor,
                                                                                            std::as_writable_bytes(std::span(&stored, 1))));
        QVERIFY(gemma.file->read(*gemma.file->find("blk.1.post_ffw_norm.weight"), std::as_writable_bytes(std::span(&written, 1)), 0));
        QCOMPARE(written, stored + 1.0f);
        const auto phi = exportModel(folder("phi3"), folder("out-keys-phi3"), "f16", false);
        QCOMPARE(phi.file->find("blk.0.attn_qkv.weight")->shape, (std::vector<std::int64_t>{128, 64}));
        QCOMPARE(phi.file->find("blk.1.ffn_up.weight")->shape, (std::vector<std::int64_t>{192, 64}));
        QVERIFY(!phi.file->find("blk.0.ffn_gate.weight"));
    }

    // Experts are one tensor a kind, [experts, out, in]; the router keeps all its bits.
    void expertsAreStoredAsLlamaCppWantsThem() {
        const auto written = exportModel(folder("mixtral"), folder("out-keys-mixtral"), "q8_0", false);
        const GgufFile& file = *written.file;
        QCOMPARE(*need(file.text("general.architecture")), std::string("llama"));
        QCOMPARE(*need(file.count("llama.expert_count", 100)), std::int64_t{4});
        QCOMPARE(*need(file.count("llama.expert_used_count", 100)), std::int64_t{2});
        QCOMPARE(file.find("blk.0.ffn_gate_exps.weight")->shape, (std::vector<std::int64_t>{4, 288, 256}));
        QCOMPARE(file.find("blk.2.ffn_down_exps.weight")->shape, (std::vector<std::int64_t>{4, 256, 288}));
        QCOMPARE(file.find("blk.0.ffn_up_exps.weight")->type, GgmlType::Q8_0);
        QCOMPARE(file.find("blk.0.ffn_gate_inp.weight")->type, GgmlType::F32);
        QVERIFY(!file.find("blk.0.ffn_gate.weight"));
        // Expert 2's up projection lies where it belongs.
        const ModelSource source = need(ModelSource::open(folder("mixtral")));
        const auto found = source.find("model.layers.1.block_sparse_moe.experts.2.w3.weight");
        std::vector<float> stored(288 * 256), all(4 * 288 * 256);
        QVERIFY(found->file->read(*found->tensor, std::as_writable_bytes(std::span(stored))));
        const auto plain = exportModel(folder("mixtral"), folder("out-f16-mixtral"), "f16", false);
        const auto numbers = need(ggufWeights(plain.file));
        const TensorInfo* experts = numbers->find("blk.1.ffn_up_exps.weight");
        QCOMPARE(experts->shape, (std::vector<std::int64_t>{4 * 288, 256}));
        std::vector<std::uint16_t> halves(4 * 288 * 256);
        QVERIFY(numbers->read(*experts, std::as_writable_bytes(std::span(halves))));
        const at::Tensor written16 = at::from_blob(halves.data(), {4, 288, 256}, at::kHalf)[2].to(at::kFloat);
        QVERIFY((written16 - at::from_blob(stored.data(), {288, 256})).abs().max().item<float>() < 1e-3f);
        const auto qwen = exportModel(folder("qwen3_moe"), folder("out-keys-qwen3moe"), "f16", false);
        QCOMPARE(*need(qwen.file->text("general.architecture")), std::string("qwen3moe"));
        QCOMPARE(*need(qwen.file->count("qwen3moe.expert_feed_forward_length", 1000)), std::int64_t{96});
    }

    // Files of llama.cpp's first release with experts have a tensor for each of them.
    void oldFilesWithATensorForEachExpertAreRead() {
        const ModelSource source = need(ModelSource::open(exportModel(folder("mixtral"), folder("out-old-mixtral"), "f16", false).path));
        const GgufFile& file = *source.gguf();
        const auto numbers = need(ggufWeights(source.gguf()));
        GgufItems items;
        for (const auto& [key, value] : file.metadata()) {
            if (const auto* text = std::get_if<std::string>(&value))
                items.emplace_back(key, *text);
            else if (const auto* whole = std::get_if<std::int64_t>(&value))
                items.emplace_back(key, static_cast<std::uint32_t>(*whole));
            else if (const auto* real = std::get_if<double>(&value))
                items.emplace_back(key, static_cast<float>(*real));
        }
        std::vector<GgufTensorToWrite> tensors;
        std::vector<std::vector<std::byte>> contents;
        contents.reserve(1000);
        for (const TensorInfo& info : numbers->tensors()) {
            std::vector<std::byte> all(info.end - info.begin);
            const GgufTensor& stored = *file.find(info.name);
            QVERIFY(file.read(stored, std::span(all).first(stored.bytes), 0)); // as it lies in the file, q and k interleaved
            all.resize(stored.bytes);
            const auto at = info.name.find("_exps.weight");
            const std::size_t count = at == std::string::npos ? 1 : 4, each = all.size() / count;
            for (std::size_t e = 0; e < count; ++e) {
                std::string name = info.name;
                if (count > 1)
                    name.replace(at, std::string::npos, "." + std::to_string(e) + ".weight");
                contents.emplace_back(all.begin() + static_cast<std::ptrdiff_t>(e * each), all.begin() + static_cast<std::ptrdiff_t>((e + 1) * each));
                const std::vector<std::int64_t> shape = count > 1 ? std::vector<std::int64_t>{stored.shape[1], stored.shape[2]} : stored.shape;
                tensors.push_back({name, stored.type, shape, [&contents, index = contents.size() - 1]() -> Result<std::span<const std::byte>> {
                                       return std::span<const std::byte>(contents[index]);
                                   }});
            }
        }
        const fs::path old = folder("old-experts.gguf");
        QVERIFY(writeGguf(old, items, tensors));
        const ModelSource again = need(ModelSource::open(old));
        QVERIFY(again.find("blk.0.ffn_gate.3.weight") && !again.find("blk.0.ffn_gate_exps.weight"));
        const auto before = need(readModel(source, {at::kFloat, at::kCPU})), after = need(readModel(again, {at::kFloat, at::kCPU}));
        QVERIFY(need(compareModels(*before, *after, kTexts, 8)).maxLogitDifference == 0);
    }

    // Names and keys as llama.cpp's own converter writes them, and read back as they were.
    void longRopeIsTwoTensorsAndAMagnitude() {
        const auto exported = exportModel(folder("longrope"), folder("out-keys-longrope"), "f16", false);
        const GgufFile& file = *exported.file;
        for (const char* name : {"rope_factors_long.weight", "rope_factors_short.weight"}) {
            QVERIFY(file.find(name));
            QCOMPARE(file.find(name)->shape, std::vector<std::int64_t>{8});
            QCOMPARE(file.find(name)->type, GgmlType::F32);
        }
        std::vector<float> longs(8);
        QVERIFY(file.read(*file.find("rope_factors_long.weight"), std::as_writable_bytes(std::span(longs)), 0));
        QCOMPARE(longs[3], static_cast<float>(1.05 + 1.7 * 3));
        QCOMPARE(*need(file.count("phi3.rope.scaling.original_context_length", 1 << 20)), std::int64_t{5});
        const double magnitude = std::sqrt(1 + std::log(64.0 / 5.0) / std::log(5.0)); // of the paper, Ding et al. 2024
        QVERIFY(std::abs(*need(file.number("phi3.rope.scaling.attn_factor")) - magnitude) < 1e-6);
        const ModelConfig again = need(findFamily("Phi3ForCausalLM")->readConfig(need(ggufConfig(file))));
        const ModelConfig first = need(readModelConfig(need(ModelSource::open(folder("longrope")))));
        QCOMPARE(again.rope.scaling, RopeScaling::LongRope);
        QCOMPARE(again.rope.originalContext, first.rope.originalContext);
        for (std::size_t i = 0; i < 8; ++i) { // the file holds f32
            QCOMPARE(static_cast<float>(again.rope.longFactor.at(i)), static_cast<float>(first.rope.longFactor.at(i)));
            QCOMPARE(static_cast<float>(again.rope.shortFactor.at(i)), static_cast<float>(first.rope.shortFactor.at(i)));
        }
        QVERIFY(std::abs(again.rope.attentionFactor - first.rope.attentionFactor) < 1e-6);
    }

    // What llama.cpp's graphs would compute otherwise.
    void traitsWithoutAKeyAreRefused() {
        const auto refused = [&](Json json, const char* name) {
            fs::remove_all(folder(name));
            writeRandomModel(folder(name), std::move(json));
            const ModelSource source = need(ModelSource::open(folder(name)));
            const auto model = need(readModel(source, {at::kFloat, at::kCPU}));
            const auto written = findExporter("gguf")->write({source, *findFamily(model->config().architecture), *model, "", {}}, folder("refused"), {});
            return !written && written.error().code == ErrorCode::Unsupported;
        };
        Json scale = smallGemma(2), pattern = smallGemma(3), base = smallGemma(3), window = kSmallLlama, phi = kSmallPhi3;
        phi["sliding_window"] = 4; // llama.cpp reads the key and attends to everything
        scale["query_pre_attn_scalar"] = 17;
        pattern["sliding_window_pattern"] = 2;
        base["rope_local_base_freq"] = 500.0;
        window["architectures"] = Json::array({"MistralForCausalLM"});
        window["sliding_window"] = 4;
        window.erase("attention_bias");
        Json probabilities = smallMixture(true);
        probabilities["norm_topk_prob"] = false; // llama.cpp divides them by their sum
        QVERIFY(refused(probabilities, "other-experts"));
        QVERIFY(refused(scale, "other-scale") && refused(pattern, "other-pattern") && refused(base, "other-base") && refused(window, "other-window") && refused(phi, "phi-window"));
    }

    void mixtureFollowsTheRule() {
        const GgufMixture& mixture = *findGgufMixture("q4_k_m");
        // 32 layers: the first and last four, and every third of the others from the seventh on.
        std::vector<std::int64_t> more;
        for (std::int64_t layer = 0; layer < 32; ++layer)
            if (mixtureType(mixture, "blk." + std::to_string(layer) + ".ffn_down.weight", {4096, 11008}, layer, 32, false) == GgmlType::Q6_K)
                more.push_back(layer);
        QCOMPARE(more, (std::vector<std::int64_t>{0, 1, 2, 3, 6, 9, 12, 15, 18, 21, 24, 27, 28, 29, 30, 31}));
        QCOMPARE(mixtureType(mixture, "output.weight", {32000, 4096}, -1, 32, false), GgmlType::Q6_K);
        QCOMPARE(mixtureType(mixture, "token_embd.weight", {32000, 4096}, -1, 32, false), GgmlType::Q4_K);
        QCOMPARE(mixtureType(mixture, "token_embd.weight", {32000, 4096}, -1, 32, true), GgmlType::Q6_K);
        QCOMPARE(mixtureType(mixture, "blk.0.attn_norm.weight", {4096}, 0, 32, false), GgmlType::F32);
        QCOMPARE(mixtureType(mixture, "blk.5.attn_q.weight", {4096, 4096}, 5, 32, false), GgmlType::Q4_K);
        QCOMPARE(mixtureType(mixture, "blk.5.attn_qkv.weight", {12288, 4096}, 5, 32, false), GgmlType::Q5_K);
        QCOMPARE(mixtureType(mixture, "blk.5.attn_q.weight", {64, 96}, 5, 32, false), GgmlType::Q5_0); // no whole number of 256
        QCOMPARE(mixtureType(mixture, "blk.0.ffn_down.weight", {64, 288}, 0, 32, false), GgmlType::Q8_0);
        QCOMPARE(mixtureType(mixture, "blk.0.ffn_down.weight", {64, 172}, 0, 32, false), GgmlType::F16);
        QCOMPARE(mixtureType(*findGgufMixture("q4_0"), "output.weight", {64, 256}, -1, 2, false), GgmlType::Q6_K);
        QCOMPARE(mixtureType(*findGgufMixture("q8_0"), "output.weight", {64, 256}, -1, 2, false), GgmlType::Q8_0);
    }

    void attentionBesideEightExpertsKeepsMoreBits() {
        const GgufMixture& mixture = *findGgufMixture("q4_k_m");
        const auto typeOf = [&](const char* name, std::int64_t experts) { return mixtureType(mixture, name, {4096, 4096}, 5, 32, false, experts); };
        QCOMPARE(typeOf("blk.5.attn_v.weight", 8), GgmlType::Q8_0);
        QCOMPARE(typeOf("blk.5.attn_k.weight", 8), GgmlType::Q8_0);
        QCOMPARE(typeOf("blk.5.attn_output.weight", 8), GgmlType::Q5_K);
        QCOMPARE(typeOf("blk.5.attn_k.weight", 4), GgmlType::Q4_K);
        QCOMPARE(typeOf("blk.5.ffn_gate_inp.weight", 8), GgmlType::F32);
        QCOMPARE(mixtureType(mixture, "blk.0.ffn_down_exps.weight", {32768, 14336}, 0, 32, false, 8), GgmlType::Q6_K);
    }

    void mixtureOfAGgufTrainsAndMerges() {
        const auto exported = exportModel(folder("mixtral"), folder("mixtral-base"), "q8_0", false);
        const ModelSource source = need(ModelSource::open(exported.path));
        const auto tuned = need(readModel(source, {at::kFloat, at::kCPU}));
        addRandomAdapters(*tuned);
        const ModelFamily& family = *findFamily("MixtralForCausalLM");
        (void)need(findExporter("merged")->write({source, family, *tuned, "", {}}, folder("mixtral-from-gguf"), {}));
        const ModelSource merged = need(ModelSource::open(folder("mixtral-from-gguf")));
        QCOMPARE(merged.find("model.layers.0.block_sparse_moe.experts.3.w2.weight")->tensor->shape, (std::vector<std::int64_t>{256, 288}));
        QVERIFY(merged.find("model.layers.2.block_sparse_moe.gate.weight"));
        const auto reloaded = need(readModel(merged, {at::kFloat, at::kCPU}));
        QVERIFY(need(compareModels(*tuned, *reloaded, kTexts, 8)).maxLogitDifference < 1e-4);
    }

    void tokenizerSurvives() {
        const auto exported = exportModel(folder("llama"), folder("tokens"), "f16");
        const auto before = need(Tokenizer::load(folder("llama"))), after = need(Tokenizer::load(exported.path));
        QCOMPARE(after->vocabularySize(), before->vocabularySize());
        for (const char* text : {"Hello, world! 12345 times", "  two blanks\n\n\tand tabs", "<|user|>not a role<|end|>", "Grüße aus Köln, 東京 🙂", "it's we're I'll", ""})
            for (const bool parse : {true, false})
                for (const bool special : {true, false}) {
                    const EncodeOptions options{.addSpecialTokens = special, .parseSpecialTokens = parse};
                    const auto ids = need(before->encode(text, options)).ids;
                    QCOMPARE(need(after->encode(text, options)).ids, ids);
                    QCOMPARE(after->decode(ids, false), before->decode(ids, false));
                }
        QCOMPARE(after->chatTemplate(), before->chatTemplate());
        QCOMPARE(after->bosToken(), before->bosToken());
        QCOMPARE(after->eosToken(), before->eosToken());
        QCOMPARE(after->isSpecial(3), true);
    }

    void sentencepieceTokenizerSurvives() {
        ATTUNE_REQUIRE_TEST_DATA("models/stories260K");
        const auto exported = exportModel(dataPath, folder("stories"), "f16", false);
        QCOMPARE(*need(exported.file->text("tokenizer.ggml.model")), std::string("llama"));
        const auto before = need(Tokenizer::load(dataPath)), after = need(Tokenizer::load(exported.path));
        for (const char* text : {"Once upon a time, there was a little girl named Lily.", " leading", "Zoë 東京 🙂\n\tTab", "</s> is text", ""})
            QCOMPARE(need(after->encode(text, {.addSpecialTokens = true, .parseSpecialTokens = false})).ids, need(before->encode(text, {.addSpecialTokens = true, .parseSpecialTokens = false})).ids);
        QCOMPARE(exported.agreement.tokenAgreement, 1.0);
    }

    void inexactTokenizerIsRefused() {
        ATTUNE_REQUIRE_TEST_DATA("models/TinyStories-656K"); // its merges are a list that scores cannot say
        const ModelSource source = need(ModelSource::open(dataPath));
        const auto model = need(readModel(source, {at::kFloat, at::kCPU}));
        const auto result = findExporter("gguf")->write({source, *findFamily("LlamaForCausalLM"), *model, ""}, folder("inexact"), {});
        QVERIFY(!result);
        QCOMPARE(result.error().code, ErrorCode::Unsupported);
        QVERIFY(result.error().message.find("never joins") != std::string::npos);
        QVERIFY(!fs::exists(folder("inexact")));
    }

    void ggufBaseTrainsAndMerges() {
        const auto exported = exportModel(folder("gpt2"), folder("as-base"), "q8_0", false);
        const ModelSource source = need(ModelSource::open(exported.path));
        const auto tuned = need(readModel(source, {at::kFloat, at::kCPU}));
        addRandomAdapters(*tuned);
        const ModelFamily& family = *findFamily("GPT2LMHeadModel");
        const ExportInput input{source, family, *tuned, "", {}};
        const auto files = need(findExporter("merged")->write(input, folder("from-gguf"), {}));
        QVERIFY(std::find(files.begin(), files.end(), "tokenizer.json") != files.end());
        const ModelSource merged = need(ModelSource::open(folder("from-gguf")));
        QVERIFY(merged.find("transformer.h.0.attn.c_attn.weight"));
        QCOMPARE(merged.find("transformer.h.0.attn.c_attn.weight")->tensor->shape, (std::vector<std::int64_t>{64, 192}));
        const auto reloaded = need(readModel(merged, {at::kFloat, at::kCPU}));
        QVERIFY(need(compareModels(*tuned, *reloaded, kTexts, 8)).maxLogitDifference < 1e-4);
        const auto before = need(Tokenizer::load(exported.path)), after = need(Tokenizer::load(folder("from-gguf")));
        QCOMPARE(need(after->encode("Hello <|user|> 42", {})).ids, need(before->encode("Hello <|user|> 42", {})).ids);
        // And out again as GGUF: the vocabulary is carried over as it is.
        const auto again = need(findExporter("gguf")->write(input, folder("again"), {}));
        QCOMPARE(*need(need(GgufFile::open(folder("again") / again[0]))->texts("tokenizer.ggml.tokens")), *need(exported.file->texts("tokenizer.ggml.tokens")));
    }

    void modelfileSaysWhatItCanExactly() {
        const auto exported = exportModel(folder("llama"), folder("modelfile"), "q8_0");
        const std::string& text = exported.modelfile;
        QVERIFY2(text.find("FROM ./base-Q8_0.gguf\n") != std::string::npos, text.c_str());
        QVERIFY(text.find("PARAMETER num_ctx 64\n") != std::string::npos);
        QVERIFY(text.find("PARAMETER stop \"<|end|>\"\n") != std::string::npos);
        // The starter model's template frames each message alike: rendering the Go template by hand gives the same prompt.
        const auto tokenizer = need(Tokenizer::load(folder("llama")));
        const PromptFormat format = need(PromptFormat::forTokenizer(tokenizer));
        const auto go = goTemplate(format);
        const std::string expected = "{{ range .Messages }}{{ if eq .Role \"system\" }}<|system|>\n{{ .Content }}<|end|>\n"
                                     "{{ else if eq .Role \"user\" }}<|user|>\n{{ .Content }}<|end|>\n"
                                     "{{ else if eq .Role \"assistant\" }}<|assistant|>\n{{ .Content }}<|end|>\n{{ end }}{{ end }}<|assistant|>\n";
        QVERIFY(go);
        QCOMPARE(*go, expected); // without <|begin|>: llama.cpp adds it
        QVERIFY(text.find("TEMPLATE \"\"\"" + expected + "\"\"\"") != std::string::npos);
        // A template that trims, or treats a role otherwise, has no exact form: the Modelfile says so.
        for (const char* chat : {"{% for m in messages %}<{{ m.role }}>{{ m.content | trim }}</>{% endfor %}", "{% for m in messages %}{{ loop.index }}<{{ m.role }}>{{ m.content }}</>{% endfor %}",
                                 "{% for m in messages %}{% if m.role != 'system' %}<{{ m.role }}>{{ m.content }}</>{% endif %}{% endfor %}{{ messages | length }}"}) {
            const fs::path other = folder("other-template");
            fs::remove_all(other);
            fs::copy(folder("llama"), other);
            Json config = need(readJsonFile(other / "tokenizer_config.json"));
            config["chat_template"] = chat;
            QVERIFY(writeFileAtomic(other / "tokenizer_config.json", config.dump()));
            const std::string modelfile = need(makeModelfile("x.gguf", other, need(readModelConfig(need(ModelSource::open(other)))), "Be brief."));
            QVERIFY2(modelfile.find("cannot be written as an Ollama TEMPLATE exactly") != std::string::npos, modelfile.c_str());
            QVERIFY(modelfile.find("TEMPLATE \"") == std::string::npos);
            QVERIFY(modelfile.find("SYSTEM \"\"\"Be brief.\"\"\"") != std::string::npos);
        }
    }
};

ATTUNE_TEST(TestGgufExport)
#include "tst_gguf_export.moc"
