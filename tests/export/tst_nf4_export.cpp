// Model folders written in 4 bits (bitsandbytes' layout): names, bytes and numbers against a decoder of our own in this file, and read
// back by the general reader.
#include <QTemporaryDir>
#include <QtTest>

#include <cmath>
#include <set>

#include <ATen/ATen.h>

#include "core/export/exporter.h"
#include "core/export/peft_adapter.h"
#include "core/export/weight_reader.h"
#include "core/methods/method.h"
#include "core/nn/decoder.h"
#include "tests/support/test_data.h"
#include "tests/support/test_main.h"

using namespace attune;

namespace {

const fs::path kNf4Golden = fs::path(ATTUNE_SOURCE_DIR) / "tests/golden/families";
const std::vector<std::string> kEndings{"", ".absmax", ".nested_absmax", ".nested_quant_map", ".quant_map", ".quant_state.bitsandbytes__nf4"};

template <class T>
T orDie(Result<T> result) {
    if (!result)
        qFatal("%s", result.error().message.c_str());
    return std::move(*result);
}

// Heads of two numbers, so that k_proj [2, 64] is the 128 numbers of the worked example.
const Json kTinyConfig =
    Json::parse(R"({"architectures":["LlamaForCausalLM"],"model_type":"llama","vocab_size":61,"hidden_size":64,
    "num_hidden_layers":2,"num_attention_heads":32,"num_key_value_heads":1,"head_dim":2,"intermediate_size":96,"max_position_embeddings":64,
    "rms_norm_eps":1e-5,"hidden_act":"silu","tie_word_embeddings":false,"torch_dtype":"bfloat16"})");

using TypedTensors = std::map<std::string, std::pair<TensorType, at::Tensor>>;

void writeFolder(const fs::path& folder, const Json& config, const TypedTensors& tensors) {
    fs::create_directories(folder);
    std::vector<TensorToWrite> list;
    for (const auto& [name, entry] : tensors)
        list.push_back({name, entry.first, entry.second.sizes().vec(), [&entry = entry]() -> Result<std::span<const std::byte>> {
                            return std::span(static_cast<const std::byte*>(entry.second.data_ptr()), entry.second.nbytes());
                        }});
    if (!writeFileAtomic(folder / "config.json", config.dump()) || !writeSafetensors(folder / "model.safetensors", list))
        qFatal("cannot write");
}

void writeTinyBase(const fs::path& folder) {
    auto model = orDie(CausalLm::create(orDie(findFamily("LlamaForCausalLM")->readConfig(kTinyConfig)), {at::kFloat, at::kCPU}));
    model->initializeRandom(3);
    TypedTensors tensors;
    for (const auto& named : model->baseTensors()) {
        if (named.name == "model.layers.1.self_attn.k_proj.weight")
            for (std::int64_t i = 0; i < 128; ++i)
                named.tensor[i / 64][i % 64].fill_(static_cast<float>(0.05 * std::sin(0.7 * static_cast<double>(i))));
        const bool wide = named.name.find("k_proj") != std::string::npos; // the example's numbers need f32
        tensors[named.name] = {wide ? TensorType::F32 : TensorType::BF16, named.tensor.to(wide ? at::kFloat : at::kBFloat16).contiguous()};
    }
    writeFolder(folder, kTinyConfig, tensors);
}

at::Tensor rawBytes(const ModelSource& source, const std::string& name) {
    const auto found = source.find(name);
    if (!found)
        qFatal("no tensor %s", name.c_str());
    at::Tensor bytes = at::empty({static_cast<std::int64_t>(found->tensor->end - found->tensor->begin)}, at::kByte);
    if (!found->file->read(*found->tensor, {static_cast<std::byte*>(bytes.data_ptr()), bytes.nbytes()}))
        qFatal("cannot read");
    return bytes;
}

QByteArray hexOf(const at::Tensor& bytes) {
    return QByteArray(static_cast<const char*>(bytes.data_ptr()), static_cast<int>(bytes.nbytes())).toHex();
}

