// PEFT folders of the other methods: DoRA, adapters that began as PiSSA, trained prompts; merged where that is possible.
#include <QTemporaryDir>
#include <QtTest>

#include <ATen/ATen.h>

#include "core/export/exporter.h"
#include "core/export/peft_adapter.h"
#include "core/export/weight_reader.h"
#include "core/methods/method.h"
#include "tests/support/test_main.h"

using namespace attune;

namespace {

template <class T>
T required(Result<T> result) {
    if (!result)
        qFatal("%s", result.error().message.c_str());
    return std::move(*result);
}

struct Folder {
    QTemporaryDir temporary;
    fs::path base, out;

    // A base model's folder; GPT-2's layers are stored fused and transposed.
    explicit Folder(bool gpt2) {
        base = fs::path(temporary.path().toStdString()) / "base", out = base.parent_path() / "out";
        fs::create_directories(base);
        const Json config = gpt2 ? Json::parse(R"({"architectures":["GPT2LMHeadModel"],"model_type":"gpt2","vocab_size":61,"n_embd":32,
                "n_layer":2,"n_head":4,"n_positions":64,"activation_function":"gelu_new","torch_dtype":"float32"})")
                                 : Json::parse(R"({"architectures":["LlamaForCausalLM"],"model_type":"llama","vocab_size":61,"hidden_size":32,
                "num_hidden_layers":2,"num_attention_heads":4,"num_key_value_heads":2,"intermediate_size":40,"max_position_embeddings":64,
                "rms_norm_eps":1e-5,"hidden_act":"silu","tie_word_embeddings":false,"torch_dtype":"float32"})");
        const ModelFamily* family = findFamily(config["architectures"][0].get<std::string>());
        const auto model = required(CausalLm::create(required(family->readConfig(config)), {at::kFloat, at::kCPU}));
        model->initializeRandom(7);
        std::map<std::string, at::Tensor> tensors;
        for (const auto& named : model->baseTensors()) {
            const auto layout = family->diskTensors(named.name, model->config()).front();
            const at::Tensor value = (named.tensor.dim() == 2 ? named.tensor * 5 : named.tensor + 0.1).contiguous();
            at::Tensor& stored = tensors[layout.name];
            const at::Tensor piece = layout.transposed ? value.t() : value;
            stored = stored.defined() ? at::cat({stored, piece}, layout.transposed ? 1 : 0) : piece; // q, k, v in order
        }
        std::vector<TensorToWrite> files;
        for (auto& [name, tensor] : tensors) {
            tensor = tensor.contiguous();
            files.push_back({name, TensorType::F32, tensor.sizes().vec(), [&tensor = tensor]() -> Result<std::span<const std::byte>> {
                                 return std::span(static_cast<const std::byte*>(tensor.data_ptr()), tensor.nbytes());
                             }});
        }
        if (!writeSafetensors(base / "model.safetensors", files) || !writeFileAtomic(base / "config.json", config.dump()) ||
            !writeFileAtomic(base / "tokenizer.json", "{}"))
            qFatal("cannot write");
    }
};

void move(CausalLm& model) {
    int i = 0;
    for (Parameter* parameter : model.trainable())
        parameter->value.add_((at::arange(parameter->value.numel(), at::kFloat) * (0.37 + ++i)).sin().view(parameter->value.sizes()), 0.1);
    model.refreshComputeWeights();
}

Agreement compared(CausalLm& a, CausalLm& b) { return required(compareModels(a, b, {{1, 2, 3}, {60, 5, 17, 33, 2}}, 10)); }

} // namespace

