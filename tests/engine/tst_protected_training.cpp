// Training with a protection: the mixed-in share counted in tokens, its gradient, bit-identical continuation, the Fisher matrix against a
// computation of its own, the memory that grows from run to run, and the bytes the estimate counts.
#include <QTemporaryDir>
#include <QtTest>

#include <cmath>
#include <cstring>
#include <map>
#include <set>

#include <ATen/ATen.h>

#include "core/engine/engine_catalog.h"
#include "core/engine/fisher.h"
#include "core/engine/input_bases.h"
#include "core/engine/mixed_rows.h"
#include "core/engine/train_loop.h"
#include "core/export/weight_reader.h"
#include "core/plan/estimate.h"
#include "core/plan/param_check.h"
#include "core/text/tokenizer.h"
#include "tests/support/test_data.h"
#include "tests/support/test_main.h"
#include "tests/support/tiny_model.h"

using namespace attune;

namespace {

bool sameBits(const at::Tensor& a, const at::Tensor& b) {
    return a.sizes() == b.sizes() && std::memcmp(a.data_ptr(), b.data_ptr(), a.nbytes()) == 0;
}

struct ProtectedSetup {
    std::unique_ptr<CausalLm> model = test::tinyModel(at::kFloat);
    const Method* method;
    std::unique_ptr<Optimizer> optimizer;
    std::unique_ptr<Penalty> penalty;
    std::unique_ptr<Constraint> constraint;
    TokenDataset train = test::copyRows(40, 5), mixed = test::copyRows(30, 77);
    std::vector<StepFinished> steps;
    std::unique_ptr<TrainLoop> loop;
    std::stop_source stop;
    PauseToken pause;

