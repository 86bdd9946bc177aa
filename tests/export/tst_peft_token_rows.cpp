// Single rows of the embedding in PEFT adapters (trainable_token_indices): written, read again, and exported whole, against a base whose file
// holds these rows.
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

const ComputeSettings kRowSettings{at::kFloat, at::kCPU};
const std::string kRowsTensor = "base_model.model.model.embed_tokens.token_adapter.trainable_tokens_delta";

// A base, a model tuned on it with rows 4, 11 and 12 of the embedding beside its adapters, and a base whose file has these rows.
struct RowScene {
    QTemporaryDir temporary;
    fs::path base, other, adapter;
    const ModelFamily& family = *findFamily("LlamaForCausalLM");
    std::unique_ptr<CausalLm> tuned;

    explicit RowScene(bool tied) {
        base = fs::path(temporary.path().toStdString()) / "base", other = base.parent_path() / "other", adapter = base.parent_path() / "adapter";
        Json config = Json::parse("{\"architectures\":[\"LlamaForCausalLM\"],\"model_type\":\"llama\",\"vocab_size\":61,\"hidden_size\":32,"
                                  "\"num_hidden_layers\":2,\"num_attention_heads\":4,\"num_key_value_heads\":2,\"head_dim\":8,"
                                  "\"intermediate_size\":40,\"max_position_embeddings\":64,\"rms_norm_eps\":1e-5,"
                                  "\"hidden_act\":\"silu\",\"torch_dtype\":\"float32\"}");
        config["tie_word_embeddings"] = tied;
        const auto model = given(CausalLm::create(given(family.readConfig(config)), kRowSettings));
        model->initializeRandom(7);
        Weights weights;
        for (const auto& named : model->baseTensors())
            weights[named.name] = (named.tensor.dim() == 2 ? named.tensor * 5 : named.tensor).contiguous();
        const auto write = [&](const fs::path& folder) {
            fs::create_directories(folder);
            writeWeights(folder / "model.safetensors", weights);
            if (!writeFileAtomic(folder / "config.json", config.dump()) || !writeFileAtomic(folder / "tokenizer.json", "{}"))
                qFatal("cannot write");
        };
        write(base);
        tuned = given(readModel(given(ModelSource::open(base)), kRowSettings));
        if (!findMethod("lora")->attach(*tuned, {{"r", std::int64_t{4}}, {"trainable_token_indices", std::vector<std::string>{"11-12", "4"}}}, 3))
            qFatal("cannot attach");
        int i = 0;
        for (Parameter* parameter : tuned->trainable())
            parameter->value.add_((at::arange(parameter->value.numel(), at::kFloat) * (0.37 + ++i)).sin().view(parameter->value.sizes()), 0.1);
        tuned->refreshComputeWeights();
        weights["model.embed_tokens.weight"] = weights["model.embed_tokens.weight"].clone();
        for (std::size_t row = 0; row < tuned->tokenRows->ids.size(); ++row)
            weights["model.embed_tokens.weight"][tuned->tokenRows->ids[row]].copy_(tuned->tokenRows->values.value[static_cast<std::int64_t>(row)]);
        write(other);
        given(writePeftAdapter(adapter, family, *tuned, "some/base"));
    }
    std::unique_ptr<CausalLm> load(Status& status) const {
        auto model = given(readModel(given(ModelSource::open(base)), kRowSettings));
        status = readPeftAdapter(adapter, family, *model, SavedModules::Refuse); // they can be taken off again
        return model;
    }
};

double rowLogitsApart(CausalLm& a, CausalLm& b) { return given(compareModels(a, b, {{1, 4, 3, 11}, {60, 5, 12, 33, 4}}, 10)).maxLogitDifference; }

} // namespace

class TestPeftTokenRows : public QObject {
    Q_OBJECT

    static void ties() {
        QTest::addColumn<bool>("tied");
        QTest::newRow("tied") << true;
        QTest::newRow("untied") << false;
    }

private Q_SLOTS:
    void theyAreWrittenAsPeftDoes_data() { ties(); }
    void theyAreWrittenAsPeftDoes() {
        QFETCH(bool, tied);
        const RowScene scene(tied);
        const Json config = given(readJsonFile(scene.adapter / "adapter_config.json"));
        QCOMPARE(config["trainable_token_indices"].dump(), std::string("[4,11,12]"));
        QVERIFY(config["modules_to_save"].is_null());
        Weights stored = readWeights(scene.adapter / "adapter_model.safetensors");
        QVERIFY(stored.contains(kRowsTensor));
        QCOMPARE(stored.size(), std::size_t{2 * 14 + 1});
        const Weights bases = readWeights(scene.other / "model.safetensors");
        for (const auto& [row, id] : {std::pair{0, 4}, std::pair{1, 11}, std::pair{2, 12}}) // whole rows, not differences
            QVERIFY(at::equal(stored[kRowsTensor][row], bases.at("model.embed_tokens.weight")[id]));
    }

