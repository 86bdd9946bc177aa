// Adapters and merged models written, read back by the general readers and compared with the model they came from.
#include <QTemporaryDir>
#include <QtTest>

#include <ATen/ATen.h>

#include "core/export/exporter.h"
#include "core/export/merged_exporter.h"
#include "core/export/peft_adapter.h"
#include "core/export/weight_reader.h"
#include "core/nn/decoder.h"
#include "tests/support/test_main.h"

using namespace attune;

namespace {

const Json kLlama =
    Json::parse(R"({"architectures":["LlamaForCausalLM"],"model_type":"llama","vocab_size":61,"hidden_size":32,
    "num_hidden_layers":2,"num_attention_heads":4,"num_key_value_heads":2,"intermediate_size":40,"max_position_embeddings":64,
    "rms_norm_eps":1e-5,"hidden_act":"silu","tie_word_embeddings":false,"torch_dtype":"float32"})");
const Json kGpt2 = Json::parse(R"({"architectures":["GPT2LMHeadModel"],"model_type":"gpt2","vocab_size":61,"n_embd":32,
    "n_layer":2,"n_head":4,"n_positions":64,"activation_function":"gelu_new","torch_dtype":"float32"})");

template <class T>
T must(Result<T> result) {
    if (!result)
        qFatal("%s", result.error().message.c_str());
    return std::move(*result);
}

std::unique_ptr<CausalLm> randomModel(const Json& json, std::uint64_t seed) {
    const ModelFamily* family = findFamily(json["architectures"][0].get<std::string>());
    auto model = must(CausalLm::create(must(family->readConfig(json)), {at::kFloat, at::kCPU}));
    model->initializeRandom(seed);
    for (auto& named : model->baseTensors()) // biases and norms that matter
        if (named.tensor.dim() == 1)
            named.tensor.add_(at::linspace(-0.2, 0.3, named.tensor.size(0)));
        else
            named.tensor.mul_(5);
    return model;
}

// A base folder, laid out by hand from our canonical tensors: independent of the exporters.
void writeBase(const fs::path& folder, const Json& json, TensorType type) {
    fs::create_directories(folder);
    if (!writeFileAtomic(folder / "config.json", json.dump()) || !writeFileAtomic(folder / "tokenizer.json", "{}"))
        qFatal("cannot write");
    const auto model = randomModel(json, 7);
    const bool gpt2 = json["model_type"] == "gpt2";
    std::map<std::string, at::Tensor> tensors;
    const auto all = model->baseTensors();
    const auto get = [&](const std::string& name) {
        for (const auto& named : all)
            if (named.name == name)
                return named.tensor;
        qFatal("%s", name.c_str());
    };
    if (!gpt2) {
        for (const auto& named : all)
            tensors[named.name] = named.tensor;
    } else {
        tensors["wte.weight"] = get("model.embed_tokens.weight"),
        tensors["wpe.weight"] = get("model.embed_positions.weight");
        tensors["ln_f.weight"] = get("model.norm.weight"), tensors["ln_f.bias"] = get("model.norm.bias");
        for (int i = 0; i < 2; ++i) {
            const std::string ours = "model.layers." + std::to_string(i) + ".", theirs = "h." + std::to_string(i) + ".";
            tensors[theirs + "attn.bias"] = at::ones({1, 1, 4, 4}); // the mask buffer of old exports
            for (const auto& [from, to] :
                 std::map<std::string, std::string>{{"input_layernorm", "ln_1"}, {"post_attention_layernorm", "ln_2"}})
                for (const char* kind : {".weight", ".bias"})
                    tensors[theirs + to + kind] = get(ours + from + kind);
            for (const auto& [from, to] : std::map<std::string, std::string>{{"self_attn.o_proj", "attn.c_proj"},
                                                                             {"mlp.up_proj", "mlp.c_fc"},
                                                                             {"mlp.down_proj", "mlp.c_proj"}}) {
                tensors[theirs + to + ".weight"] = get(ours + from + ".weight").t();
                tensors[theirs + to + ".bias"] = get(ours + from + ".bias");
            }
            const std::string q = ours + "self_attn.q_proj", k = ours + "self_attn.k_proj",
                              v = ours + "self_attn.v_proj";
            tensors[theirs + "attn.c_attn.weight"] =
                at::cat({get(q + ".weight"), get(k + ".weight"), get(v + ".weight")}).t();
            tensors[theirs + "attn.c_attn.bias"] = at::cat({get(q + ".bias"), get(k + ".bias"), get(v + ".bias")});
        }
    }
    std::vector<TensorToWrite> files;
    for (auto& [name, tensor] : tensors) {
        tensor = tensor.to(type == TensorType::BF16 ? at::kBFloat16 : at::kFloat).contiguous();
        files.push_back({name, type, tensor.sizes().vec(), [&tensor = tensor]() -> Result<std::span<const std::byte>> {
                             return std::span(static_cast<const std::byte*>(tensor.data_ptr()), tensor.nbytes());
                         }});
    }
    if (!writeSafetensors(folder / "model.safetensors", files))
        qFatal("cannot write");
}