// The definition of the format, number by number: nothing of the program's own reader. [rows, columns] f32.
at::Tensor decoded(const ModelSource& source, const std::string& name) {
    const at::Tensor stateBytes = rawBytes(source, name + ".quant_state.bitsandbytes__nf4");
    const Json state = Json::parse(std::string(static_cast<const char*>(stateBytes.data_ptr()), stateBytes.nbytes()));
    const at::Tensor codes = rawBytes(source, name), absmax = rawBytes(source, name + ".absmax"), map = rawBytes(source, name + ".quant_map"),
                     nested = rawBytes(source, name + ".nested_absmax"), nestedMap = rawBytes(source, name + ".nested_quant_map");
    const auto floats = [](const at::Tensor& bytes) { return static_cast<const float*>(bytes.data_ptr()); };
    const std::int64_t rows = state.at("shape").at(0), columns = state.at("shape").at(1);
    at::Tensor out = at::empty({rows, columns}, at::kFloat);
    for (std::int64_t i = 0; i < rows * columns; ++i) {
        const std::uint8_t byte = codes.data_ptr<std::uint8_t>()[i / 2];
        const float scale = floats(nestedMap)[absmax.data_ptr<std::uint8_t>()[i / 64]] * floats(nested)[i / 64 / 256];
        out.data_ptr<float>()[i] = floats(map)[i % 2 == 0 ? byte >> 4 : byte & 15] * (scale + state.at("nested_offset").get<float>());
    }
    return out;
}

// The same folder with plain numbers instead of 4 bits.
void writeDecoded(const fs::path& from, const fs::path& to, bool transposed) {
    const ModelSource source = orDie(ModelSource::open(from));
    Json config = source.config();
    config.erase("quantization_config");
    TypedTensors tensors;
    for (const std::string& name : source.tensorNames()) {
        if (name.find(".weight.") != std::string::npos)
            continue;
        if (source.find(name + kEndings.back())) {
            const at::Tensor value = decoded(source, name);
            tensors[name] = {TensorType::F32, (transposed ? value.t() : value).contiguous()};
            continue;
        }
        const auto found = source.find(name);
        const at::Tensor bytes = rawBytes(source, name);
        if (found->tensor->type != TensorType::BF16)
            qFatal("the golden models are in bf16");
        tensors[name] = {TensorType::BF16, at::from_blob(bytes.data_ptr(), found->tensor->shape, at::kBFloat16).clone()};
    }
    writeFolder(to, config, tensors);
}

at::Tensor logitsOf(CausalLm& model) {
    Decoder decoder(model);
    return orDie(decoder.prefill({{5, 17, 31, 2, 9, 30}})).clone();
}

std::unique_ptr<CausalLm> open(const fs::path& folder, LinearFormat format = LinearFormat::Plain) {
    return orDie(readModel(orDie(ModelSource::open(folder)), {at::kFloat, at::kCPU, format}));
}

void trainAdapter(CausalLm& model) {
    const Method& lora = *findMethod("lora");
    if (!lora.attach(model, {{"r", std::int64_t{4}}}, 1))
        qFatal("attach");
    for (Parameter* parameter : model.trainable())
        parameter->value.normal_(0, 0.05, at::detail::createCPUGenerator(7));
    model.refreshComputeWeights();
}

} // namespace

class TestNf4Export : public QObject {
    Q_OBJECT
    QTemporaryDir m_temporary;
    fs::path folder(const char* name) const { return fs::path(m_temporary.path().toStdString()) / name; }

private Q_SLOTS:
    void initTestCase() { writeTinyBase(folder("base")); }