    ProtectedSetup(const fs::path& folder, const std::string& methodId, const std::string& protection, std::int64_t stopAfter,
                   std::int64_t maxSteps = 15)
        : method(findMethod(methodId)) {
        if (!method->attach(*model, {}, 9))
            qFatal("cannot attach");
        auto configured = findProtection(protection)->configured({});
        const ProtectionNeeds needs = (*configured)->needs();
        FisherDiagonal fisher;
        if (needs.fisher)
            fisher = measureFisher(*model, mixed, 20, folder / "fisher.safetensors", "identity", {}).value();
        penalty = std::move((*configured)->penalty(*model, needs.fisher ? &fisher : nullptr).value());
        if (needs.inputBases) {
            constraint = std::move((*configured)->constraint(*model, measureInputBases(*model, mixed, 20, needs.quietShare, {}).value()).value());
            model->refreshComputeWeights();
        }
        optimizer = std::move(*builtinOptimizers().front().make(model->trainable(), {}));
        TrainSettings settings;
        settings.maxSteps = maxSteps, settings.batchSize = 8, settings.saveEvery = 2, settings.learningRate = 5e-3, settings.microBatchTokens = 48;
        TrainParts parts{*model, *method, *findObjective("sft"), *optimizer, train, nullptr, folder, "identity", {}};
        if (needs.rows != MixedRows::None)
            parts.mixed = &mixed, parts.mixedShare = needs.share;
        parts.penalty = penalty.get(), parts.constraint = constraint.get();
        loop = std::make_unique<TrainLoop>(std::move(parts), settings, [this, stopAfter](const TrainingEvent& event) {
            if (const auto* step = std::get_if<StepFinished>(&event)) {
                steps.push_back(*step);
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

} // namespace

class TestProtectedTraining : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void theShareIsOfTokens_data() {
        QTest::addColumn<double>("share");
        for (const double share : {0.1, 0.15, 0.2, 0.5})
            QTest::newRow(qPrintable(QString::number(share))) << share;
    }
    void theShareIsOfTokens() {
        QFETCH(double, share);
        const TokenDataset rows = test::copyRows(300, 8);
        double mixed = 0, task = 0;
        std::set<std::uint32_t> seen;
        for (std::int64_t step = 1; step <= 20'000; ++step) {
            const std::int64_t tokens = 60 + step % 41;
            task += static_cast<double>(tokens);
            std::set<std::uint32_t> ofStep;
            for (const std::uint32_t row : mixedRowsOfStep(rows, share, 5, step, tokens)) {
                mixed += static_cast<double>(rows.rows[row].ids.size());
                QVERIFY(ofStep.insert(row).second); // none twice
            }
            seen.insert(ofStep.begin(), ofStep.end());
        }
        const double found = mixed / (mixed + task);
        QVERIFY2(std::abs(found - share) < 0.02 * share, qPrintable(QString::number(found)));
        QCOMPARE(seen.size(), rows.rows.size());
        QCOMPARE(mixedRowsOfStep(rows, share, 5, 17, 90), mixedRowsOfStep(rows, share, 5, 17, 90));
        QVERIFY(mixedRowsOfStep(rows, 0.5, 5, 17, 500) != mixedRowsOfStep(rows, 0.5, 5, 18, 500));
        QVERIFY(mixedRowsOfStep(test::copyRows(2, 1), 0.5, 5, 1, 1'000).size() > 20); // two rows, again and again
    }

    void textsAreCutAndConversationsStayWhole() {
        TokenDataset data = test::copyRows(3, 4);
        TokenDataset::Row text;
        for (TokenId id = 0; id < 1'000; ++id)
            text.ids.push_back(id % 50);
        text.trained.assign(1'000, true);
        data.rows.push_back(text);
        const TokenDataset cut = inPieces(data, 256);
        QCOMPARE(cut.rows.size(), std::size_t{7});
        std::vector<TokenId> joined;
        for (std::size_t i = 3; i < 7; ++i) {
            QCOMPARE(cut.rows[i].ids.size(), std::size_t{250});
            QCOMPARE(cut.rows[i].targets, 249);
            joined.insert(joined.end(), cut.rows[i].ids.begin(), cut.rows[i].ids.end());
        }
        QCOMPARE(joined, text.ids);
        QCOMPARE(cut.rows[0], data.rows[0]);
        QCOMPARE(cut.tokens, static_cast<std::int64_t>(1'000 + data.rows[0].ids.size() + data.rows[1].ids.size() + data.rows[2].ids.size()));
    }

    // One step of plain gradient descent moves the weights along the gradient of L_task + tokens ratio * L_general.
    void mixedRowsCountByTheirShare() {
        QTemporaryDir folder;
        ProtectedSetup run(folder.path().toStdString(), "full", "replay", -1, 1);
        auto expected = test::tinyModel(at::kFloat);
        QVERIFY(run.method->attach(*expected, {}, 9).has_value());
        TrainingPass pass(*expected);
        const auto gradientOf = [&](const TokenDataset& data, std::span<const std::uint32_t> rows, double weight) {
            const SampleRows samples(data, {});
            const PackedRows batch = samples.pack(rows);
            const double targets = samples.window(rows).targets;
            if (!pass.forward(batch.tokens, {}) || !pass.targetLogProbsWithGradient(at::full({static_cast<std::int64_t>(targets)}, weight / targets, at::kDouble)) ||
                !pass.backward())
                qFatal("no gradient");
        };
        const auto order = permutation(40, 42, 0);
        const std::span<const std::uint32_t> task(order.data(), 8);
        std::int64_t taskTokens = 0, mixedTokens = 0;
        for (const std::uint32_t row : task)
            taskTokens += static_cast<std::int64_t>(run.train.rows[row].ids.size());
        const auto mixed = mixedRowsOfStep(run.mixed, 0.15, 42, 1, taskTokens);
        QVERIFY(!mixed.empty());
        for (const std::uint32_t row : mixed)
            mixedTokens += static_cast<std::int64_t>(run.mixed.rows[row].ids.size());
        gradientOf(run.train, task, 1);
        gradientOf(run.mixed, mixed, static_cast<double>(mixedTokens) / static_cast<double>(taskTokens));
        double norm = 0;
        for (const Parameter* parameter : expected->trainable())
            norm += parameter->grad.to(at::kDouble).pow(2).sum().item<double>();
        QVERIFY(run.go());
        QCOMPARE(run.steps.size(), std::size_t{1});
        QVERIFY2(std::abs(run.steps[0].gradientNorm - std::sqrt(norm)) < 1e-4 * std::sqrt(norm),
                 qPrintable(QString("%1 and %2").arg(run.steps[0].gradientNorm).arg(std::sqrt(norm))));
        QCOMPARE(run.steps[0].tokens, taskTokens + mixedTokens);
        QCOMPARE(run.steps[0].metrics.at("replay/share"), static_cast<double>(mixedTokens) / static_cast<double>(taskTokens + mixedTokens));
    }

    void aStoppedRunContinuesToTheBit_data() {
        QTest::addColumn<QString>("method");
        QTest::addColumn<QString>("protection");
        for (const char* method : {"full", "lora"})
            for (const char* protection : {"replay", "l2_sp", "ewc"})
                QTest::addRow("%s %s", method, protection) << method << protection;
        QTest::newRow("lora null_space") << "lora" << "null_space";
    }
    void aStoppedRunContinuesToTheBit() {
        QFETCH(QString, method);
        QFETCH(QString, protection);
        QTemporaryDir whole, stopped;
        ProtectedSetup reference(whole.path().toStdString(), method.toStdString(), protection.toStdString(), -1);
        QVERIFY(reference.go());
        for (const std::int64_t stopAfter : {4, 9, -1}) {
            ProtectedSetup run(stopped.path().toStdString(), method.toStdString(), protection.toStdString(), stopAfter);
            if (!run.go())
                continue;
            const auto found = run.model->trainable(), expected = reference.model->trainable();
            for (std::size_t i = 0; i < found.size(); ++i)
                QVERIFY2(sameBits(found[i]->value, expected[i]->value), found[i]->name.c_str());
        }
    }

    void aStrongPenaltyKeepsTheWeights_data() {
        QTest::addColumn<QString>("protection");
        QTest::newRow("l2_sp") << "l2_sp";
        QTest::newRow("ewc") << "ewc";
    }
    void aStrongPenaltyKeepsTheWeights() {
        QFETCH(QString, protection);
        QTemporaryDir a;
        const auto moved = [](CausalLm& model) {
            const auto start = test::tinyModel(at::kFloat);
            if (!findMethod("full")->attach(*start, {}, 9))
                qFatal("cannot attach");
            double sum = 0;
            const auto now = model.trainable(), before = start->trainable();
            for (std::size_t i = 0; i < now.size(); ++i)
                sum += (now[i]->value - before[i]->value).to(at::kDouble).pow(2).sum().item<double>();
            return sum;
        };
        ProtectedSetup plain(a.path().toStdString(), "full", "none", -1);
        QVERIFY(plain.go());
        QTemporaryDir c;
        ProtectedSetup guarded(c.path().toStdString(), "full", protection.toStdString(), -1);
        QVERIFY(guarded.go());
        QVERIFY(guarded.steps.back().metrics.at("penalty") > 0);
        QVERIFY2(moved(*guarded.model) < moved(*plain.model), qPrintable(QString("%1 of %2").arg(moved(*guarded.model)).arg(moved(*plain.model))));
    }

    // Each squared gradient from a pass of its own in double, summed by hand.
    void fisherIsTheMeanSquaredGradient() {
        ATTUNE_REQUIRE_TEST_DATA("models/stories260K");
        const auto tokenizer = Tokenizer::load(dataPath.string());
        TokenDataset data;
        std::int64_t targets = 0;
        for (const char* text : {"Once upon a time there was a little dog.", "Lily went to the park with her mom.", "The sun was warm and the bird sang."}) {
            const auto encoding = (*tokenizer)->encode(text, {.addSpecialTokens = true});
            TokenDataset::Row row;
            row.ids.assign(encoding->ids.begin(), encoding->ids.end());
            row.trained.assign(row.ids.size(), true);
            row.targets = static_cast<std::int64_t>(row.ids.size()) - 1;
            targets += row.targets;
            data.rows.push_back(std::move(row));
        }
        const auto open = [&](at::ScalarType type) {
            auto model = readModel(*ModelSource::open(dataPath), {type, at::kCPU});
            if (!model || !findMethod("full")->attach(**model, {}, 1))
                qFatal("cannot open the model");
            return std::move(*model);
        };
        QTemporaryDir folder;
        const fs::path file = fs::path(folder.path().toStdString()) / "fisher.safetensors";
        auto single = open(at::kFloat);
        const auto fisher = measureFisher(*single, data, 100, file, "one", {});
        QVERIFY(fisher.has_value());

        auto wide = open(at::kDouble);
        std::vector<at::Tensor> sums;
        for (const Parameter* parameter : wide->trainable())
            sums.push_back(at::zeros_like(parameter->value));
        TrainingPass pass(*wide);
        const SampleRows rows(data, {});
        for (std::uint32_t i = 0; i < 3; ++i) {
            // The gradient of a row is the sum of its tokens' gradients: one backward for each token.
            const std::uint32_t one[] = {i};
            const PackedRows batch = rows.pack(one);
            const std::int64_t count = data.rows[i].targets;
            wide->zeroGradients();
            for (std::int64_t t = 0; t < count; ++t) {
                const at::Tensor weights = at::zeros({count}, at::kDouble);
                weights[t] = 1.0;
                QVERIFY(pass.forward(batch.tokens, {.keepForBackward = true, .training = false}) && pass.targetLogProbsWithGradient(weights) && pass.backward());
            }
            std::size_t p = 0;
            for (const Parameter* parameter : wide->trainable())
                sums[p++] += parameter->grad * parameter->grad;
        }
        for (std::size_t p = 0; p < sums.size(); ++p) {
            const at::Tensor expected = sums[p] / static_cast<double>(targets);
            const double largest = expected.abs().max().item<double>();
            const double difference = ((*fisher)[p].to(at::kDouble) - expected).abs().max().item<double>();
            QVERIFY2(largest > 0 && difference < 1e-3 * largest, single->trainable()[p]->name.c_str());
        }
        for (const Parameter* parameter : single->trainable())
            QCOMPARE(parameter->grad.abs().max().item<double>(), 0.0);

        // Kept for the same identity, measured again for another.
        const auto written = fs::last_write_time(file);
        const TokenDataset other = test::copyRows(3, 9);
        const auto again = measureFisher(*single, other, 100, file, "one", {});
        for (std::size_t p = 0; p < fisher->size(); ++p)
            QVERIFY(sameBits((*fisher)[p], (*again)[p]));
        QVERIFY(fs::last_write_time(file) == written);
        const auto fresh = measureFisher(*single, other, 100, file, "two", {});
        QVERIFY(fresh.has_value() && !sameBits((*fisher)[0], (*fresh)[0]));
    }

    // Of adapters the matrix of the weights beside them: full fine-tuning's squares, summed over rows and columns.
    void fisherOfAdaptersIsThatOfTheirWeights() {
        TokenDataset data = test::copyRows(3, 9);
        QTemporaryDir folder;
        auto adapted = test::tinyModel(at::kFloat), whole = test::tinyModel(at::kFloat);
        QVERIFY(findMethod("lora")->attach(*adapted, {{"r", std::int64_t{4}}}, 1) && findMethod("full")->attach(*whole, {}, 1));
        const auto factors = measureFisher(*adapted, data, 100, fs::path(folder.path().toStdString()) / "a.safetensors", "one", {});
        const auto squares = measureFisher(*whole, data, 100, fs::path(folder.path().toStdString()) / "b.safetensors", "one", {});
        QVERIFY(factors.has_value() && squares.has_value());
        std::map<std::string, at::Tensor> byName;
        for (std::size_t i = 0; i < squares->size(); ++i)
            byName[whole->trainable()[i]->name] = (*squares)[i];
        const auto trained = adapted->trainable();
        std::map<const Parameter*, std::size_t> place;
        for (std::size_t i = 0; i < trained.size(); ++i)
            place[trained[i]] = i;
        int compared = 0;
        for (std::size_t block = 0; block < adapted->blocks.size(); ++block) {
            const auto layers = adapted->blocks[block].linears(), others = whole->blocks[block].linears();
            for (std::size_t l = 0; l < layers.size(); ++l) {
                const at::Tensor expected = byName.at(others[l]->weight.trained->name);
                for (const LinearPart& part : layers[l]->parts) {
                    const at::Tensor ofPart = expected.narrow(0, part.begin, part.rows);
                    const at::Tensor rows = (*factors)[place.at(&part.lora->b)], columns = (*factors)[place.at(&part.lora->a)];
                    QVERIFY(ofPart.max().item<double>() > 0);
                    QVERIFY2(at::allclose(rows, ofPart.sum(1), 1e-3, 1e-9) && at::allclose(columns, ofPart.sum(0), 1e-3, 1e-9), part.name.c_str());
                    ++compared;
                }
            }
        }
        QVERIFY(compared >= 14);
        // Kept, and found again.
        const auto again = measureFisher(*adapted, test::copyRows(2, 3), 100, fs::path(folder.path().toStdString()) / "a.safetensors", "one", {});
        QVERIFY(again.has_value() && sameBits((*again)[0], (*factors)[0]));
    }

    void theEstimateCountsTheCopies_data() {
        QTest::addColumn<QString>("method");
        QTest::addColumn<QString>("protection");
        for (const char* method : {"full", "lora", "prompt_tuning"})
            for (const auto& protection : builtinProtections())
                QTest::addRow("%s %s", method, protection->description().id.c_str()) << method << QString::fromStdString(protection->description().id);
    }
    void theEstimateCountsTheCopies() {
        QFETCH(QString, method);
        QFETCH(QString, protection);
        RunConfig run;
        run.method.id = method.toStdString(), run.protection.id = protection.toStdString();
        const std::string pull = "l2_sp_strength"; // of those that hold the weights as well
        const bool pulls = findParam(findProtection(run.protection.id)->description().params, pull) != nullptr;
        for (const bool pulled : pulls ? std::vector<bool>{false, true} : std::vector<bool>{false})
        for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
            if (pulled)
                run.protection.params[pull] = 0.5;
            auto model = test::tinyModel(type);
            QVERIFY(findMethod(run.method.id)->attach(*model, {}, 2).has_value());
            const FisherDiagonal fisher = emptyFisher(*model);
            const auto configured = findProtection(run.protection.id)->configured(run.protection.params);
            const auto penalty = (*configured)->penalty(*model, (*configured)->needs().fisher ? &fisher : nullptr);
            QVERIFY(!pulled || *penalty);
            std::int64_t bytes = 0;
            if (run.protection.id == "null_space" && run.method.id == "lora") { // as many directions as it ever keeps
                const TokenDataset rows = test::copyRows(40, 5);
                const auto constraint = (*configured)->constraint(*model, measureInputBases(*model, rows, 100, 1e-9, {}).value());
                QVERIFY(constraint.has_value());
                for (const at::Tensor& tensor : (*constraint)->tensors())
                    bytes += static_cast<std::int64_t>(tensor.nbytes());
                QVERIFY(bytes > 0);
            }
            if (*penalty)
                for (const at::Tensor& tensor : (*penalty)->tensors())
                    bytes += static_cast<std::int64_t>(tensor.nbytes());
            QCOMPARE(protectionBytes(test::tinyConfig(), run, engineCatalog()), bytes);
        }
    }
};

ATTUNE_TEST(TestProtectedTraining)
#include "tst_protected_training.moc"
