// config.json of every spelling into ModelConfig, and what must be refused by name; model folders that are not what
// they should be.
#include <QTemporaryDir>
#include <QtTest>
#include <fstream>
#include <set>

#include "core/families/model_family.h"
#include "tests/support/test_main.h"

using namespace attune;

namespace {

Json llama() {
    return Json::parse(R"({"architectures":["LlamaForCausalLM"],"vocab_size":100,"hidden_size":64,"num_hidden_layers":2,
        "num_attention_heads":4,"intermediate_size":128,"max_position_embeddings":2048,"rms_norm_eps":1e-6,"hidden_act":"silu",
        "torch_dtype":"bfloat16","bos_token_id":1,"eos_token_id":[2,5],"_name_or_path":"x","unsloth_fixed":true,"attention_dropout":0.0})");
}
Json gpt2() {
    return Json::parse(
        R"({"architectures":["GPT2LMHeadModel"],"vocab_size":100,"n_embd":64,"n_layer":2,"n_head":4,"n_positions":128,
        "activation_function":"gelu_new","eos_token_id":99,"summary_type":"cls_index","task_specific_params":{"text-generation":{}}})");
}
Result<ModelConfig> read(const Json& json) {
    return findFamily(json["architectures"][0].get<std::string>())->readConfig(json);
}

} // namespace

