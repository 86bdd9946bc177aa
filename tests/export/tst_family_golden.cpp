// Every family against tests/golden/families: tiny models whose logits make_golden.py computed in double precision from the
// published definitions. Forward, decoding, gradients, adapters and merged exports of each.
#include <QTemporaryDir>
#include <QtTest>
#include <cmath>
#include <map>
#include <set>

#include <ATen/ATen.h>

#include "core/base/json.h"
#include "core/export/merged_exporter.h"
#include "core/export/peft_adapter.h"
#include "core/export/weight_reader.h"
#include "core/nn/decoder.h"
#include "core/nn/rope.h"
#include "tests/nn/gradient_check.h"
#include "tests/support/test_main.h"

using namespace attune;
using namespace attune::test;

namespace {

const fs::path kFamilies = fs::path(ATTUNE_SOURCE_DIR) / "tests/golden/families";
constexpr double kTolerance = 1e-4;

template <class T>
T checked(Result<T> result) {
    if (!result)
        qFatal("%s", result.error().message.c_str());
    return std::move(*result);
}

struct Golden {
    std::vector<std::int64_t> ids;
    at::Tensor logits; // [T, V] f64: row t after the first t + 1 tokens

    explicit Golden(const fs::path& folder) {
        const Json json = checked(readJsonFile(folder / "golden.json"));
        ids = json["ids"].get<std::vector<std::int64_t>>();
        std::vector<double> flat;
        for (const Json& row : json["logits"])
            for (const Json& value : row)
                flat.push_back(value.get<double>());
        logits = at::tensor(at::ArrayRef<double>(flat)).view({static_cast<std::int64_t>(ids.size()), -1});
    }
    std::vector<std::int64_t> beginning(std::size_t length) const {
        return {ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(length)};
    }
};

std::unique_ptr<CausalLm> loadGolden(const fs::path& folder, at::ScalarType type) {
    return checked(readModel(checked(ModelSource::open(folder)), {type, at::kCPU}));
}

double largest(const at::Tensor& a, const at::Tensor& b) {
    return (a.to(at::kDouble) - b.to(at::kDouble)).abs().max().item<double>();
}

// The logits after each token, by decoding one after the other.
at::Tensor decoded(CausalLm& model, const std::vector<std::int64_t>& ids,
                   DecodePrecision precision = DecodePrecision::AsStored) {
    Decoder decoder(model, precision);
    std::vector<at::Tensor> rows{checked(decoder.prefill({{ids[0]}}))};
    for (std::size_t t = 1; t < ids.size(); ++t)
        rows.push_back(checked(decoder.step({ids[t]})));
    return at::cat(rows);
}

// The same by reading each beginning whole.
at::Tensor readBeginnings(CausalLm& model, const Golden& golden) {
    Decoder decoder(model);
    std::vector<at::Tensor> rows;
    for (std::size_t length = 1; length <= golden.ids.size(); ++length)
        rows.push_back(checked(decoder.prefill({golden.beginning(length)})));
    return at::cat(rows);
}

using Tensors = std::map<std::string, at::Tensor>; // by name on disk, f32

at::Tensor whole(const ModelSource::Found& found) {
    at::Tensor value = at::empty(found.tensor->shape, at::kFloat);
    require(readStored({found, {.name = found.tensor->name}}, value));
    return value;
}

Tensors storedTensors(const ModelSource& source) {
    Tensors tensors;
    for (const auto& file : source.files())
        for (const TensorInfo& info : file->tensors())
            tensors[info.name] = whole({file.get(), &info});
    return tensors;
}

// A model folder in f32, so that nothing is rounded.
void writeFolder(const fs::path& out, const fs::path& config, Tensors tensors) {
    fs::create_directories(out);
    fs::copy_file(config, out / "config.json");
    std::vector<TensorToWrite> files;
    for (auto& [name, tensor] : tensors)
        files.push_back({name, TensorType::F32, tensor.sizes().vec(),
                         [&tensor = tensor]() -> Result<std::span<const std::byte>> {
                             return std::span(static_cast<const std::byte*>(tensor.data_ptr()), tensor.nbytes());
                         }});
    require(writeSafetensors(out / "model.safetensors", files));
}

// Different ranks and scales; some layers stay without.
void adapt(CausalLm& model, bool everywhere) {
    int i = 0;
    for (Block& block : model.blocks)
        for (Linear* linear : block.linears())
            for (LinearPart& part : linear->parts) {
                ++i;
                if (!everywhere && i % 5 == 0)
                    continue;
                const std::int64_t rank = i % 3 == 0 ? 4 : 2;
                const at::TensorOptions options = at::TensorOptions().dtype(at::kDouble);
                part.lora = std::make_unique<LoraAdapter>();
                part.lora->a.value = ((at::arange(rank * linear->inFeatures(), options) * (0.3 + i)).sin() * 0.2)
                                         .view({rank, -1})
                                         .to(model.masterType());
                part.lora->b.value = ((at::arange(part.rows * rank, options) * (0.7 + i)).cos() * 0.2)
                                         .view({-1, rank})
                                         .to(model.masterType());
                part.lora->a.name = part.name + ".lora_A.weight", part.lora->b.name = part.name + ".lora_B.weight";
                part.lora->scale = i % 4 == 0 ? 0.75 : 1.5;
            }
    model.prepareAdapters();
    model.refreshComputeWeights();
}

} // namespace

