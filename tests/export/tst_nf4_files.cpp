// Models stored in 4 bits in bitsandbytes' layout, written here by hand: read back exactly, mixed with 16-bit layers, and
// refused by name when a part of them is damaged.
#include <QTemporaryDir>
#include <QtTest>

#include <ATen/ATen.h>

#include "core/export/exporter.h"
#include "core/export/weight_reader.h"
#include "core/nn/decoder.h"
#include "tests/support/test_main.h"

using namespace attune;

namespace {

const Json kConfig =
    Json::parse(R"({"architectures":["LlamaForCausalLM"],"model_type":"llama","vocab_size":61,"hidden_size":64,
    "num_hidden_layers":2,"num_attention_heads":4,"num_key_value_heads":2,"intermediate_size":96,"max_position_embeddings":64,
    "rms_norm_eps":1e-5,"hidden_act":"silu","tie_word_embeddings":false,"torch_dtype":"bfloat16","quantization_config":
    {"quant_method":"bitsandbytes","load_in_4bit":true,"load_in_8bit":false,"bnb_4bit_quant_type":"nf4",
    "bnb_4bit_use_double_quant":true,"bnb_4bit_quant_storage":"uint8","bnb_4bit_compute_dtype":"bfloat16"}})");

using Files = std::map<std::string, std::pair<TensorType, at::Tensor>>;

at::Tensor textTensor(const std::string& text) {
    at::Tensor tensor = at::empty({static_cast<std::int64_t>(text.size())}, at::kByte);
    std::copy(text.begin(), text.end(), tensor.data_ptr<std::uint8_t>());
    return tensor;
}

// Every linear weight whose name does not contain `skipped` in 4 bits, with or without double quantisation.
Files packedFiles(CausalLm& model, bool nested, const std::string& skipped) {
    Files files;
    for (const auto& named : model.baseTensors()) {
        const std::string& name = named.name;
        if (name.find("proj.weight") == std::string::npos || (!skipped.empty() && name.find(skipped) != std::string::npos)) {
            files[name] = {TensorType::BF16, named.tensor.to(at::kBFloat16).contiguous()};
            continue;
        }
        const Nf4Matrix matrix = quantizeNf4(named.tensor.to(at::kBFloat16), nested);
        Json state{{"quant_type", "nf4"}, {"blocksize", 64}, {"dtype", "bfloat16"}, {"shape", {matrix.rows, matrix.columns}}};
        if (nested)
            state.update({{"nested_blocksize", 256}, {"nested_dtype", "float32"}, {"nested_offset", matrix.nestedOffset}});
        files[name] = {TensorType::U8, matrix.codes.view({-1, 1})};
        files[name + ".absmax"] = {nested ? TensorType::U8 : TensorType::F32, matrix.absmax};
        files[name + ".quant_map"] = {TensorType::F32, at::empty({16}, at::kFloat)};
        const float values[16] = {-1.0f, -0.6961928f, -0.52507305f, -0.3949175f, -0.28444138f, -0.18477343f, -0.091050036f, 0.0f,
                                  0.0795803f, 0.1609302f, 0.2461123f, 0.33791524f, 0.44070983f, 0.562617f, 0.72295684f, 1.0f};
        std::copy(values, values + 16, files[name + ".quant_map"].second.data_ptr<float>());
        if (nested) {
            files[name + ".nested_absmax"] = {TensorType::F32, matrix.nestedAbsmax};
            files[name + ".nested_quant_map"] = {TensorType::F32, matrix.nestedMap};
        }
        files[name + ".quant_state.bitsandbytes__nf4"] = {TensorType::U8, textTensor(state.dump())};
    }
    return files;
}

void write(const fs::path& folder, const Files& files) {
    fs::create_directories(folder);
    std::vector<TensorToWrite> list;
    for (const auto& [name, entry] : files)
        list.push_back({name, entry.first, entry.second.sizes().vec(), [&entry = entry]() -> Result<std::span<const std::byte>> {
                            return std::span(static_cast<const std::byte*>(entry.second.data_ptr()), entry.second.nbytes());
                        }});
    QVERIFY(writeFileAtomic(folder / "config.json", kConfig.dump()));
    QVERIFY(writeSafetensors(folder / "model.safetensors", list));
}

std::unique_ptr<CausalLm> original() {
    auto model = CausalLm::create(findFamily("LlamaForCausalLM")->readConfig(kConfig).value(), {at::kFloat, at::kCPU}).value();
    model->initializeRandom(3);
    return model;
}

Result<std::unique_ptr<CausalLm>> load(const fs::path& folder, LinearFormat format = LinearFormat::Plain) {
    ATTUNE_ASSIGN(const ModelSource source, ModelSource::open(folder));
    return readModel(source, {at::kFloat, at::kCPU, format});
}

} // namespace

