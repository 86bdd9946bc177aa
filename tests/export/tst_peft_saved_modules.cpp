// PEFT adapters that carry modules whole (modules_to_save): against the same adapter on a base whose files hold these modules.
#include <QTemporaryDir>
#include <QtTest>

#include <ATen/ATen.h>

#include "core/export/exporter.h"
#include "core/export/peft_adapter.h"
#include "core/export/weight_reader.h"
#include "core/methods/method.h"
#include "tests/export/tensor_files.h"
#include "tests/support/test_main.h"

using namespace attune;
using namespace attune::test;

namespace {

const ComputeSettings kSettings{at::kFloat, at::kCPU};

// A base, an adapter on it, and the values of three modules that the adapter will carry.
struct SavedScene {
    QTemporaryDir temporary;
    fs::path base, other, adapter;
    const ModelFamily& family = *findFamily("GemmaForCausalLM"); // its norms are stored without their one
    Json config;
    Weights weights, pairs, saved;

    explicit SavedScene(bool tied) {
        base = fs::path(temporary.path().toStdString()) / "base", other = base.parent_path() / "other", adapter = base.parent_path() / "adapter";
        Json baseConfig = Json::parse("{\"architectures\":[\"GemmaForCausalLM\"],\"model_type\":\"gemma\",\"vocab_size\":61,\"hidden_size\":32,"
                                      "\"num_hidden_layers\":2,\"num_attention_heads\":4,\"num_key_value_heads\":2,\"head_dim\":8,"
                                      "\"intermediate_size\":40,\"max_position_embeddings\":64,\"rms_norm_eps\":1e-5,"
                                      "\"hidden_activation\":\"gelu_pytorch_tanh\",\"torch_dtype\":\"float32\"}");
        baseConfig["tie_word_embeddings"] = tied;
        const auto model = given(CausalLm::create(given(family.readConfig(baseConfig)), kSettings));
        model->initializeRandom(7);
        for (const auto& named : model->baseTensors())
            weights[family.diskTensors(named.name, model->config()).front().name] = (named.tensor.dim() == 2 ? named.tensor * 5 : named.tensor - 0.9).contiguous();
        for (const char* name : {"model.embed_tokens.weight", "lm_head.weight", "model.norm.weight", "model.layers.1.input_layernorm.weight"})
            if (weights.contains(name))
                saved[name] = (weights[name] + (at::arange(weights[name].numel(), at::kFloat) * 0.7).sin().view(weights[name].sizes()) * 0.2).contiguous();
        Weights replaced = weights;
        for (const auto& [name, value] : saved)
            replaced[name] = value;
        for (const auto& [folder, tensors] : {std::pair{base, &weights}, std::pair{other, &replaced}}) {
            fs::create_directories(folder);
            writeWeights(folder / "model.safetensors", *tensors);
            if (!writeFileAtomic(folder / "config.json", baseConfig.dump()) || !writeFileAtomic(folder / "tokenizer.json", "{}"))
                qFatal("cannot write");
        }
        const auto tuned = given(readModel(given(ModelSource::open(base)), kSettings));
        if (!findMethod("lora")->attach(*tuned, {{"r", std::int64_t{4}}}, 3))
            qFatal("cannot attach");
        int i = 0;
        for (Parameter* parameter : tuned->trainable())
            parameter->value.add_((at::arange(parameter->value.numel(), at::kFloat) * (0.37 + ++i)).sin().view(parameter->value.sizes()), 0.1);
        given(writePeftAdapter(adapter, family, *tuned, "some/base"));
        pairs = readWeights(adapter / "adapter_model.safetensors");
        config = given(readJsonFile(adapter / "adapter_config.json"));
    }
    // The adapter with these modules; `wrapped`: names as inside a running PEFT model.
    void carry(const Weights& modules, const Json& listed, bool wrapped = false, bool keepsTying = false) {
        Weights all = pairs;
        for (const auto& [name, value] : modules) {
            std::string inside = "base_model.model." + name;
            if (wrapped)
                inside.insert(inside.rfind('.'), ".modules_to_save.default");
            all[inside] = value;
        }
        writeWeights(adapter / "adapter_model.safetensors", all);
        config["modules_to_save"] = listed, config["ensure_weight_tying"] = keepsTying;
        if (!writeFileAtomic(adapter / "adapter_config.json", config.dump()))
            qFatal("cannot write");
    }
    std::unique_ptr<CausalLm> load(const fs::path& folder, Status& status, SavedModules allowed = SavedModules::Load) const {
        auto model = given(readModel(given(ModelSource::open(folder)), kSettings));
        status = readPeftAdapter(adapter, family, *model, allowed);
        return model;
    }
    std::string refusal(SavedModules allowed = SavedModules::Load) const {
        Status status;
        const auto model = load(base, status, allowed);
        for (const LinearPart* part : model->linearParts())
            if (part->lora)
                return "half of it was put on";
        return status ? "" : status.error().message;
    }
};

double logitsApart(CausalLm& a, CausalLm& b) { return given(compareModels(a, b, {{1, 2, 3}, {60, 5, 17, 33, 2}}, 10)).maxLogitDifference; }

bool refusedWith(const SavedScene& scene, const char* words, SavedModules allowed = SavedModules::Load) {
    const std::string refusal = scene.refusal(allowed);
    if (refusal.find(words) == std::string::npos)
        qWarning("%s", refusal.c_str());
    return refusal.find(words) != std::string::npos;
}

} // namespace

