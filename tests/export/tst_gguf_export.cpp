// GGUF files written from models of ours: read back by the general reader and compared, their types and keys, and as the base of a training.
#include "core/export/gguf_mixture.h"
#include "core/text/tokenizer.h"
#include "tests/export/gguf_scene.h"
#include "tests/support/test_main.h"

using namespace attune;
using namespace attune::test;

class TestGgufExport : public QObject {
    Q_OBJECT
    GgufModels m_models;

private Q_SLOTS:
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
        const auto exported = exportModel(m_models.model(base.toStdString()), m_models.folder(("out-" + base + quant).toStdString()), quant.toStdString());
        QVERIFY2(exported.agreement.maxLogitDifference < bound, QByteArray::number(exported.agreement.maxLogitDifference));
        QVERIFY(exported.agreement.maxLogitDifference > 0); // something was rounded: the comparison compares
        if (quant == "f16" && base != "phi3" && base != "longrope") // whose random weights give near ties
            QCOMPARE(exported.agreement.tokenAgreement, 1.0);
        // Without the adapter's product in the weights it would be another model.
        const auto plain = exportModel(m_models.model(base.toStdString()), m_models.folder(("plain-" + base + quant).toStdString()), quant.toStdString(), false);
        QVERIFY(plain.file->find("token_embd.weight"));
    }

    void keysAreComplete() {
        const auto exported = exportModel(m_models.model("llama"), m_models.folder("keys"), "q8_0");
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
        const ModelConfig first = need(readModelConfig(need(ModelSource::open(m_models.model("llama")))));
        QCOMPARE(again.vocabularySize, first.vocabularySize);
        QCOMPARE(again.headDim, first.headDim);
        QCOMPARE(again.rope.theta, first.rope.theta);
        QCOMPARE(again.normEpsilon, first.normEpsilon);
        QCOMPARE(again.qkvBias, first.qkvBias);
        QCOMPARE(again.tiedHead, first.tiedHead);
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
        const auto exported = exportModel(m_models.model("mixtral"), m_models.folder("mixtral-base"), "q8_0", false);
        const ModelSource source = need(ModelSource::open(exported.path));
        const auto tuned = need(readModel(source, {at::kFloat, at::kCPU}));
        addRandomAdapters(*tuned);
        const ModelFamily& family = *findFamily("MixtralForCausalLM");
        (void)need(findExporter("merged")->write({source, family, *tuned, "", {}}, m_models.folder("mixtral-from-gguf"), {}));
        const ModelSource merged = need(ModelSource::open(m_models.folder("mixtral-from-gguf")));
        QCOMPARE(merged.find("model.layers.0.block_sparse_moe.experts.3.w2.weight")->tensor->shape, (std::vector<std::int64_t>{256, 288}));
        QVERIFY(merged.find("model.layers.2.block_sparse_moe.gate.weight"));
        const auto reloaded = need(readModel(merged, {at::kFloat, at::kCPU}));
        QVERIFY(need(compareModels(*tuned, *reloaded, kTexts, 8)).maxLogitDifference < 1e-4);
    }

    void ggufBaseTrainsAndMerges() {
        const auto exported = exportModel(m_models.model("gpt2"), m_models.folder("as-base"), "q8_0", false);
        const ModelSource source = need(ModelSource::open(exported.path));
        const auto tuned = need(readModel(source, {at::kFloat, at::kCPU}));
        addRandomAdapters(*tuned);
        const ModelFamily& family = *findFamily("GPT2LMHeadModel");
        const ExportInput input{source, family, *tuned, "", {}};
        const auto files = need(findExporter("merged")->write(input, m_models.folder("from-gguf"), {}));
        QVERIFY(std::find(files.begin(), files.end(), "tokenizer.json") != files.end());
        const ModelSource merged = need(ModelSource::open(m_models.folder("from-gguf")));
        QVERIFY(merged.find("transformer.h.0.attn.c_attn.weight"));
        QCOMPARE(merged.find("transformer.h.0.attn.c_attn.weight")->tensor->shape, (std::vector<std::int64_t>{64, 192}));
        const auto reloaded = need(readModel(merged, {at::kFloat, at::kCPU}));
        QVERIFY(need(compareModels(*tuned, *reloaded, kTexts, 8)).maxLogitDifference < 1e-4);
        const auto before = need(Tokenizer::load(exported.path)), after = need(Tokenizer::load(m_models.folder("from-gguf")));
        QCOMPARE(need(after->encode("Hello <|user|> 42", {})).ids, need(before->encode("Hello <|user|> 42", {})).ids);
        // And out again as GGUF: the vocabulary is carried over as it is.
        const auto again = need(findExporter("gguf")->write(input, m_models.folder("again"), {}));
        QCOMPARE(*need(need(GgufFile::open(m_models.folder("again") / again[0]))->texts("tokenizer.ggml.tokens")), *need(exported.file->texts("tokenizer.ggml.tokens")));
    }
};

ATTUNE_TEST(TestGgufExport)
#include "tst_gguf_export.moc"