// Different ranks and scales; `skip` parts stay without.
void addAdapters(CausalLm& model, const std::string& skip) {
    int i = 0;
    for (Block& block : model.blocks)
        for (Linear* linear : block.linears())
            for (LinearPart& part : linear->parts) {
                ++i;
                if (!skip.empty() && part.name.find(skip) != std::string::npos)
                    continue;
                const std::int64_t rank = i % 3 == 0 ? 4 : 2;
                part.lora = std::make_unique<LoraAdapter>();
                part.lora->a.value =
                    (at::arange(rank * linear->inFeatures(), at::kFloat) * (0.3 + i)).sin().view({rank, -1}) * 0.2;
                part.lora->b.value =
                    (at::arange(part.rows * rank, at::kFloat) * (0.7 + i)).cos().view({-1, rank}) * 0.2;
                part.lora->scale = i % 4 == 0 ? 0.75 : 2.0;
            }
    model.prepareAdapters();
    model.refreshComputeWeights();
}

const std::vector<std::vector<std::int64_t>> kPrompts{{1, 2, 3}, {60, 5, 17, 33, 2}};

Agreement compare(CausalLm& a, CausalLm& b) {
    return must(compareModels(a, b, kPrompts, 12));
}

} // namespace

class TestExport : public QObject {
    Q_OBJECT

    static void bases() {
        QTest::addColumn<bool>("gpt2");
        QTest::addColumn<QString>("skip");
        QTest::newRow("llama, all layers") << false << "";
        QTest::newRow("llama, no down_proj") << false << "down_proj";
        QTest::newRow("llama, first layer only") << false << "layers.1.";
        QTest::newRow("gpt2, all layers") << true << "";
        QTest::newRow("gpt2, no keys") << true << "k_proj";
        QTest::newRow("gpt2, attention output without MLP's") << true << "down_proj";
    }

private Q_SLOTS:
    void adapterReloadsToEqualLogits_data() { bases(); }
    void adapterReloadsToEqualLogits() {
        QFETCH(bool, gpt2);
        QFETCH(QString, skip);
        QTemporaryDir temporary;
        const fs::path base = fs::path(temporary.path().toStdString()) / "base", out = base.parent_path() / "adapter";
        writeBase(base, gpt2 ? kGpt2 : kLlama, TensorType::F32);
        const ModelSource source = must(ModelSource::open(base));
        const auto plain = must(readModel(source, {at::kFloat, at::kCPU}));
        const auto tuned = must(readModel(source, {at::kFloat, at::kCPU}));
        QCOMPARE(compare(*plain, *tuned).maxLogitDifference, 0.0);
        addAdapters(*tuned, skip.toStdString());
        QVERIFY(compare(*plain, *tuned).maxLogitDifference > 1e-2);
        const ExportInput input{source, *findFamily(tuned->config().architecture), *tuned, "some/base"};
        const auto files = must(findExporter("adapter")->write(input, out, {}));
        QCOMPARE(files.size(), 2u);
        const auto reloaded = must(findExporter("adapter")->reload(input, out, {at::kFloat, at::kCPU}));
        const Agreement agreement = compare(*tuned, *reloaded);
        QVERIFY2(agreement.maxLogitDifference < 1e-4, QByteArray::number(agreement.maxLogitDifference));
        QCOMPARE(agreement.tokenAgreement, 1.0);

        // The layout other tools expect.
        const Json config = must(readJsonFile(out / "adapter_config.json"));
        QCOMPARE(config["peft_type"].get<std::string>(), std::string("LORA"));
        QCOMPARE(config["task_type"].get<std::string>(), std::string("CAUSAL_LM"));
        QCOMPARE(config["inference_mode"].get<bool>(), true);
        QCOMPARE(config["fan_in_fan_out"].get<bool>(), gpt2);
        QCOMPARE(config["base_model_name_or_path"].get<std::string>(), std::string("some/base"));
        QCOMPARE(config.size(), 41u);
        QVERIFY(must(readFile(out / "adapter_config.json"))
                    .starts_with("{\n  \"alora_invocation_tokens\": null,\n  \"alpha_pattern\": "));
        const auto file = must(SafetensorsFile::open(out / "adapter_model.safetensors"));
        QCOMPARE(file->metadata().at("format"), std::string("pt"));
        const TensorInfo* a = file->find(gpt2 ? "base_model.model.transformer.h.0.attn.c_attn.lora_A.weight"
                                              : "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight");
        QVERIFY(a && a->type == TensorType::F32 && a->shape[1] == 32);
    }