class TestPeftVariants : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void adaptersReloadAndMerge_data() {
        QTest::addColumn<bool>("gpt2");
        QTest::addColumn<QString>("kind");
        QTest::addColumn<QString>("targets");
        for (const char* kind : {"dora", "pissa", "rslora", "pattern"}) {
            QTest::addRow("llama %s", kind) << false << kind << "all-linear";
            QTest::addRow("gpt2 %s", kind) << true << kind << "all-linear";
        }
        QTest::newRow("gpt2 dora on q of c_attn") << true << "dora" << "q_proj";
        QTest::newRow("gpt2 pissa on v of c_attn") << true << "pissa" << "v_proj";
    }
    void adaptersReloadAndMerge() {
        QFETCH(bool, gpt2);
        QFETCH(QString, kind);
        QFETCH(QString, targets);
        const Folder folder(gpt2);
        const ModelSource source = required(ModelSource::open(folder.base));
        const auto plain = required(readModel(source, {at::kFloat, at::kCPU})), tuned = required(readModel(source, {at::kFloat, at::kCPU}));
        ParamMap params{{"r", std::int64_t{4}}, {"target_modules", std::vector<std::string>{targets.toStdString()}}};
        if (kind == "dora")
            params["use_dora"] = true;
        else if (kind == "pissa")
            params["init"] = std::string("pissa");
        else if (kind == "rslora")
            params["use_rslora"] = true;
        else
            params["rank_pattern"] = std::vector<std::string>{"o_proj=2", "layers.1.mlp.down_proj=7"}, params["alpha_pattern"] = std::vector<std::string>{"o_proj=9"};
        const auto attached = findMethod("lora")->attach(*tuned, params, 3);
        QVERIFY2(attached, attached ? "" : attached.error().message.c_str());
        QVERIFY(compared(*plain, *tuned).maxLogitDifference < 1e-3);
        move(*tuned);
        QVERIFY(compared(*plain, *tuned).maxLogitDifference > 1e-2);
        const ExportInput input{source, *findFamily(tuned->config().architecture), *tuned, "some/base"};
        required(findExporter("adapter")->write(input, folder.out, {}));
        const auto reloaded = required(findExporter("adapter")->reload(input, folder.out, {at::kFloat, at::kCPU}));
        const Agreement agreement = compared(*tuned, *reloaded);
        QVERIFY2(agreement.maxLogitDifference < 2e-4, QByteArray::number(agreement.maxLogitDifference));

        const Json config = required(readJsonFile(folder.out / "adapter_config.json"));
        QCOMPARE(config["use_dora"].get<bool>(), kind == "dora");
        const auto file = required(SafetensorsFile::open(folder.out / "adapter_model.safetensors"));
        const std::string module = gpt2 ? "base_model.model.transformer.h.1.attn.c_attn" : "base_model.model.model.layers.1.self_attn.q_proj";
        const TensorInfo* magnitude = file->find(module + ".lora_magnitude_vector");
        QCOMPARE(magnitude != nullptr, kind == "dora");
        if (magnitude)
            QCOMPARE(magnitude->shape, (std::vector<std::int64_t>{gpt2 ? 96 : 32}));
        if (kind == "pissa" && !gpt2) {
            QCOMPARE(config["r"].get<int>(), 8);
            QCOMPARE(config["init_lora_weights"].get<bool>(), true);
        }
        // The base is unchanged: what was merged from the files alone computes the same.
        const ExportInput fromFiles{source, *findFamily(tuned->config().architecture), *reloaded, "some/base"};
        required(findExporter("merged")->write(fromFiles, folder.out / "merged", {}));
        const auto merged = required(findExporter("merged")->reload(fromFiles, folder.out / "merged", {at::kFloat, at::kCPU}));
        const Agreement afterMerge = compared(*tuned, *merged);
        QVERIFY2(afterMerge.maxLogitDifference < 2e-4, QByteArray::number(afterMerge.maxLogitDifference));
    }

    void promptsReload() {
        const Folder folder(false);
        const ModelSource source = required(ModelSource::open(folder.base));
        const auto tuned = required(readModel(source, {at::kFloat, at::kCPU}));
        QVERIFY(findMethod("prompt_tuning")->attach(*tuned, {{"num_virtual_tokens", std::int64_t{6}}}, 3));
        move(*tuned);
        const ExportInput input{source, *findFamily(tuned->config().architecture), *tuned, "some/base"};
        required(findExporter("adapter")->write(input, folder.out, {}));
        const auto reloaded = required(findExporter("adapter")->reload(input, folder.out, {at::kFloat, at::kCPU}));
        QCOMPARE(compared(*tuned, *reloaded).maxLogitDifference, 0.0);
        const Json config = required(readJsonFile(folder.out / "adapter_config.json"));
        QCOMPARE(config["peft_type"].get<std::string>(), std::string("PROMPT_TUNING"));
        QCOMPARE(config["num_virtual_tokens"].get<int>(), 6);
        QCOMPARE(config["token_dim"].get<int>(), 32);
        QCOMPARE(config["num_transformer_submodules"].get<int>(), 1);
        QCOMPARE(config["prompt_tuning_init"].get<std::string>(), std::string("SAMPLE_VOCAB"));
        const auto file = required(SafetensorsFile::open(folder.out / "adapter_model.safetensors"));
        QCOMPARE(file->tensors().size(), std::size_t{1});
        QCOMPARE(file->tensors()[0].name, std::string("prompt_embeddings"));
        QCOMPARE(file->tensors()[0].shape, (std::vector<std::int64_t>{6, 32}));
        QVERIFY(!findExporter("merged")->write(input, folder.out / "merged", {}));

        const fs::path out = folder.out;
        const auto refused = [&source, &config, &out](const Json& change) {
            Json changed = config;
            changed.update(change);
            const auto fresh = required(readModel(source, {at::kFloat, at::kCPU}));
            return writeFileAtomic(out / "adapter_config.json", changed.dump()) &&
                   !readPeftAdapter(out, *findFamily("LlamaForCausalLM"), *fresh) && !fresh->prompt;
        };
        QVERIFY(refused({{"num_virtual_tokens", 7}}));
        QVERIFY(refused({{"peft_type", "PREFIX_TUNING"}}));
        QVERIFY(refused({{"peft_type", "LORA"}}));
    }

    void adaptersOfAChangedBaseAreRefused() {
        const Folder folder(false);
        const ModelSource source = required(ModelSource::open(folder.base));
        const auto model = required(readModel(source, {at::kFloat, at::kCPU}));
        QVERIFY(findMethod("lora")->attach(*model, {{"r", std::int64_t{4}}}, 3));
        const ModelFamily& family = *findFamily("LlamaForCausalLM");
        required(writePeftAdapter(folder.out, family, *model, "some/base"));
        Json config = required(readJsonFile(folder.out / "adapter_config.json"));
        config["init_lora_weights"] = "pissa_niter_16";
        QVERIFY(writeFileAtomic(folder.out / "adapter_config.json", config.dump()));
        const auto status = readPeftAdapter(folder.out, family, *model);
        QVERIFY(!status && status.error().message.find("pissa_niter_16") != std::string::npos);
        config["init_lora_weights"] = true, config["use_dora"] = true;
        QVERIFY(writeFileAtomic(folder.out / "adapter_config.json", config.dump()));
        const auto lacking = readPeftAdapter(folder.out, family, *model);
        QVERIFY(!lacking && lacking.error().message.find("lora_magnitude_vector") != std::string::npos);
    }
};

ATTUNE_TEST(TestPeftVariants)
#include "tst_peft_variants.moc"
