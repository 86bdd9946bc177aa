// How families are stored in GGUF: names, shapes and keys as llama.cpp and its converter have them, and older files.
#include <cmath>

#include "core/model_files/gguf_writer.h"
#include "tests/export/gguf_scene.h"
#include "tests/support/test_main.h"

using namespace attune;
using namespace attune::test;

class TestGgufLayouts : public QObject {
    Q_OBJECT
    GgufModels m_models;

private Q_SLOTS:
    // Norms as they multiply, and what only these architectures have.
    void gemmaAndPhiAreStoredAsLlamaCppWantsThem() {
        const auto gemma = exportModel(m_models.model("gemma2"), m_models.folder("out-keys-gemma2"), "f16", false);
        QCOMPARE(*need(gemma.file->text("general.architecture")), std::string("gemma2"));
        QCOMPARE(*need(gemma.file->number("gemma2.attn_logit_softcapping")), 2.0);
        QCOMPARE(*need(gemma.file->count("gemma2.attention.sliding_window", 100)), std::int64_t{3});
        const ModelSource source = need(ModelSource::open(m_models.model("gemma2")));
        float stored = 0, written = 0;
        QVERIFY(source.find("model.layers.1.post_feedforward_layernorm.weight")->file->read(*source.find("model.layers.1.post_feedforward_layernorm.weight")->tensor,
                                                                                            std::as_writable_bytes(std::span(&stored, 1))));
        QVERIFY(gemma.file->read(*gemma.file->find("blk.1.post_ffw_norm.weight"), std::as_writable_bytes(std::span(&written, 1)), 0));
        QCOMPARE(written, stored + 1.0f);
        const auto phi = exportModel(m_models.model("phi3"), m_models.folder("out-keys-phi3"), "f16", false);
        QCOMPARE(phi.file->find("blk.0.attn_qkv.weight")->shape, (std::vector<std::int64_t>{128, 64}));
        QCOMPARE(phi.file->find("blk.1.ffn_up.weight")->shape, (std::vector<std::int64_t>{192, 64}));
        QVERIFY(!phi.file->find("blk.0.ffn_gate.weight"));
    }

    // Experts are one tensor a kind, [experts, out, in]; the router keeps all its bits.
    void expertsAreStoredAsLlamaCppWantsThem() {
        const auto written = exportModel(m_models.model("mixtral"), m_models.folder("out-keys-mixtral"), "q8_0", false);
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
        const ModelSource source = need(ModelSource::open(m_models.model("mixtral")));
        const auto found = source.find("model.layers.1.block_sparse_moe.experts.2.w3.weight");
        std::vector<float> stored(288 * 256), all(4 * 288 * 256);
        QVERIFY(found->file->read(*found->tensor, std::as_writable_bytes(std::span(stored))));
        const auto plain = exportModel(m_models.model("mixtral"), m_models.folder("out-f16-mixtral"), "f16", false);
        const auto numbers = need(ggufWeights(plain.file));
        const TensorInfo* experts = numbers->find("blk.1.ffn_up_exps.weight");
        QCOMPARE(experts->shape, (std::vector<std::int64_t>{4 * 288, 256}));
        std::vector<std::uint16_t> halves(4 * 288 * 256);
        QVERIFY(numbers->read(*experts, std::as_writable_bytes(std::span(halves))));
        const at::Tensor written16 = at::from_blob(halves.data(), {4, 288, 256}, at::kHalf)[2].to(at::kFloat);
        QVERIFY((written16 - at::from_blob(stored.data(), {288, 256})).abs().max().item<float>() < 1e-3f);
        const auto qwen = exportModel(m_models.model("qwen3_moe"), m_models.folder("out-keys-qwen3moe"), "f16", false);
        QCOMPARE(*need(qwen.file->text("general.architecture")), std::string("qwen3moe"));
        QCOMPARE(*need(qwen.file->count("qwen3moe.expert_feed_forward_length", 1000)), std::int64_t{96});
    }

    // Files of llama.cpp's first release with experts have a tensor for each of them.
    void oldFilesWithATensorForEachExpertAreRead() {
        const ModelSource source = need(ModelSource::open(exportModel(m_models.model("mixtral"), m_models.folder("out-old-mixtral"), "f16", false).path));
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
        const fs::path old = m_models.folder("old-experts.gguf");
        QVERIFY(writeGguf(old, items, tensors));
        const ModelSource again = need(ModelSource::open(old));
        QVERIFY(again.find("blk.0.ffn_gate.3.weight") && !again.find("blk.0.ffn_gate_exps.weight"));
        const auto before = need(readModel(source, {at::kFloat, at::kCPU})), after = need(readModel(again, {at::kFloat, at::kCPU}));
        QVERIFY(need(compareModels(*before, *after, kTexts, 8)).maxLogitDifference == 0);
    }

    // Names and keys as llama.cpp's own converter writes them, and read back as they were.
    void longRopeIsTwoTensorsAndAMagnitude() {
        const auto exported = exportModel(m_models.model("longrope"), m_models.folder("out-keys-longrope"), "f16", false);
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
        const ModelConfig first = need(readModelConfig(need(ModelSource::open(m_models.model("longrope")))));
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
            fs::remove_all(m_models.folder(name));
            writeRandomModel(m_models.folder(name), std::move(json));
            const ModelSource source = need(ModelSource::open(m_models.folder(name)));
            const auto model = need(readModel(source, {at::kFloat, at::kCPU}));
            const auto written = findExporter("gguf")->write({source, *findFamily(model->config().architecture), *model, "", {}}, m_models.folder("refused"), {});
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
};

ATTUNE_TEST(TestGgufLayouts)
#include "tst_gguf_layouts.moc"
