// What every training method promises on a real model: 30 steps lower the loss, what is frozen stays to the bit, a stopped run
// continues to the bit. The rows come from the registry: a new method is covered when its line is added.
#include <QTemporaryDir>
#include <QtTest>

#include <cstring>

#include <ATen/ATen.h>

#include "core/engine/train_loop.h"
#include "core/export/weight_reader.h"
#include "core/text/tokenizer.h"
#include "tests/support/test_data.h"
#include "tests/support/test_main.h"

using namespace attune;

namespace {

constexpr std::int64_t kSteps = 30;

// Short texts of one kind, all of them trained.
TokenDataset recipes(const fs::path& folder) {
    const auto tokenizer = Tokenizer::load(folder.string());
    if (!tokenizer)
        qFatal("%s", tokenizer.error().message.c_str());
    TokenDataset data;
    for (const char* fruit : {"apple", "pear", "plum", "lemon", "melon", "grape", "berry", "cherry", "peach", "fig", "kiwi", "mango"}) {
        const std::string text = std::string("Take one ") + fruit + ", wash it, cut it into small pieces and put the " + fruit + " into the bowl.";
        const auto encoding = (*tokenizer)->encode(text, {.addSpecialTokens = true});
        if (!encoding)
            qFatal("%s", encoding.error().message.c_str());
        TokenDataset::Row row;
        row.ids.assign(encoding->ids.begin(), encoding->ids.end());
        row.trained.assign(row.ids.size(), true);
        row.targets = static_cast<std::int64_t>(row.ids.size()) - 1;
        row.source = data.rows.size();
        data.tokens += static_cast<std::int64_t>(row.ids.size()), data.targets += row.targets;
        data.longest = std::max(data.longest, static_cast<std::int64_t>(row.ids.size()));
        data.rows.push_back(std::move(row));
    }
    return data;
}

struct Run {
    std::unique_ptr<CausalLm> model;
    std::unique_ptr<Optimizer> optimizer;
    std::vector<double> losses;
    std::unique_ptr<TrainLoop> loop;
    std::stop_source stop;
    PauseToken pause;

    Run(const fs::path& base, const Method& method, const ParamMap& params, const TokenDataset& data, const fs::path& folder, std::int64_t stopAfter) {
        const auto source = ModelSource::open(base);
        auto loaded = readModel(*source, {at::kFloat, at::kCPU, method.linearFormat()});
        if (!loaded)
            qFatal("%s", loaded.error().message.c_str());
        model = std::move(*loaded);
        if (const auto attached = method.attach(*model, params, 4); !attached)
            qFatal("%s", attached.error().message.c_str());
        optimizer = std::move(*builtinOptimizers().front().make(model->trainable(), {}));
        TrainSettings settings;
        settings.maxSteps = kSteps, settings.batchSize = 4, settings.saveEvery = 10;
        settings.learningRate = method.description().id == "full" ? 1e-3 : method.description().id == "prompt_tuning" ? 3e-2 : 4e-3;
        loop = std::make_unique<TrainLoop>(TrainParts{*model, method, *findObjective("sft"), *optimizer, data, nullptr, folder, "identity", {}},
                                           settings, [this, stopAfter](const TrainingEvent& event) {
                                               if (const auto* step = std::get_if<StepFinished>(&event)) {
                                                   losses.push_back(step->loss);
                                                   if (step->step == stopAfter)
                                                       stop.request_stop();
                                               }
                                           });
    }
    bool go() {
        const auto resumed = loop->resume();
        const auto done = loop->run(stop.get_token(), pause);
        if (!resumed || !done)
            qFatal("%s", (resumed ? done.error() : resumed.error()).message.c_str());
        return *done;
    }
};

bool identicalBits(const at::Tensor& a, const at::Tensor& b) {
    return a.sizes() == b.sizes() && a.scalar_type() == b.scalar_type() && std::memcmp(a.data_ptr(), b.data_ptr(), a.nbytes()) == 0;
}

bool inNewBlock(const CausalLm& model, const std::string& name) {
    const std::string prefix = "model.layers.";
    if (!name.starts_with(prefix))
        return false;
    const auto number = std::stoul(name.substr(prefix.size()));
    return number > 0 && model.blocks[number].origin == model.blocks[number - 1].origin;
}

double mean(const double* begin, const double* end) {
    double sum = 0;
    for (const double* p = begin; p != end; ++p)
        sum += *p;
    return sum / static_cast<double>(end - begin);
}

} // namespace