class TestFamilyGolden : public QObject {
    Q_OBJECT

    static void models() {
        QTest::addColumn<QString>("name");
        std::set<std::string> names;
        for (const auto& entry : fs::directory_iterator(kFamilies))
            names.insert(entry.path().filename().string());
        for (const std::string& name : names)
            QTest::newRow(name.c_str()) << QString::fromStdString(name);
    }
    static fs::path folder() {
        QFETCH(QString, name);
        return kFamilies / name.toStdString();
    }

private Q_SLOTS:
    void everyFamilyIsThere() {
        std::set<std::string> seen;
        for (const auto& entry : fs::directory_iterator(kFamilies))
            seen.insert(checked(readModelConfig(checked(ModelSource::open(entry.path())))).familyId);
        for (const auto& family : builtinFamilies())
            QVERIFY2(seen.contains(family->id()), family->id().c_str());
    }

    void logitsAgree_data() { models(); }
    void logitsAgree() {
        const Golden golden(folder());
        const auto model = loadGolden(folder(), at::kFloat);
        const double reading = largest(readBeginnings(*model, golden), golden.logits);
        const double decoding = largest(decoded(*model, golden.ids), golden.logits);
        qInfo("largest difference: reading %.2g, decoding %.2g", reading, decoding);
        QVERIFY(reading < kTolerance);
        QVERIFY(decoding < kTolerance);
        const auto exact = loadGolden(folder(), at::kDouble);
        QVERIFY(largest(readBeginnings(*exact, golden), golden.logits) < 1e-8);
        QVERIFY(largest(decoded(*exact, golden.ids), golden.logits) < 1e-8);
    }

    // The passes of training, every position of a packed batch.
    void logProbabilitiesAgree_data() { models(); }
    void logProbabilitiesAgree() {
        const Golden golden(folder());
        const auto model = loadGolden(folder(), at::kDouble);
        const std::vector<std::int64_t>& ids = golden.ids;
        const std::size_t count = ids.size();
        PackedTokens batch;
        batch.rowStarts.push_back(0);
        std::vector<double> expected;
        const at::Tensor logP = at::log_softmax(golden.logits, 1);
        const auto addRow = [&](std::size_t length, bool allTargets) {
            for (std::size_t t = 0; t < length; ++t) {
                batch.ids.push_back(ids[t]);
                const bool counts = allTargets || t + 1 == length;
                const auto target = static_cast<std::int64_t>((5 * t + 3) % 31);
                batch.targets.push_back(counts ? target : -100);
                if (counts)
                    expected.push_back(logP[static_cast<std::int64_t>(t)][target].item<double>());
            }
            batch.rowStarts.push_back(static_cast<std::int32_t>(batch.ids.size()));
        };
        addRow(5, false);
        addRow(count, !ropeDependsOnLength(model->config().rope));
        addRow(1, true);
        TrainingPass pass(*model);
        require(pass.forward(batch, {}));
        QVERIFY(largest(checked(pass.targetLogProbs()), at::tensor(at::ArrayRef<double>(expected))) < 1e-8);
    }