    void namesAndBytesAreBitsandbytes() {
        const ModelSource base = orDie(ModelSource::open(folder("base")));
        const auto model = open(folder("base"));
        const ExportInput input{base, *findFamily("LlamaForCausalLM"), *model, "base"};
        const auto files = orDie(findExporter("nf4")->write(input, folder("plain"), {}));
        QVERIFY(std::find(files.begin(), files.end(), "config.json") != files.end());
        const ModelSource written = orDie(ModelSource::open(folder("plain")));

        std::set<std::string> expected, found;
        for (const auto& named : model->baseTensors())
            if (named.name.find("proj.weight") == std::string::npos)
                expected.insert(named.name);
            else
                for (const std::string& ending : kEndings)
                    expected.insert(named.name + ending);
        for (const std::string& name : written.tensorNames())
            found.insert(name);
        QVERIFY(expected == found);

        // The worked example: codes of 0.05 sin(0.7 i), and its two scales rounded to 8 bits around their mean.
        const std::string k = "model.layers.1.self_attn.k_proj.weight";
        QCOMPARE(hexOf(rawBytes(written, k)),
                 QByteArray("7effb30017efeb30017efeb30028efea30028efea30028efea30028efea30028efea30029efea20029efe920029efe920029efe920029efe92002aefe92003ae"));
        QVERIFY(written.find(k)->tensor->shape == (std::vector<std::int64_t>{64, 1}));
        QCOMPARE(hexOf(rawBytes(written, k + ".absmax")), QByteArray("00ff"));
        const at::Tensor nested = rawBytes(written, k + ".nested_absmax"), map = rawBytes(written, k + ".nested_quant_map");
        QVERIFY(std::abs(static_cast<const float*>(nested.data_ptr())[0] - 6.09793e-05f) < 1e-10f);
        QCOMPARE(static_cast<const float*>(map.data_ptr())[0], -0.99296875f);
        QCOMPARE(static_cast<const float*>(map.data_ptr())[127], 0.0f);
        QCOMPARE(static_cast<const float*>(map.data_ptr())[255], 1.0f);
        const at::Tensor bytes = rawBytes(written, k + ".quant_state.bitsandbytes__nf4");
        const std::string text(static_cast<const char*>(bytes.data_ptr()), bytes.nbytes());
        const Json state = Json::parse(text);
        QCOMPARE(state.size(), std::size_t{7});
        QVERIFY(state["quant_type"] == "nf4" && state["blocksize"] == 64 && state["dtype"] == "float32" && state["shape"] == Json::array({2, 64}));
        QVERIFY(state["nested_blocksize"] == 256 && state["nested_dtype"] == "float32");
        QVERIFY(std::abs(state["nested_offset"].get<double>() - 0.04993885010480881) < 1e-9);
        const at::Tensor example = decoded(written, k);
        double largest = 0;
        for (std::int64_t i = 0; i < 128; ++i)
            largest = std::max(largest, std::abs(static_cast<double>(example.data_ptr<float>()[i]) - 0.05 * std::sin(0.7 * static_cast<double>(i))));
        QVERIFY(std::abs(largest - 0.0067174) < 1e-5);

        const Json quantised = written.config()["quantization_config"];
        QVERIFY(quantised["quant_method"] == "bitsandbytes" && quantised["load_in_4bit"] == true && quantised["load_in_8bit"] == false);
        QVERIFY(quantised["bnb_4bit_quant_type"] == "nf4" && quantised["bnb_4bit_use_double_quant"] == true);
        QVERIFY(quantised["bnb_4bit_quant_storage"] == "uint8" && quantised["bnb_4bit_compute_dtype"] == "bfloat16");
        QVERIFY(quantised["llm_int8_skip_modules"] == Json::array({"lm_head"}));
        // What QLoRA makes of the 16-bit folder while it loads is what the file holds.
        const auto loaded = open(folder("plain")), rounded = open(folder("base"), LinearFormat::Nf4);
        const auto parts = loaded->packedParts(), wanted = rounded->packedParts();
        QCOMPARE(parts.size(), std::size_t{14});
        for (std::size_t i = 0; i < parts.size(); ++i)
            QVERIFY(at::equal(parts[i].part->nf4->codes, wanted[i].part->nf4->codes) && at::equal(parts[i].part->nf4->absmax, wanted[i].part->nf4->absmax));
        QVERIFY(at::equal(logitsOf(*loaded), logitsOf(*rounded)));
    }