class TestNf4Files : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void storedWeightsAreReadExactly_data() {
        QTest::addColumn<bool>("nested");
        QTest::newRow("double quantisation") << true;
        QTest::newRow("plain scales") << false;
    }
    void storedWeightsAreReadExactly() {
        QFETCH(bool, nested);
        const QTemporaryDir folder;
        const fs::path path = folder.path().toStdString();
        const auto model = original();
        write(path, packedFiles(*model, nested, {}));
        auto loaded = load(path);
        QVERIFY2(loaded, loaded ? "" : loaded.error().message.c_str());
        QCOMPARE((*loaded)->packedParts().size(), std::size_t{14});
        for (const auto& packed : (*loaded)->packedParts()) {
            at::Tensor expected;
            for (const auto& named : model->baseTensors())
                if (named.name == packed.name)
                    expected = named.tensor;
            const at::Tensor rows = at::empty_like(expected), ours = at::empty_like(expected);
            packed.linear->readRows(packed.part->begin, rows);
            dequantizeNf4(quantizeNf4(expected.to(at::kBFloat16), nested), 0, ours);
            QVERIFY2(at::equal(rows, ours), packed.name.c_str());
        }
        Decoder decoder(**loaded);
        QVERIFY(at::isfinite(decoder.prefill({{1, 2, 3}}).value()).all().item<bool>());
    }

    // Layers that the maker of the file left in 16 bits stay so, also inside a fused weight.
    void unpackedLayersStayAsTheyAre() {
        const QTemporaryDir folder;
        const fs::path path = folder.path().toStdString();
        const auto model = original();
        write(path, packedFiles(*model, true, "layers.1.self_attn.k_proj"));
        for (const LinearFormat format : {LinearFormat::Plain, LinearFormat::Nf4}) {
            const auto loaded = load(path, format).value();
            const Linear& qkv = loaded->blocks[1].qkv;
            QVERIFY(qkv.packed && qkv.parts[0].nf4 && !qkv.parts[1].nf4);
            const at::Tensor k = at::empty({32, 64}, at::kFloat);
            qkv.readRows(qkv.parts[1].begin, k);
            QVERIFY(at::equal(k, model->blocks[1].qkv.weight.compute.narrow(0, 64, 32).to(at::kBFloat16).to(at::kFloat)));
        }
        write(path, packedFiles(*model, true, "layers.1."));
        const auto half = load(path).value();
        QVERIFY(half->blocks[0].down.packed && !half->blocks[1].down.packed && half->blocks[1].down.weight.defined());
    }

    void sixteenBitWeightsAreRoundedWhileLoading() {
        const QTemporaryDir folder;
        const fs::path path = folder.path().toStdString();
        const auto model = original();
        write(path, packedFiles(*model, true, "proj"));
        const auto plain = load(path).value(), packed = load(path, LinearFormat::Nf4).value();
        QVERIFY(plain->packedParts().empty());
        plain->packLinears();
        for (std::size_t i = 0; i < 14; ++i)
            QVERIFY(at::equal(plain->packedParts()[i].part->nf4->codes, packed->packedParts()[i].part->nf4->codes));
    }

    void damagedFilesAreRefusedByName_data() {
        QTest::addColumn<QString>("ending");
        QTest::addColumn<QString>("what");
        const std::pair<const char*, const char*> kCases[] = {
            {".absmax", "missing"},        {".absmax", "short"},        {".quant_map", "missing"}, {".quant_map", "other"},
            {".nested_absmax", "nan"},     {".nested_absmax", "short"}, {".nested_quant_map", "missing"},
            {".quant_state.bitsandbytes__nf4", "not json"}, {".quant_state.bitsandbytes__nf4", "shape"},
            {".quant_state.bitsandbytes__nf4", "huge"}, {".quant_state.bitsandbytes__nf4", "block"}, {"", "short"}};
        for (const auto& [ending, what] : kCases)
            QTest::addRow("%s %s", ending, what) << ending << what;
    }
    void damagedFilesAreRefusedByName() {
        QFETCH(QString, ending);
        QFETCH(QString, what);
        const QTemporaryDir folder;
        const fs::path path = folder.path().toStdString();
        const auto model = original();
        Files files = packedFiles(*model, true, {});
        const std::string weight = "model.layers.1.mlp.down_proj.weight", name = weight + ending.toStdString();
        auto& tensor = files[name].second;
        if (what == "missing")
            files.erase(name);
        else if (what == "short")
            tensor = tensor.flatten().narrow(0, 0, tensor.numel() - 1).contiguous();
        else if (what == "nan")
            tensor = tensor * std::nan("");
        else if (what == "other")
            tensor = tensor * 0.5;
        else if (what == "not json")
            tensor = textTensor("{\"blocksize\": 64, ");
        else if (what == "block")
            tensor = textTensor(R"({"quant_type":"nf4","blocksize":32,"shape":[64,96]})");
        else
            tensor = textTensor(what == "shape" ? R"({"quant_type":"nf4","blocksize":64,"shape":[96,64]})"
                                                : R"({"quant_type":"nf4","blocksize":64,"shape":[1073741824,1073741824]})");
        write(path, files);
        const auto loaded = load(path);
        QVERIFY(!loaded);
        QVERIFY2(loaded.error().message.find("down_proj") != std::string::npos, loaded.error().message.c_str());
        QVERIFY(!loaded.error().hint.empty());
    }
};

ATTUNE_TEST(TestNf4Files)
#include "tst_nf4_files.moc"