class TestMethodRuns : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void thirtyStepsOnARealModel_data() {
        QTest::addColumn<QString>("id");
        QTest::addColumn<QString>("key");
        QTest::addColumn<QStringList>("list");
        for (const auto& method : builtinMethods())
            QTest::newRow(method->description().id.c_str()) << QString::fromStdString(method->description().id) << "" << QStringList();
        for (const char* id : {"lora", "qlora"}) { // what is trained beside the adapters
            QTest::addRow("%s whole modules", id) << id << "modules_to_save" << QStringList{"embed_tokens", "norm"};
            QTest::addRow("%s rows of tokens", id) << id << "trainable_token_indices" << QStringList{"3-60"};
            QTest::addRow("%s layers left out", id) << id << "exclude_modules" << QStringList{"v_proj"};
        }
    }
    void thirtyStepsOnARealModel() {
        ATTUNE_REQUIRE_TEST_DATA("models/stories260K");
        QFETCH(QString, id);
        QFETCH(QString, key);
        QFETCH(QStringList, list);
        const Method& method = *findMethod(id.toStdString());
        ParamMap params;
        std::vector<std::string> entries;
        for (const QString& entry : list)
            entries.push_back(entry.toStdString());
        if (!entries.empty())
            params[key.toStdString()] = entries;
        const auto beside = [&](const std::string& name) { // of what an adapter leaves alone
            return (key == "modules_to_save" && (name == "model.norm.weight" || name == "model.embed_tokens.weight")) ||
                   (key == "trainable_token_indices" && name == "model.embed_tokens.weight");
        };
        const TokenDataset data = recipes(dataPath);
        QTemporaryDir whole, stopped;
        Run reference(dataPath, method, params, data, whole.path().toStdString(), -1);
        std::vector<at::Tensor> before;
        std::vector<bool> frozen; // everything with an adapter, nothing in full fine-tuning, and all but the new blocks of a deeper model
        for (const auto& named : reference.model->baseTensors()) {
            before.push_back(named.tensor.clone());
            frozen.push_back((method.producesAdapter() && !beside(named.name)) || (id == "progressive" && !inNewBlock(*reference.model, named.name)));
        }
        for (const auto& packed : reference.model->packedParts())
            before.push_back(packed.part->nf4->codes.clone()), frozen.push_back(true);
        QVERIFY(reference.go());
        QCOMPARE(reference.losses.size(), static_cast<std::size_t>(kSteps));
        const double first = mean(reference.losses.data(), reference.losses.data() + 3), last = mean(reference.losses.data() + kSteps - 3, reference.losses.data() + kSteps);
        QVERIFY2(last < first - 0.2, qPrintable(QString("%1 -> %2").arg(first).arg(last)));

        std::vector<at::Tensor> after;
        for (const auto& named : reference.model->baseTensors())
            after.push_back(named.tensor.contiguous());
        for (const auto& packed : reference.model->packedParts())
            after.push_back(packed.part->nf4->codes);
        for (std::size_t i = 0; i < before.size(); ++i)
            QCOMPARE(identicalBits(before[i].contiguous(), after[i]), frozen[i]);

        for (const std::int64_t stopAfter : {13, 22, -1}) {
            Run run(dataPath, method, params, data, stopped.path().toStdString(), stopAfter);
            if (!run.go())
                continue;
            const auto found = method.state(*run.model), expected = method.state(*reference.model);
            QCOMPARE(found.size(), expected.size());
            for (std::size_t i = 0; i < found.size(); ++i)
                QVERIFY2(identicalBits(found[i].tensor.contiguous(), expected[i].tensor.contiguous()), found[i].name.c_str());
        }
    }
};

ATTUNE_TEST(TestMethodRuns)
#include "tst_method_runs.moc"