    // A multiple of bf16's rounding, relative to the size of the logits: finds wrong paths, not rounding.
    void bf16AndEightBitsAreClose_data() { models(); }
    void bf16AndEightBitsAreClose() {
        const Golden golden(folder());
        const auto model = loadGolden(folder(), at::kBFloat16);
        const double size = golden.logits.abs().max().item<double>();
        const double reading = largest(readBeginnings(*model, golden), golden.logits) / size;
        const double decoding = largest(decoded(*model, golden.ids), golden.logits) / size;
        const double eight = largest(decoded(*model, golden.ids, DecodePrecision::EightBit), golden.logits) / size;
        qInfo("of the largest logit: reading %.3f, decoding %.3f, 8 bits %.3f", reading, decoding, eight);
        QVERIFY(reading < 0.05 && decoding < 0.05 && eight < 0.05);
    }

    void severalSequencesDecodeAsOne_data() { models(); }
    void severalSequencesDecodeAsOne() {
        const Golden golden(folder());
        const auto model = loadGolden(folder(), at::kFloat);
        Decoder decoder(*model);
        at::Tensor logits = checked(decoder.prefill({golden.beginning(3), golden.beginning(7), golden.beginning(5)}));
        for (std::size_t step = 0; step < 5; ++step) {
            const std::size_t lengths[] = {3 + step, 7 + step, 5 + step};
            std::vector<std::int64_t> next;
            for (std::int64_t row = 0; row < 3; ++row) {
                QVERIFY(largest(logits[row], golden.logits[static_cast<std::int64_t>(lengths[row]) - 1]) < kTolerance);
                next.push_back(golden.ids[std::min(lengths[row], golden.ids.size() - 1)]);
            }
            if (step + 1 < 5)
                logits = checked(decoder.step(next));
        }
    }

    // Texts of several hundred tokens, which decoding takes in pieces, and windows shorter and longer than a piece.
    void longWindowsDecodeAsTheyAreRead_data() {
        QTest::addColumn<QString>("name");
        QTest::addColumn<int>("window");
        for (const char* name : {"gemma2", "gemma3", "mistral_window", "qwen2_window"})
            for (const int window : {5, 300})
                QTest::addRow("%s %d", name, window) << QString(name) << window;
    }
    void longWindowsDecodeAsTheyAreRead() {
        QFETCH(int, window);
        const ModelSource source = checked(ModelSource::open(folder()));
        ModelConfig config = checked(readModelConfig(source));
        config.contextLength = 1000, config.slidingWindow = window;
        const auto model = checked(CausalLm::create(config, {at::kDouble, at::kCPU}));
        require(readBaseWeights(source, *findFamily(config.architecture), *model));
        std::vector<std::int64_t> ids;
        Rng rng(5);
        for (int t = 0; t < 640; ++t)
            ids.push_back(static_cast<std::int64_t>(rng.below(static_cast<std::uint64_t>(config.vocabularySize))));
        const auto beginning = [&](std::ptrdiff_t length) {
            return std::vector<std::int64_t>(ids.begin(), ids.begin() + length);
        };
        Decoder decoder(*model), reader(*model);
        (void)checked(decoder.prefill({beginning(600)}));
        for (std::ptrdiff_t length = 601; length <= 640; ++length) {
            const at::Tensor logits = checked(decoder.step({ids[static_cast<std::size_t>(length - 1)]}));
            if (length % 13 == 0)
                QVERIFY(largest(logits, checked(reader.prefill({beginning(length)}))) < 1e-9);
        }
    }