class TestFamilies : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void llamaDefaultsAreFilled() {
        const auto config = read(llama());
        QVERIFY2(config, config ? "" : config.error().message.c_str());
        QCOMPARE(config->kvHeads, 4);
        QCOMPARE(config->headDim, 16);
        QCOMPARE(config->tiedHead, false);
        QCOMPARE(config->rope.theta, 10000.0);
        QCOMPARE(config->eosIds, (std::vector<std::int64_t>{2, 5}));
        QCOMPARE(config->torchDtype, std::string("bfloat16"));
    }

    void gpt2IsMapped() {
        const auto config = read(gpt2());
        QVERIFY2(config, config ? "" : config.error().message.c_str());
        QVERIFY(config->tiedHead && config->qkvBias && config->mlpBias && !config->gatedMlp && config->conv1dWeights);
        QCOMPARE(config->intermediateSize, 256);
        QCOMPARE(config->contextLength, 128);
        const ModelFamily* family = findFamily("GPT2LMHeadModel");
        const auto key = family->diskTensors("model.layers.1.self_attn.k_proj.weight", *config);
        QCOMPARE(key.at(0).name, std::string("transformer.h.1.attn.c_attn.weight"));
        QCOMPARE(key.at(1).name, std::string("h.1.attn.c_attn.weight"));
        QVERIFY(key[0].begin == 64 && key[0].size == 64 && key[0].transposed);
        const auto bias = family->diskTensors("model.layers.0.self_attn.v_proj.bias", *config);
        QVERIFY(bias.at(0).begin == 128 && !bias[0].transposed);
        QCOMPARE(family->peftModule("model.layers.1.mlp.down_proj", *config),
                 std::string("transformer.h.1.mlp.c_proj"));
        QVERIFY(family->ignorable("h.0.attn.masked_bias", *config) &&
                !family->ignorable("h.0.attn.c_attn.bias", *config));
    }

    void mixturesAreMapped() {
        Json json = llama();
        json.update({{"architectures", Json::array({"MixtralForCausalLM"})}, {"num_local_experts", 6}, {"num_experts_per_tok", 3}, {"router_aux_loss_coef", 0.02},
                     {"output_router_logits", true}, {"router_jitter_noise", 0.0}, {"sliding_window", 512}, {"max_position_embeddings", 2048}});
        const auto config = read(json);
        QVERIFY2(config, config ? "" : config.error().message.c_str());
        QVERIFY(config->experts == 6 && config->expertsPerToken == 3 && config->renormalizedExperts && config->slidingWindow == 512);
        QCOMPARE(config->routerLoss, 0.02);
        QCOMPARE(config->rope.theta, 1e6); // of the family, where the key is absent
        const ModelFamily* family = findFamily("MixtralForCausalLM");
        const auto diskName = [&](const char* name) { return family->diskTensors(name, *config).at(0).name; };
        QCOMPARE(diskName("model.layers.1.mlp.gate.weight"), std::string("model.layers.1.block_sparse_moe.gate.weight"));
        QCOMPARE(diskName("model.layers.1.mlp.experts.5.gate_proj.weight"), std::string("model.layers.1.block_sparse_moe.experts.5.w1.weight"));
        QCOMPARE(diskName("model.layers.1.mlp.experts.5.down_proj.weight"), std::string("model.layers.1.block_sparse_moe.experts.5.w2.weight"));
        QCOMPARE(diskName("model.layers.1.mlp.experts.5.up_proj.weight"), std::string("model.layers.1.block_sparse_moe.experts.5.w3.weight"));
        QCOMPARE(family->peftModule("model.layers.0.mlp.experts.0.gate_proj", *config), std::string("model.layers.0.block_sparse_moe.experts.0.w1"));
        // 2 layers: q and o 64 x 64, k and v the same, 6 experts of three 64 x 128 matrices, routers 6 x 64; of them 3 at a time.
        const std::int64_t attention = 4 * 64 * 64, expert = 3 * 64 * 128, router = 6 * 64;
        QCOMPARE(config->linearParameters(), 2 * (attention + 6 * expert + router));
        QCOMPARE(config->totalParameters() - config->activeParameters(), 2 * 3 * expert);
        const auto defaults = [&] {
            Json bare = llama();
            bare["architectures"] = Json::array({"MixtralForCausalLM"});
            return read(bare);
        }();
        QVERIFY(defaults && defaults->experts == 8 && defaults->expertsPerToken == 2 && defaults->routerLoss == 0.001);

        Json qwen = llama();
        qwen.update({{"architectures", Json::array({"Qwen3MoeForCausalLM"})}, {"num_experts", 16}, {"num_experts_per_tok", 4}, {"moe_intermediate_size", 24},
                     {"norm_topk_prob", true}, {"decoder_sparse_step", 1}, {"mlp_only_layers", Json::array()}, {"head_dim", 32}});
        const auto ofQwen = read(qwen);
        QVERIFY2(ofQwen, ofQwen ? "" : ofQwen.error().message.c_str());
        QVERIFY(ofQwen->experts == 16 && ofQwen->intermediateSize == 24 && ofQwen->qkNorm == QkNorm::Head && ofQwen->renormalizedExperts);

        Json olmo = llama();
        olmo.update({{"architectures", Json::array({"OlmoeForCausalLM"})}, {"clip_qkv", nullptr}});
        const auto ofOlmo = read(olmo);
        QVERIFY2(ofOlmo, ofOlmo ? "" : ofOlmo.error().message.c_str());
        QVERIFY(ofOlmo->experts == 64 && ofOlmo->expertsPerToken == 8 && ofOlmo->qkNorm == QkNorm::Projection && !ofOlmo->renormalizedExperts);
        QCOMPARE(ofOlmo->routerLoss, 0.01);
        olmo["clip_qkv"] = 8.0;
        QVERIFY(!read(olmo) && read(olmo).error().message.find("clip_qkv") != std::string::npos);
    }

    void mixturesAreRefusedByName_data() {
        QTest::addColumn<bool>("qwen");
        QTest::addColumn<QString>("change");
        QTest::addColumn<QString>("names");
        const auto row = [](bool qwen, const char* change, const char* names) { QTest::newRow(change) << qwen << QString(change) << QString(names); };
        row(false, R"({"num_experts_per_tok":9})", "num_experts_per_tok");
        row(false, R"({"num_local_experts":0})", "num_local_experts");
        row(false, R"({"num_local_experts":1e12})", "num_local_experts");
        row(false, R"({"num_local_experts":4000,"num_hidden_layers":9000})", "num_local_experts");
        row(false, R"({"router_jitter_noise":0.01})", "router_jitter_noise");
        row(false, R"({"router_aux_loss_coef":-1})", "router_aux_loss_coef");
        row(false, R"({"shared_expert_intermediate_size":64})", "shared_expert_intermediate_size");
        row(false, R"({"norm_topk_prob":false,"moe_layer_freq":2})", "moe_layer_freq");
        row(true, R"({"decoder_sparse_step":2})", "decoder_sparse_step");
        row(true, R"({"mlp_only_layers":[0]})", "mlp_only_layers");
        row(true, R"({"use_sliding_window":true})", "use_sliding_window");
    }
    void mixturesAreRefusedByName() {
        QFETCH(bool, qwen);
        QFETCH(QString, change);
        QFETCH(QString, names);
        Json json = llama();
        json["architectures"] = Json::array({qwen ? "Qwen3MoeForCausalLM" : "MixtralForCausalLM"});
        json.update(Json::parse(change.toStdString()));
        const auto config = read(json);
        QVERIFY(!config);
        QVERIFY2(config.error().message.find(names.toStdString()) != std::string::npos, config.error().message.c_str());
    }

    void ropeSpellings_data() {
        QTest::addColumn<QString>("change");
        QTest::addColumn<int>("scaling");
        QTest::addColumn<double>("factor");
        QTest::addColumn<int>("context");
        const auto row = [](const char* name, const char* change, RopeScaling scaling, double factor, int context) {
            QTest::newRow(name) << QString(change) << static_cast<int>(scaling) << factor << context;
        };
        row("null", R"({"rope_scaling":null})", RopeScaling::None, 1, 2048);
        row("default", R"({"rope_scaling":{"rope_type":"default"}})", RopeScaling::None, 1, 2048);
        row("old linear", R"({"rope_scaling":{"type":"linear","factor":2.5}})", RopeScaling::Linear, 2.5, 2048);
        row("dynamic", R"({"rope_scaling":{"rope_type":"dynamic","factor":4}})", RopeScaling::Dynamic, 4, 8192);
        row("llama3",
            R"({"rope_scaling":{"rope_type":"llama3","factor":32.0,"low_freq_factor":1.0,"high_freq_factor":4.0,"original_max_position_embeddings":512}})",
            RopeScaling::Llama3, 32, 2048);
        row("new key",
            R"({"rope_parameters":{"rope_type":"llama3","rope_theta":10000.0,"factor":8,"low_freq_factor":1.0,"high_freq_factor":4.0,"original_max_position_embeddings":512}})",
            RopeScaling::Llama3, 8, 2048);
        row("yarn", R"({"rope_scaling":{"type":"yarn","factor":4,"original_max_position_embeddings":512}})",
            RopeScaling::Yarn, 4, 2048);
        row("longrope",
            R"({"original_max_position_embeddings":1024,"rope_scaling":{"type":"longrope","short_factor":[1,1,1,1,1,1,1,1],"long_factor":[2,2,2,2,2,2,2,2]}})",
            RopeScaling::LongRope, 2, 2048);
    }
    void ropeSpellings() {
        QFETCH(QString, change);
        QFETCH(int, scaling);
        QFETCH(double, factor);
        QFETCH(int, context);
        Json json = llama();
        json.update(Json::parse(change.toStdString()));
        const auto config = read(json);
        QVERIFY2(config, config ? "" : config.error().message.c_str());
        QCOMPARE(static_cast<int>(config->rope.scaling), scaling);
        QCOMPARE(config->rope.factor, factor);
        QCOMPARE(config->contextLength, context);
    }

    void refusedByName_data() {
        QTest::addColumn<bool>("ofGpt2");
        QTest::addColumn<QString>("change");
        QTest::addColumn<QString>("names");
        const auto row = [](bool ofGpt2, const char* change, const char* names) {
            QTest::newRow(change) << ofGpt2 << QString(change) << QString(names);
        };
        row(false, R"({"vocab_size":null})", "vocab_size");
        row(false, R"({"hidden_size":-4})", "hidden_size");
        row(false, R"({"hidden_size":1e30})", "hidden_size");
        row(false, R"({"hidden_size":"64"})", "hidden_size");
        row(false, R"({"num_hidden_layers":0})", "num_hidden_layers");
        row(false, R"({"num_attention_heads":5})", "num_attention_heads");
        row(false, R"({"num_key_value_heads":3})", "num_key_value_heads");
        row(false, R"({"rms_norm_eps":"small"})", "rms_norm_eps");
        row(false, R"({"hidden_act":"mish"})", "hidden_act");
        row(false, R"({"tie_word_embeddings":1})", "tie_word_embeddings");
        row(false, R"({"eos_token_id":"2"})", "eos_token_id");
        row(false, R"({"sliding_window":512})", "sliding_window");
        row(false, R"({"final_logit_softcapping":30.0})", "final_logit_softcapping");
        row(false, R"({"attention_multiplier":0.5})", "attention_multiplier");
        row(false, R"({"num_local_experts":8})", "num_local_experts");
        row(false, R"({"partial_rotary_factor":0.5})", "partial_rotary_factor");
        row(false, R"({"quantization_config":{"bits":4}})", "quantization_config");
        row(false, R"({"use_qk_norm":true})", "use_qk_norm");
        row(false, R"({"rope_scaling":{"type":"spiral","factor":2}})", "spiral");
        row(false, R"({"rope_scaling":{"type":"linear"}})", "factor");
        row(false, R"({"rope_scaling":{"type":"linear","factor":2,"twist":3}})", "twist");
        row(false, R"({"rope_scaling":{"type":"longrope","short_factor":[1],"long_factor":[1]}})", "short_factor");
        row(false, R"({"rope_scaling":5})", "rope_scaling");
        row(true, R"({"scale_attn_by_inverse_layer_idx":true})", "scale_attn_by_inverse_layer_idx");
        row(true, R"({"add_cross_attention":true})", "add_cross_attention");
        row(true, R"({"n_head":5})", "n_head");
    }
    void refusedByName() {
        QFETCH(bool, ofGpt2);
        QFETCH(QString, change);
        QFETCH(QString, names);
        Json json = ofGpt2 ? gpt2() : llama();
        json.update(Json::parse(change.toStdString()));
        const auto config = read(json);
        QVERIFY(!config);
        QVERIFY2(QString::fromStdString(config.error().message).contains(names), config.error().message.c_str());
        QVERIFY(!config.error().hint.empty());
    }

    // A config of another family: Llama's keys, which all of them have, and some of its own.
    void otherFamiliesRefuseByName_data() {
        QTest::addColumn<QString>("architecture");
        QTest::addColumn<QString>("change");
        QTest::addColumn<QString>("names");
        const auto row = [](const char* architecture, const char* change, const char* names) {
            QTest::addRow("%s %s", architecture, change) << QString(architecture) << QString(change) << QString(names);
        };
        row("MistralForCausalLM", R"({"sliding_window":"long"})", "sliding_window");
        row("MistralForCausalLM", R"({"sliding_window":512,"layer_types":["full_attention","chunked"]})", "layer_types");
        row("MistralForCausalLM", R"({"sliding_window":512,"layer_types":["full_attention"]})", "layer_types");
        row("MistralForCausalLM", R"({"num_local_experts":8})", "num_local_experts");
        row("Qwen2ForCausalLM", R"({"attention_bias":true})", "attention_bias");
        row("Qwen2ForCausalLM", R"({"use_sliding_window":1})", "use_sliding_window");
        row("Qwen3ForCausalLM", R"({"num_experts":128})", "num_experts");
        row("GraniteForCausalLM", R"({"logits_scaling":0.0})", "logits_scaling");
        row("GraniteForCausalLM", R"({"residual_multiplier":"half"})", "residual_multiplier");
        row("Olmo2ForCausalLM", R"({"clip_qkv":8.0})", "clip_qkv");
        row("GemmaForCausalLM", R"({"hidden_activation":"mish"})", "hidden_activation");
        row("GemmaForCausalLM", R"({"attn_logit_softcapping":50.0})", "attn_logit_softcapping");
        row("StableLmForCausalLM", R"({"qk_layernorm":true})", "qk_layernorm");
        row("StableLmForCausalLM", R"({"partial_rotary_factor":0.2})", "partial_rotary_factor");
        row("PhiForCausalLM", R"({"qk_layernorm":true})", "qk_layernorm");
        row("PhiForCausalLM", R"({"partial_rotary_factor":1.5})", "partial_rotary_factor");
        row("Phi3ForCausalLM", R"({"full_attn_mod":2})", "full_attn_mod");
        row("Phi3ForCausalLM", R"({"lm_head_bias":true})", "lm_head_bias");
        row("Phi3ForCausalLM", R"({"rope_scaling":{"type":"longrope","short_factor":[1,1],"long_factor":[1,1]}})",
            "short_factor");
        row("Gemma2ForCausalLM", R"({"query_pre_attn_scalar":-1})", "query_pre_attn_scalar");
        row("Gemma2ForCausalLM", R"({"final_logit_softcapping":"30"})", "final_logit_softcapping");
        row("Gemma3ForCausalLM", R"({"use_bidirectional_attention":true})", "use_bidirectional_attention");
        row("Gemma3ForCausalLM", R"({"rope_local_base_freq":0})", "rope_local_base_freq");
        row("GPTNeoXForCausalLM", R"({"rotary_pct":0.05})", "rotary_pct");
    }
    void otherFamiliesRefuseByName() {
        QFETCH(QString, architecture);
        QFETCH(QString, change);
        QFETCH(QString, names);
        Json json = llama();
        json["architectures"] = {architecture.toStdString()};
        json.erase("rms_norm_eps"); // some call it layer_norm_eps
        const auto before = read(json);
        QVERIFY2(before, before ? "" : before.error().message.c_str());
        QCOMPARE(before->architecture, architecture.toStdString());
        json.update(Json::parse(change.toStdString()));
        const auto config = read(json);
        QVERIFY(!config);
        QVERIFY2(QString::fromStdString(config.error().message).contains(names), config.error().message.c_str());
        QVERIFY(!config.error().hint.empty());
    }

    void windowsAsLongAsTheContextAreNone() {
        Json json = llama();
        json["architectures"] = {"MistralForCausalLM"};
        json["sliding_window"] = 2048;
        QCOMPARE(read(json)->slidingWindow, 0);
        json["sliding_window"] = 2047;
        QCOMPARE(read(json)->slidingWindow, 2047);
        json["architectures"] = {"Qwen2ForCausalLM"};
        QCOMPARE(read(json)->slidingWindow, 0); // only with use_sliding_window
        json["use_sliding_window"] = true, json["max_window_layers"] = 1;
        const auto config = read(json);
        QVERIFY(config->slidingWindow == 2047 && !config->isLocal(0) && config->isLocal(1));
    }

    // With a head of 8 of which 4 turn: elements 0, 1 and 4, 5 of ours are the stored 0 .. 3.
    void rowsOfPartlyRotatedHeadsAreReordered() {
        Json json = llama();
        json["architectures"] = {"GPTNeoXForCausalLM"};
        json["num_attention_heads"] = 8, json["rotary_pct"] = 0.5;
        json.erase("rms_norm_eps");
        const auto config = read(json);
        QVERIFY2(config, config ? "" : config.error().message.c_str());
        const ModelFamily* family = findFamily("GPTNeoXForCausalLM");
        const auto key = family->diskTensors("model.layers.0.self_attn.k_proj.weight", *config).at(0);
        QCOMPARE(key.name, std::string("gpt_neox.layers.0.attention.query_key_value.weight"));
        const std::vector<std::int64_t> second(key.rows.begin() + 8, key.rows.begin() + 16);
        QCOMPARE(second, (std::vector<std::int64_t>{32, 33, 36, 37, 34, 35, 38, 39}));
        const auto value = family->diskTensors("model.layers.0.self_attn.v_proj.bias", *config).at(0);
        QVERIFY(value.rows.size() == 64 && value.rows[0] == 16 && value.rows[8] == 40);
    }

    void harmlessExtrasAreAccepted() {
        for (const char* extra : {R"({"sliding_window":null})", R"({"use_sliding_window":false})",
                                  R"({"num_experts":0})", R"({"my_note":"attention"})", R"({"pretraining_tp":2})"}) {
            Json json = llama();
            json.update(Json::parse(extra));
            QVERIFY2(read(json), extra);
        }
    }

    void foldersWithoutUsableWeightsSayWhy() {
        QTemporaryDir temporary;
        const fs::path folder = temporary.path().toStdString();
        const auto put = [&](const char* name, const std::string& text) { std::ofstream(folder / name) << text; };
        const auto says = [&](ErrorCode code, const char* what) {
            const auto source = ModelSource::open(folder);
            return !source && source.error().code == code && source.error().message.find(what) != std::string::npos &&
                   !source.error().hint.empty();
        };
        QVERIFY(says(ErrorCode::NotFound, "config.json"));
        put("adapter_config.json", "{}");
        QVERIFY(says(ErrorCode::NotFound, "adapter"));
        fs::remove(folder / "adapter_config.json");
        put("config.json", llama().dump());
        QVERIFY(says(ErrorCode::NotFound, "no weights"));
        put("pytorch_model.bin", "x");
        QVERIFY(says(ErrorCode::Unsupported, "pytorch_model.bin"));
        for (const char* index : {"[]", "{}", R"({"weight_map":{}})", R"({"weight_map":{"a":"../x.safetensors"}})",
                                  R"({"weight_map":{"a":5}})", R"({"weight_map":{"a":".."}})"}) {
            put("model.safetensors.index.json", index);
            QVERIFY2(says(ErrorCode::InvalidData, "index"), index);
        }
        put("model.safetensors.index.json", R"({"weight_map":{"a":"model-1.safetensors"}})");
        QVERIFY(says(ErrorCode::NotFound, "model-1.safetensors"));
        put("model.safetensors", "not one");
        QVERIFY(says(ErrorCode::InvalidData, "model.safetensors"));
        put("config.json", "[1]");
        QVERIFY(says(ErrorCode::InvalidData, "config.json"));
    }

    void whatIsNotThereIsNotCalledAFolder() {
        QTemporaryDir temporary;
        for (const char* name : {"missing.gguf", "missing"}) {
            const auto source = ModelSource::open(fs::path(temporary.path().toStdString()) / name);
            QVERIFY(!source && source.error().code == ErrorCode::NotFound);
            QVERIFY2(source.error().message.ends_with(std::string(name) + " does not exist"), source.error().message.c_str());
            QVERIFY(source.error().hint.find(".gguf") != std::string::npos);
        }
    }

    // Exports of other programs may leave out "architectures".
    void modelTypeAloneIsEnough() {
        std::set<std::string> seen;
        for (const auto& entry : fs::directory_iterator(fs::path(ATTUNE_SOURCE_DIR) / "tests/golden/families")) {
            QTemporaryDir temporary;
            const fs::path folder = temporary.path().toStdString();
            auto config = readJsonFile(entry.path() / "config.json");
            QVERIFY(config);
            const auto whole = readModelConfig(*ModelSource::open(entry.path()));
            QVERIFY(config->erase("architectures") == 1);
            std::ofstream(folder / "config.json") << config->dump();
            fs::copy_file(entry.path() / "model.safetensors", folder / "model.safetensors");
            const auto typeOnly = readModelConfig(*ModelSource::open(folder));
            QVERIFY2(typeOnly, typeOnly ? "" : typeOnly.error().message.c_str());
            QCOMPARE(typeOnly->architecture, whole->architecture);
            QCOMPARE(typeOnly->familyId, whole->familyId);
            seen.insert(typeOnly->familyId);
        }
        QCOMPARE(seen.size(), builtinFamilies().size());
    }

    void unknownArchitectureIsNamed() {
        QTemporaryDir temporary;
        const fs::path folder = temporary.path().toStdString();
        std::ofstream(folder / "config.json") << R"({"architectures":["FooForCausalLM"]})";
        if (!writeSafetensors(folder / "model.safetensors", {}))
            qFatal("cannot write");
        const auto config = readModelConfig(*ModelSource::open(folder));
        QVERIFY(!config);
        QCOMPARE(config.error().code, ErrorCode::Unsupported);
        QVERIFY(config.error().message.find("FooForCausalLM") != std::string::npos &&
                config.error().hint.find("llama") != std::string::npos);
    }
};

ATTUNE_TEST(TestFamilies)
#include "tst_families.moc"