    void mergedEqualsUnmerged_data() { bases(); }
    void mergedEqualsUnmerged() {
        QFETCH(bool, gpt2);
        QFETCH(QString, skip);
        QTemporaryDir temporary;
        const fs::path base = fs::path(temporary.path().toStdString()) / "base", out = base.parent_path() / "merged";
        writeBase(base, gpt2 ? kGpt2 : kLlama, TensorType::F32);
        const ModelSource source = must(ModelSource::open(base));
        const auto tuned = must(readModel(source, {at::kFloat, at::kCPU}));
        addAdapters(*tuned, skip.toStdString());
        const ExportInput input{source, *findFamily(tuned->config().architecture), *tuned, ""};
        const auto files = must(findExporter("merged")->write(input, out, {}));
        QCOMPARE(files, (std::vector<std::string>{"model.safetensors", "config.json", "tokenizer.json"}));
        const auto reloaded = must(findExporter("merged")->reload(input, out, {at::kFloat, at::kCPU}));
        const Agreement agreement = compare(*tuned, *reloaded);
        QVERIFY2(agreement.maxLogitDifference < 1e-4, QByteArray::number(agreement.maxLogitDifference));
        QCOMPARE(agreement.tokenAgreement, 1.0);
    }

    void mergedRoundsOnceIntoTheStoredType() {
        QTemporaryDir temporary;
        const fs::path base = fs::path(temporary.path().toStdString()) / "base", out = base.parent_path() / "merged";
        writeBase(base, kLlama, TensorType::BF16);
        const ModelSource source = must(ModelSource::open(base));
        const auto tuned = must(readModel(source, {at::kBFloat16, at::kCPU})); // what it computes in must not matter
        addAdapters(*tuned, "");
        const ExportInput input{source, *findFamily("LlamaForCausalLM"), *tuned, ""};
        must(findExporter("merged")->write(input, out, {}));
        const auto merged = must(readModel(must(ModelSource::open(out)), {at::kFloat, at::kCPU}));
        const auto plain = must(readModel(source, {at::kFloat, at::kCPU}));
        const LoraAdapter& lora = *tuned->blocks[1].down.parts[0].lora;
        const at::Tensor expected = (plain->blocks[1].down.weight.compute.to(at::kDouble) +
                                     at::mm(lora.b.value.to(at::kDouble), lora.a.value.to(at::kDouble)) * lora.scale)
                                        .to(at::kBFloat16)
                                        .to(at::kFloat);
        const at::Tensor found = merged->blocks[1].down.weight.compute;
        QVERIFY(at::isclose(found, expected, 1.0 / 128, 1e-6).all().item<bool>()); // never more than one step apart
        QVERIFY((found == expected).to(at::kFloat).mean().item<double>() > 0.99);  // and nearly always the same
    }

    void fullyTrainedModelIsWrittenFromItsMasters() {
        QTemporaryDir temporary;
        const fs::path base = fs::path(temporary.path().toStdString()) / "base", out = base.parent_path() / "merged";
        writeBase(base, kGpt2, TensorType::F32);
        const ModelSource source = must(ModelSource::open(base));
        const auto trained = must(readModel(source, {at::kFloat, at::kCPU}));
        trained->trainAllWeights();
        for (Parameter* parameter : trained->trainable())
            parameter->value.add_(0.01);
        trained->refreshComputeWeights();
        const ExportInput input{source, *findFamily("GPT2LMHeadModel"), *trained, ""};
        must(findExporter("merged")->write(input, out, {}));
        const auto reloaded = must(findExporter("merged")->reload(input, out, {at::kFloat, at::kCPU}));
        QVERIFY(compare(*trained, *reloaded).maxLogitDifference < 1e-5);
        QVERIFY(!findExporter("adapter")->write(input, out, {})); // there is none
    }