    // Fused projections, reordered heads, transposed weights: the file's numbers, decoded here and stored plainly, give the same logits.
    void everyFamilyIsReadAsWritten_data() {
        QTest::addColumn<QString>("name");
        for (const auto& entry : fs::directory_iterator(kNf4Golden))
            QTest::newRow(entry.path().filename().c_str()) << QString::fromStdString(entry.path().filename().string());
    }
    void everyFamilyIsReadAsWritten() {
        QFETCH(QString, name);
        const fs::path golden = kNf4Golden / name.toStdString(), packed = folder("family") / name.toStdString(), plain = packed.string() + "-plain";
        const auto model = open(golden);
        const ModelSource base = orDie(ModelSource::open(golden));
        const ExportInput input{base, *findFamily(model->config().architecture), *model, ""};
        orDie(findExporter("nf4")->write(input, packed, {}));
        writeDecoded(packed, plain, model->config().conv1dWeights);
        const auto fromPacked = open(packed), fromPlain = open(plain);
        QVERIFY(!fromPacked->packedParts().empty() && fromPlain->packedParts().empty());
        const at::Tensor difference = (logitsOf(*fromPacked) - logitsOf(*fromPlain)).abs().max();
        QVERIFY2(difference.item<double>() < 2e-5, std::to_string(difference.item<double>()).c_str());
    }

    // As QLoRA has them: a router in 4 bits would send tokens to other experts.
    void routersStayAsTheyAre() {
        const fs::path golden = kNf4Golden / "mixtral";
        const auto model = open(golden);
        const ModelSource base = orDie(ModelSource::open(golden));
        orDie(findExporter("nf4")->write({base, *findFamily("MixtralForCausalLM"), *model, ""}, folder("mixtral"), {}));
        const ModelSource written = orDie(ModelSource::open(folder("mixtral")));
        const std::string gate = "model.layers.1.block_sparse_moe.gate", expert = "model.layers.1.block_sparse_moe.experts.3.w2.weight";
        QCOMPARE(written.find(gate + ".weight")->tensor->type, TensorType::BF16);
        QVERIFY(written.find(expert + kEndings.back()) && !written.find(gate + ".weight" + kEndings.back()));
        const Json skipped = written.config()["quantization_config"]["llm_int8_skip_modules"];
        QVERIFY(std::find(skipped.begin(), skipped.end(), gate) != skipped.end());
        QVERIFY(at::equal(logitsOf(*open(folder("mixtral"))), logitsOf(*open(golden, LinearFormat::Nf4))));
    }

    // Where blocks do not cross rows, parts of a stored weight stay in 4 bits, in whatever order they are wanted.
    void pickedRowsAreTheSameNumbers() {
        const at::Tensor weight = at::randn({12, 128}, at::detail::createCPUGenerator(3));
        for (const bool nested : {true, false}) {
            const Nf4Matrix matrix = quantizeNf4(weight, nested), picked = pickNf4Rows(matrix, {7, 2, 11});
            at::Tensor all = at::empty({12, 128}), some = at::empty({3, 128});
            dequantizeNf4(matrix, 0, all), dequantizeNf4(picked, 0, some);
            QVERIFY(at::equal(some, all.index_select(0, at::tensor({7, 2, 11}, at::kLong))));
        }
    }