    void gradientsMatchFiniteDifferences_data() { models(); }
    void gradientsMatchFiniteDifferences() {
        const Golden golden(folder());
        for (const bool full : {true, false}) {
            const auto model = loadGolden(folder(), at::kDouble);
            if (full)
                model->trainAllWeights();
            else
                adapt(*model, true);
            const PackedTokens batch = makeBatch(model->config(), {9, 1, 12});
            const QString difference = gradientDifference(*model, batch, {});
            QVERIFY2(difference.isEmpty(), qPrintable((full ? "full: " : "LoRA: ") + difference));
        }
    }

    void recomputedGradientsAreTheSame_data() { models(); }
    void recomputedGradientsAreTheSame() {
        for (const at::ScalarType type : {at::kFloat, at::kBFloat16})
            for (const bool full : {true, false}) {
                std::vector<std::vector<at::Tensor>> gradients;
                std::vector<std::string> names;
                for (const ActivationPolicy policy : {ActivationPolicy::Keep, ActivationPolicy::Recompute}) {
                    const auto model = loadGolden(folder(), type);
                    if (full)
                        model->trainAllWeights();
                    else
                        adapt(*model, false);
                    const PackedTokens batch = makeBatch(model->config(), {9, 1, 12});
                    TrainingPass pass(*model);
                    pass.setActivationPolicy(policy);
                    require(pass.forward(batch, {}));
                    (void)checked(pass.targetLogProbsWithGradient(at::ones({targetCount(batch)})));
                    require(pass.backward());
                    gradients.emplace_back(), names.clear();
                    for (const Parameter* parameter : model->trainable())
                        gradients.back().push_back(parameter->grad.clone()), names.push_back(parameter->name);
                }
                QCOMPARE(gradients[0].size(), gradients[1].size());
                for (std::size_t i = 0; i < gradients[0].size(); ++i) {
                    QVERIFY(at::equal(gradients[0][i], gradients[1][i]));
                    const bool expert = names[i].find(".mlp.experts.") != std::string::npos; // to which no token may be sent
                    QVERIFY2(expert || gradients[0][i].abs().max().item<double>() > 0, names[i].c_str());
                }
            }
    }

    // PEFT's names are those of the tensors on disk, and reading the adapter again gives the same model.
    void adaptersKeepTheirNames_data() { models(); }
    void adaptersKeepTheirNames() {
        const Golden golden(folder());
        const ModelSource source = checked(ModelSource::open(folder()));
        const auto model = loadGolden(folder(), at::kDouble);
        const ModelFamily* family = findFamily(model->config().architecture);
        adapt(*model, false);
        QTemporaryDir temporary;
        const fs::path adapter = temporary.path().toStdString();
        (void)checked(writePeftAdapter(adapter, *family, *model, "base"));
        const auto file = checked(SafetensorsFile::open(adapter / kPeftWeightsFile));
        const bool wrapped = model->config().conv1dWeights; // GPT-2 is stored without "transformer."
        for (const TensorInfo& tensor : file->tensors()) {
            std::string module = tensor.name;
            QVERIFY2(module.starts_with("base_model.model."), module.c_str());
            module.erase(0, std::string_view("base_model.model.").size());
            module.erase(module.rfind(".lora_"));
            const std::string stored = wrapped ? module.substr(std::string_view("transformer.").size()) : module;
            const auto found = source.find(stored + ".weight");
            QVERIFY2(found, stored.c_str());
            const auto& shape = found->tensor->shape; // the stored layer's sizes are the adapter's
            const std::int64_t in = wrapped ? shape[0] : shape[1], out = wrapped ? shape[1] : shape[0];
            if (tensor.name.find("lora_A") != std::string::npos)
                QCOMPARE(tensor.shape[1], in);
            else
                QCOMPARE(tensor.shape[0], out);
        }
        const auto again = loadGolden(folder(), at::kDouble);
        require(readPeftAdapter(adapter, *family, *again));
        const at::Tensor before = decoded(*model, golden.ids);
        QVERIFY(largest(before, golden.logits) > 1e-2);
        QVERIFY(largest(before, decoded(*again, golden.ids)) < 1e-5); // the file holds f32
    }