    void largeModelsAreSharded() {
        QTemporaryDir temporary;
        const fs::path base = fs::path(temporary.path().toStdString()) / "base", out = base.parent_path() / "merged";
        writeBase(base, kLlama, TensorType::F32);
        const ModelSource source = must(ModelSource::open(base));
        const auto tuned = must(readModel(source, {at::kFloat, at::kCPU}));
        addAdapters(*tuned, "");
        const ExportInput input{source, *findFamily("LlamaForCausalLM"), *tuned, ""};
        const auto files = must(makeMergedExporter(20000)->write(input, out, {}));
        QVERIFY(std::count_if(files.begin(), files.end(),
                              [](const std::string& name) { return name.ends_with(".safetensors"); }) > 2);
        QVERIFY(std::find(files.begin(), files.end(), "model.safetensors.index.json") != files.end());
        const auto reloaded = must(readModel(must(ModelSource::open(out)), {at::kFloat, at::kCPU}));
        QVERIFY(compare(*tuned, *reloaded).maxLogitDifference < 1e-4);
        fs::remove(out / files[0]);
        const auto incomplete = ModelSource::open(out);
        QVERIFY(!incomplete && incomplete.error().message.find(files[0]) != std::string::npos);
    }

    void sizeOfShardsIsAnOption() {
        QTemporaryDir temporary;
        const fs::path base = fs::path(temporary.path().toStdString()) / "base", out = base.parent_path() / "merged";
        auto json = kLlama;
        json["vocab_size"] = 20000; // 2.5 MB a matrix
        writeBase(base, json, TensorType::F32);
        const ModelSource source = must(ModelSource::open(base));
        const auto tuned = must(readModel(source, {at::kFloat, at::kCPU}));
        const ExportInput input{source, *findFamily("LlamaForCausalLM"), *tuned, "", {{"shard_gb", 0.003}}};
        const auto files = must(findExporter("merged")->write(input, out, {}));
        QCOMPARE(files[0], std::string("model-00001-of-00002.safetensors"));
        for (const char* name : {"model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"})
            QVERIFY(fs::file_size(out / name) < 3100000);
        const Json index = must(readJsonFile(out / "model.safetensors.index.json"));
        std::uint64_t total = 0;
        const ModelSource written = must(ModelSource::open(out));
        for (const auto& file : written.files())
            for (const TensorInfo& info : file->tensors()) {
                total += info.end - info.begin;
                QCOMPARE(index["weight_map"][info.name].get<std::string>(), file->path().filename().string());
            }
        QCOMPARE(index["metadata"]["total_size"].get<std::uint64_t>(), total);
    }

    void baseFolderIsNeverOverwritten() {
        QTemporaryDir temporary;
        const fs::path base = fs::path(temporary.path().toStdString()) / "base";
        writeBase(base, kLlama, TensorType::F32);
        const ModelSource source = must(ModelSource::open(base));
        const auto model = must(readModel(source, {at::kFloat, at::kCPU}));
        const auto result =
            findExporter("merged")->write({source, *findFamily("LlamaForCausalLM"), *model, ""}, base, {});
        QVERIFY(!result);
        QCOMPARE(result.error().code, ErrorCode::InvalidArgument);
    }