    void trainingIsFoldedInOrKeptApart() {
        const ModelSource base = orDie(ModelSource::open(folder("base")));
        const auto model = open(folder("base"));
        trainAdapter(*model);
        const ExportInput merged{base, *findFamily("LlamaForCausalLM"), *model, "base"};
        const Exporter& exporter = *findExporter("nf4");
        orDie(exporter.write(merged, folder("merged"), {}));
        const ModelSource written = orDie(ModelSource::open(folder("merged")));
        const LinearPart& part = model->blocks[1].down.parts[0];
        const at::Tensor sum = open(folder("base"))->blocks[1].down.weight.compute.to(at::kDouble) +
                               at::mm(part.lora->b.value.to(at::kDouble), part.lora->a.value.to(at::kDouble)) * part.lora->scale;
        at::Tensor expected = at::empty({64, 96});
        dequantizeNf4(quantizeNf4(sum.to(at::kFloat)), 0, expected);
        QVERIFY((decoded(written, "model.layers.1.mlp.down_proj.weight") - expected).abs().max().item<double>() < 1e-7);
        const auto reloaded = orDie(exporter.reload(merged, folder("merged"), {at::kFloat, at::kCPU}));
        QVERIFY((logitsOf(*reloaded) - logitsOf(*open(folder("merged")))).abs().max().item<double>() == 0);

        const ExportInput apart{base, *findFamily("LlamaForCausalLM"), *model, "base", {{"merge", false}}};
        const auto files = orDie(exporter.write(apart, folder("apart"), {}));
        QVERIFY(std::find(files.begin(), files.end(), "adapter/adapter_config.json") != files.end());
        const auto both = orDie(exporter.reload(apart, folder("apart"), {at::kFloat, at::kCPU}));
        const auto qlora = open(folder("base"), LinearFormat::Nf4); // what the training of a QLoRA run computed
        trainAdapter(*qlora);
        QVERIFY((logitsOf(*both) - logitsOf(*qlora)).abs().max().item<double>() < 1e-5);
        QVERIFY((logitsOf(*both) - logitsOf(*open(folder("apart")))).abs().max().item<double>() > 1e-3); // the adapter counts
    }

    // A base that is in 4 bits already: copied to the byte, or merged and rounded once more, or written in 16 bits.
    void packedBaseIsExportedAgain() {
        const ModelSource base = orDie(ModelSource::open(folder("plain")));
        const auto model = open(folder("plain"));
        trainAdapter(*model);
        const ModelFamily& family = *findFamily("LlamaForCausalLM");
        orDie(findExporter("nf4")->write({base, family, *model, "", {{"merge", false}}}, folder("copy"), {}));
        const ModelSource copy = orDie(ModelSource::open(folder("copy")));
        QCOMPARE(copy.tensorNames().size(), base.tensorNames().size());
        for (const std::string& name : base.tensorNames())
            QVERIFY2(at::equal(rawBytes(base, name), rawBytes(copy, name)), name.c_str());
        QVERIFY(copy.config()["quantization_config"] == base.config()["quantization_config"]);

        const std::string name = "model.layers.0.mlp.up_proj.weight";
        const LinearPart& part = model->blocks[0].gateUp.parts[1];
        const at::Tensor sum = decoded(base, name) + at::mm(part.lora->b.value, part.lora->a.value) * part.lora->scale;
        orDie(findExporter("nf4")->write({base, family, *model, ""}, folder("again"), {}));
        at::Tensor expected = at::empty({96, 64});
        dequantizeNf4(quantizeNf4(sum), 0, expected);
        QVERIFY((decoded(orDie(ModelSource::open(folder("again"))), name) - expected).abs().max().item<double>() < 1e-7);

        orDie(findExporter("merged")->write({base, family, *model, ""}, folder("sixteen"), {}));
        const ModelSource sixteen = orDie(ModelSource::open(folder("sixteen")));
        QVERIFY(!sixteen.config().contains("quantization_config"));
        QVERIFY(sixteen.find(name)->tensor->type == TensorType::BF16 && !sixteen.find(name + ".absmax"));
        const auto plain = open(folder("sixteen"));
        QVERIFY(plain->packedParts().empty());
        const at::Tensor found = plain->blocks[0].gateUp.weight.compute.narrow(0, 96, 96), wanted = sum.to(at::kBFloat16).to(at::kFloat);
        QVERIFY(at::isclose(found, wanted, 1.0 / 128, 1e-6).all().item<bool>() && (found == wanted).to(at::kFloat).mean().item<double>() > 0.99);
    }