class TestPeftSavedModules : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void theyTakeThePlaceOfTheBase_data() {
        QTest::addColumn<bool>("wrapped");
        QTest::newRow("as saved") << false;
        QTest::newRow("as inside a running model") << true;
    }
    void theyTakeThePlaceOfTheBase() {
        QFETCH(bool, wrapped);
        SavedScene scene(false);
        Status status;
        const auto reference = scene.load(scene.other, status), without = scene.load(scene.base, status);
        QVERIFY(status);
        scene.carry(scene.saved, {"embed_tokens", "lm_head", "norm", "input_layernorm"}, wrapped);
        const auto model = scene.load(scene.base, status);
        QVERIFY2(status, status ? "" : status.error().message.c_str());
        QCOMPARE(logitsApart(*model, *reference), 0.0);
        QVERIFY(logitsApart(*model, *without) > 1e-2);

        // Written again they are still there, and a merged model has them.
        const ModelSource source = given(ModelSource::open(scene.base));
        const ExportInput input{source, scene.family, *model, "some/base"};
        const fs::path out = scene.base.parent_path() / "out";
        given(findExporter("adapter")->write(input, out / "adapter", {}));
        QCOMPARE(logitsApart(*model, *given(findExporter("adapter")->reload(input, out / "adapter", kSettings))), 0.0);
        QVERIFY(given(readJsonFile(out / "adapter" / "adapter_config.json"))["modules_to_save"] ==
                Json({"embed_tokens", "input_layernorm", "lm_head", "norm"}));
        const Weights written = readWeights(out / "adapter" / "adapter_model.safetensors");
        for (const auto& [name, value] : scene.saved)
            QVERIFY2(at::allclose(written.at("base_model.model." + name), value, 0, 1e-6), name.c_str());
        given(findExporter("merged")->write(input, out / "merged", {}));
        QVERIFY(logitsApart(*model, *given(findExporter("merged")->reload(input, out / "merged", kSettings))) < 2e-4);
    }

    void inBf16TheyAreRoundedLikeTheBase() {
        SavedScene scene(false);
        scene.carry(scene.saved, {"embed_tokens", "lm_head", "norm", "input_layernorm"});
        const ComputeSettings half{at::kBFloat16, at::kCPU};
        const auto model = given(readModel(given(ModelSource::open(scene.base)), half)), reference = given(readModel(given(ModelSource::open(scene.other)), half));
        QVERIFY(readPeftAdapter(scene.adapter, scene.family, *model));
        scene.carry({}, nullptr);
        QVERIFY(readPeftAdapter(scene.adapter, scene.family, *reference));
        QCOMPARE(logitsApart(*model, *reference), 0.0);
    }

    void aTiedHeadStaysTied() {
        SavedScene scene(true);
        Status status;
        const auto reference = scene.load(scene.other, status);
        const Json listed{"embed_tokens", "norm", "input_layernorm"};
        scene.carry(scene.saved, listed);
        QVERIFY(QString::fromStdString(scene.refusal()).contains("two different matrices"));
        scene.carry(scene.saved, listed, false, true);
        const auto kept = scene.load(scene.base, status);
        QVERIFY2(status, status ? "" : status.error().message.c_str());
        QCOMPARE(logitsApart(*kept, *reference), 0.0);
        Weights both = scene.saved;
        both["lm_head.weight"] = both["model.embed_tokens.weight"];
        scene.carry(both, listed);
        const auto equal = scene.load(scene.base, status);
        QVERIFY2(status, status ? "" : status.error().message.c_str());
        QCOMPARE(logitsApart(*equal, *reference), 0.0);
        both["lm_head.weight"] = both["lm_head.weight"] * 2;
        scene.carry(both, listed);
        QVERIFY(QString::fromStdString(scene.refusal()).contains("two different matrices"));
    }

    void whatDoesNotFitIsRefused() {
        SavedScene scene(false);
        scene.carry(scene.saved, {"embed_tokens", "lm_head", "norm", "input_layernorm", "wte"});
        QVERIFY(refusedWith(scene, "names wte"));
        scene.carry(scene.saved, "embed_tokens");
        QVERIFY(refusedWith(scene, "not a list of names"));
        scene.carry(scene.saved, {"embed_tokens"});
        QVERIFY(refusedWith(scene, "which others need", SavedModules::Refuse));
        scene.carry({{"model.layers.0.mlp.up_proj.weight", scene.weights["model.layers.0.mlp.up_proj.weight"]}}, {"up_proj"});
        QVERIFY(refusedWith(scene, "up_proj is saved whole"));
        scene.carry({{"lm_head.weight", at::zeros({62, 32})}}, {"lm_head"});
        QVERIFY(refusedWith(scene, "has 62 tokens, the base model 61"));
        scene.carry({{"model.norm.weight", at::zeros({31})}}, {"norm"});
        QVERIFY(refusedWith(scene, "has the shape"));
        scene.carry({{"lm_head.weight", at::full({61, 32}, NAN)}}, {"lm_head"});
        QVERIFY(refusedWith(scene, "NaN"));
    }
};

ATTUNE_TEST(TestPeftSavedModules)
#include "tst_peft_saved_modules.moc"