    void readAgainTheyAreTheSame_data() { ties(); }
    void readAgainTheyAreTheSame() {
        QFETCH(bool, tied);
        const RowScene scene(tied);
        Status status;
        const auto again = scene.load(status);
        QVERIFY2(status.has_value(), status ? "" : status.error().message.c_str());
        QCOMPARE(rowLogitsApart(*again, *scene.tuned), 0.0);
        const auto plain = given(readModel(given(ModelSource::open(scene.base)), kRowSettings));
        QVERIFY(rowLogitsApart(*plain, *scene.tuned) > 1e-3);
        again->setAdaptersEnabled(false);
        QCOMPARE(rowLogitsApart(*again, *plain), 0.0);
    }

    // The base whose file holds the rows, with the adapters alone, is the same model.
    void theyTakeThePlaceOfTheBasesRows_data() { ties(); }
    void theyTakeThePlaceOfTheBasesRows() {
        QFETCH(bool, tied);
        const RowScene scene(tied);
        const auto replaced = given(readModel(given(ModelSource::open(scene.other)), kRowSettings));
        Weights stored = readWeights(scene.adapter / "adapter_model.safetensors");
        stored.erase(kRowsTensor);
        Json config = given(readJsonFile(scene.adapter / "adapter_config.json"));
        config["trainable_token_indices"] = nullptr;
        const fs::path pairs = scene.base.parent_path() / "pairs";
        fs::create_directories(pairs);
        writeWeights(pairs / "adapter_model.safetensors", stored);
        QVERIFY(writeFileAtomic(pairs / "adapter_config.json", config.dump()).has_value());
        QVERIFY(readPeftAdapter(pairs, scene.family, *replaced).has_value());
        QCOMPARE(rowLogitsApart(*replaced, *scene.tuned), 0.0);
    }

    void wholeModelsHaveThem_data() { ties(); }
    void wholeModelsHaveThem() {
        QFETCH(bool, tied);
        const RowScene scene(tied);
        const ModelSource source = given(ModelSource::open(scene.base));
        const ExportInput input{source, scene.family, *scene.tuned, "some/base"};
        const fs::path folder = scene.base.parent_path() / "merged";
        QVERIFY(findExporter("merged")->write(input, folder, {}).has_value());
        const Weights merged = readWeights(folder / "model.safetensors"), expected = readWeights(scene.other / "model.safetensors");
        QVERIFY(at::equal(merged.at("model.embed_tokens.weight"), expected.at("model.embed_tokens.weight")));
        const auto again = given(readModel(given(ModelSource::open(folder)), kRowSettings));
        QVERIFY(rowLogitsApart(*again, *scene.tuned) < 1e-4);
    }

    void damagedOnesAreRefused_data() {
        QTest::addColumn<QString>("indices");
        QTest::addColumn<QString>("says");
        QTest::newRow("no ids") << "null" << "does not say which";
        QTest::newRow("too few ids") << "[4,11]" << "do not fit";
        QTest::newRow("twice") << "[4,11,11]" << "twice";
        QTest::newRow("no token") << "[4,11,61]" << "no token of the base model";
        QTest::newRow("negative") << "[4,11,-1]" << "no token of the base model";
        QTest::newRow("words") << "[\"a\",\"b\",\"c\"]" << "no token of the base model";
        QTest::newRow("a number") << "7" << "not a list";
        QTest::newRow("of the head") << "{\"lm_head\":[1,2,3]}" << "lm_head";
    }
    void damagedOnesAreRefused() {
        QFETCH(QString, indices);
        QFETCH(QString, says);
        const RowScene scene(true);
        Json config = given(readJsonFile(scene.adapter / "adapter_config.json"));
        config["trainable_token_indices"] = Json::parse(indices.toStdString());
        QVERIFY(writeFileAtomic(scene.adapter / "adapter_config.json", config.dump()).has_value());
        Status status;
        const auto model = scene.load(status);
        QVERIFY(!status && !status.error().hint.empty());
        QVERIFY2(QString::fromStdString(status.error().message).contains(says), status.error().message.c_str());
        QVERIFY(!model->tokenRows);
    }
    void aListByModuleIsReadAsWell() {
        const RowScene scene(false);
        Json config = given(readJsonFile(scene.adapter / "adapter_config.json"));
        config["trainable_token_indices"] = Json::parse("{\"embed_tokens\":[4,11,12]}");
        QVERIFY(writeFileAtomic(scene.adapter / "adapter_config.json", config.dump()).has_value());
        Status status;
        const auto again = scene.load(status);
        QVERIFY(status.has_value());
        QCOMPARE(rowLogitsApart(*again, *scene.tuned), 0.0);
    }
};

ATTUNE_TEST(TestPeftTokenRows)
#include "tst_peft_token_rows.moc"