    void otherBlocksAndTypesOfStorageAreRead() {
        // Blocks of 128 with plain scales, the bytes of the codes declared as bf16.
        const ModelSource base = orDie(ModelSource::open(folder("base")));
        const auto model = open(folder("base"));
        const std::string name = "model.layers.0.mlp.down_proj.weight";
        TypedTensors tensors;
        for (const auto& named : model->baseTensors())
            tensors[named.name] = {TensorType::F32, named.tensor.contiguous()};
        const at::Tensor weight = tensors[name].second;
        const at::Tensor scales = std::get<0>(weight.view({-1, 128}).abs().max(1));
        at::Tensor codes = at::empty({weight.numel() / 2}, at::kByte), expected = at::empty_like(weight);
        const Json values = Json::parse("[-1.0, -0.6961928, -0.52507305, -0.3949175, -0.28444138, -0.18477343, -0.091050036, 0.0, "
                                        "0.0795803, 0.1609302, 0.2461123, 0.33791524, 0.44070983, 0.562617, 0.72295684, 1.0]");
        at::Tensor map = at::empty({16});
        for (int i = 0; i < 16; ++i)
            map.data_ptr<float>()[i] = values[static_cast<std::size_t>(i)].get<float>();
        for (std::int64_t i = 0; i < weight.numel(); ++i) {
            const float scale = scales.data_ptr<float>()[i / 128], x = weight.data_ptr<float>()[i] / scale;
            const auto code = (map - x).abs().argmin().item<std::int64_t>();
            std::uint8_t& byte = codes.data_ptr<std::uint8_t>()[i / 2];
            byte = static_cast<std::uint8_t>(i % 2 == 0 ? code << 4 : byte | code);
            expected.data_ptr<float>()[i] = map.data_ptr<float>()[code] * scale;
        }
        const std::string state = R"({"quant_type":"nf4","blocksize":128,"dtype":"bfloat16","shape":[64,96]})";
        at::Tensor text = at::empty({static_cast<std::int64_t>(state.size())}, at::kByte);
        std::copy(state.begin(), state.end(), text.data_ptr<std::uint8_t>());
        tensors[name] = {TensorType::BF16, at::from_blob(codes.data_ptr(), {codes.numel() / 2, 1}, at::kBFloat16)};
        tensors[name + ".absmax"] = {TensorType::F32, scales};
        tensors[name + ".quant_map"] = {TensorType::F32, map};
        tensors[name + ".quant_state.bitsandbytes__nf4"] = {TensorType::U8, text};
        writeFolder(folder("blocks"), kTinyConfig, tensors);
        const auto read = open(folder("blocks"));
        QVERIFY(read->blocks[0].down.packed && read->blocks[0].down.parts[0].nf4);
        at::Tensor rows = at::empty({64, 96});
        read->blocks[0].down.readRows(0, rows);
        QVERIFY(at::equal(rows, expected));
    }

    void whatCannotBeWrittenIsRefused() {
        const ModelSource base = orDie(ModelSource::open(folder("base")));
        const auto model = open(folder("base"));
        const ModelFamily& family = *findFamily("LlamaForCausalLM");
        const auto nothing = findExporter("nf4")->write({base, family, *model, "", {{"merge", false}}}, folder("nothing"), {});
        QVERIFY(!nothing && nothing.error().code == ErrorCode::InvalidArgument && !nothing.error().hint.empty());
        QVERIFY(!findExporter("nf4")->write({base, family, *model, ""}, folder("base"), {}));
        QVERIFY(findMethod("prompt_tuning")->attach(*model, {{"init", std::string("random")}}, 1));
        const auto prompt = findExporter("nf4")->write({base, family, *model, ""}, folder("prompt"), {});
        QVERIFY(!prompt && prompt.error().message.find("prompt") != std::string::npos);
    }
};

ATTUNE_TEST(TestNf4Export)
#include "tst_nf4_export.moc"