    void foreignAdapterScalesFollowPeft() { // rsLoRA and patterns, folder written by hand
        QTemporaryDir temporary;
        const fs::path base = fs::path(temporary.path().toStdString()) / "base",
                       folder = base.parent_path() / "adapter";
        writeBase(base, kLlama, TensorType::F32);
        fs::create_directories(folder);
        const auto model = must(readModel(must(ModelSource::open(base)), {at::kFloat, at::kCPU}));
        const std::vector<float> zeros(32 * 4, 0.5f);
        const auto tensor = [&](const std::string& name, std::vector<std::int64_t> shape) {
            const auto count = static_cast<std::size_t>(shape[0] * shape[1]);
            return TensorToWrite{"base_model.model.model.layers.0." + name, TensorType::F32, std::move(shape),
                                 [&zeros, count]() -> Result<std::span<const std::byte>> {
                                     return std::as_bytes(std::span(zeros).first(count));
                                 }};
        };
        QVERIFY(writeSafetensors(
            folder / "adapter_model.safetensors",
            {tensor("self_attn.q_proj.lora_A.weight", {4, 32}), tensor("self_attn.q_proj.lora_B.weight", {32, 4}),
             tensor("self_attn.v_proj.lora_A.weight", {2, 32}), tensor("self_attn.v_proj.lora_B.weight", {16, 2})}));
        const auto scales = [&](const char* config) {
            if (!writeFileAtomic(folder / "adapter_config.json", config))
                qFatal("cannot write");
            const Status status = readPeftAdapter(folder, *findFamily("LlamaForCausalLM"), *model);
            if (!status)
                qFatal("%s", status.error().message.c_str());
            return std::pair(model->blocks[0].qkv.parts[0].lora->scale, model->blocks[0].qkv.parts[2].lora->scale);
        };
        QCOMPARE(scales(R"({"peft_type":"LORA","r":4,"lora_alpha":16,"rank_pattern":{"v_proj":2}})"),
                 std::pair(4.0, 8.0));
        QCOMPARE(scales(R"({"peft_type":"LORA","r":4,"lora_alpha":16,"use_rslora":true,"rank_pattern":{"v_proj":2}})"),
                 std::pair(8.0, 16.0 / std::sqrt(2.0)));
        QCOMPARE(
            scales(R"({"peft_type":"LORA","r":4,"lora_alpha":16,"rank_pattern":{".*v_proj":2},"alpha_pattern":{"self_attn.v_proj":6,"proj":99}})"),
            std::pair(4.0, 3.0));
        // Expressions, and the first that matches in the file's order.
        QCOMPARE(
            scales(R"({"r":4,"lora_alpha":16,"rank_pattern":{"layers\\.[0-3]\\..*\\.v_proj":2},"alpha_pattern":{"z_proj|v_proj":6,"self_attn.v_proj":8}})"),
            std::pair(4.0, 3.0));
        for (const char* good : {R"({"lora_alpha":8,"init_lora_weights":"gaussian","some_future_switch":false,"other":null,"third":{}})",
                                 R"({"lora_alpha":8,"r":2,"rank_pattern":{"q_proj":4},"init_lora_weights":true})"})
            QCOMPARE(scales(good), std::pair(2.0, 4.0));
        for (const auto& [bad, named] : std::map<std::string, std::string>{
                 {R"({"r":4,"lora_alpha":16})", "v_proj has rank 2"},
                 {R"({"r":4,"lora_alpha":16,"rank_pattern":{"v_proj":3}})", "v_proj has rank 2"},
                 {"{\"alpha_pattern\":{\"v_proj(\":6}}", "v_proj("},
                 {R"({"alpha_pattern":{"v_proj":"6"}})", "alpha_pattern of v_proj"},
                 {R"({"alpha_pattern":[]})", ""},
                 {R"({"some_future_switch":true})", "some_future_switch"},
                 {R"({"layer_replication":[[0,2]]})", "layer_replication"},
                 {R"({"trainable_token_indices":[1]})", "trainable_token_indices"},
                 {R"({"init_lora_weights":"pissa"})", "pissa"},
                 {R"({"init_lora_weights":"olora"})", "olora"}}) {
            QVERIFY(writeFileAtomic(folder / "adapter_config.json", bad));
            const Status status = readPeftAdapter(folder, *findFamily("LlamaForCausalLM"), *model);
            QVERIFY2(!status, bad.c_str());
            QVERIFY2(status.error().message.find(named) != std::string::npos, status.error().message.c_str());
        }
        for (const char* bad : {R"({"bias":"all"})", R"({"lora_bias":true})",
                                R"({"use_qalora":true})"}) {
            QVERIFY(writeFileAtomic(folder / "adapter_config.json", bad));
            const Status status = readPeftAdapter(folder, *findFamily("LlamaForCausalLM"), *model);
            QVERIFY(!status);
            QCOMPARE(status.error().code, ErrorCode::Unsupported);
        }
        // A layer of another size.
        QVERIFY(writeFileAtomic(folder / "adapter_config.json", "{}"));
        QVERIFY(writeSafetensors(
            folder / "adapter_model.safetensors",
            {tensor("self_attn.q_proj.lora_A.weight", {2, 16}), tensor("self_attn.q_proj.lora_B.weight", {32, 2})}));
        const Status misfit = readPeftAdapter(folder, *findFamily("LlamaForCausalLM"), *model);
        QVERIFY(!misfit && misfit.error().message.find("self_attn.q_proj") != std::string::npos);
    }
};

ATTUNE_TEST(TestExport)
#include "tst_export.moc"