    // W + s B A computed here on the stored tensors with the adapter file's own rows: what PEFT's merge does.
    void adaptersMeanTheStoredLayers_data() { models(); }
    void adaptersMeanTheStoredLayers() {
        const Golden golden(folder());
        const ModelSource source = checked(ModelSource::open(folder()));
        const auto model = loadGolden(folder(), at::kDouble);
        const ModelFamily* family = findFamily(model->config().architecture);
        adapt(*model, false);
        QTemporaryDir temporary;
        const fs::path adapter = temporary.path().toStdString(), merged = adapter / "merged";
        (void)checked(writePeftAdapter(adapter, *family, *model, "base"));
        const Json config = checked(readJsonFile(adapter / kPeftConfigFile));
        const auto file = checked(SafetensorsFile::open(adapter / kPeftWeightsFile));
        Tensors tensors = storedTensors(source);
        const bool conv1d = model->config().conv1dWeights;
        for (const TensorInfo& info : file->tensors()) {
            const auto at = info.name.find(".lora_A.weight");
            if (at == std::string::npos)
                continue;
            std::string module = info.name.substr(17, at - 17);
            const at::Tensor a = whole({file.get(), &info}),
                             b = whole({file.get(), file->find(info.name.substr(0, at) + ".lora_B.weight")});
            double rank = config["r"].get<double>(), alpha = config["lora_alpha"].get<double>();
            if (config["rank_pattern"].contains(module))
                rank = config["rank_pattern"][module].get<double>();
            if (config["alpha_pattern"].contains(module))
                alpha = config["alpha_pattern"][module].get<double>();
            QCOMPARE(static_cast<double>(a.size(0)), rank);
            if (conv1d)
                module.erase(0, std::string_view("transformer.").size());
            const at::Tensor delta = at::mm(b, a) * (alpha / rank);
            tensors.at(module + ".weight") += conv1d ? delta.t() : delta;
        }
        writeFolder(merged, folder() / "config.json", std::move(tensors));
        const auto byHand = loadGolden(merged, at::kDouble);
        QVERIFY(largest(decoded(*byHand, golden.ids), decoded(*model, golden.ids)) < 1e-4);
    }

    void mergedModelsAgree_data() { models(); }
    void mergedModelsAgree() {
        const Golden golden(folder());
        QTemporaryDir temporary;
        const fs::path base = fs::path(temporary.path().toStdString()) / "base";
        writeFolder(base, folder() / "config.json", storedTensors(checked(ModelSource::open(folder()))));
        const ModelSource source = checked(ModelSource::open(base));
        for (const bool full : {false, true}) {
            const auto model = loadGolden(base, at::kFloat);
            const ModelFamily* family = findFamily(model->config().architecture);
            if (full) {
                model->trainAllWeights();
                for (Parameter* parameter : model->trainable())
                    parameter->value.mul_(1.25).add_(0.01);
                model->refreshComputeWeights();
            } else {
                adapt(*model, false);
            }
            const fs::path out = fs::path(temporary.path().toStdString()) / (full ? "full" : "lora");
            const auto exporter = makeMergedExporter();
            (void)checked(exporter->write({source, *family, *model, "base"}, out, {}));
            const ModelSource merged = checked(ModelSource::open(out));
            QCOMPARE(merged.tensorNames(), source.tensorNames());
            const at::Tensor before = decoded(*model, golden.ids);
            QVERIFY(largest(before, golden.logits) > 1e-2);
            const double difference = largest(decoded(*loadGolden(out, at::kFloat), golden.ids), before);
            qInfo("%s: %.2g", full ? "full" : "LoRA", difference);
            QVERIFY(difference < kTolerance);
        }
    }
};

ATTUNE_TEST(TestFamilyGolden)
#include "tst_family_golden.moc"
