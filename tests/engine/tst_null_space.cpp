// Adapters held in the null space of general data: the measured directions against a decomposition in f64 of inputs computed here, what
// stays at right angles while training, what the model then says about general data, and what cannot be held this way.
#include <QtTest>

#include <cmath>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "core/engine/input_bases.h"
#include "core/engine/sample_rows.h"
#include "core/methods/method.h"
#include "core/optim/optimizer.h"
#include "core/plan/engine_memory.h"
#include "tests/support/test_main.h"
#include "tests/support/tiny_model.h"

using namespace attune;

namespace {

std::unique_ptr<CausalLm> adapted(at::ScalarType type, const ParamMap& settings = {}, std::int64_t intermediate = 48) {
    ModelConfig config = test::tinyConfig();
    config.intermediateSize = intermediate;
    auto model = CausalLm::create(config, {type, at::kCPU});
    if (!model)
        qFatal("%s", model.error().message.c_str());
    (*model)->initializeRandom(3);
    if (!findMethod("lora")->attach(**model, settings, 9))
        qFatal("cannot attach");
    return std::move(*model);
}

// sum over the rows' tokens of x x^T, x = what the first block's query, key and value layers read.
at::Tensor firstMoment(CausalLm& model, const TokenDataset& data) {
    at::NoGradGuard noGrad;
    const at::Tensor table = model.embedding.compute.to(at::kDouble), scale = model.blocks.front().attentionNorm.weight.compute.to(at::kDouble);
    at::Tensor sum = at::zeros({table.size(1), table.size(1)}, at::kDouble);
    for (const TokenDataset::Row& row : data.rows)
        for (const TokenId id : row.ids) {
            const at::Tensor x = table[id];
            const at::Tensor normed = x / (x.pow(2).mean() + test::tinyConfig().normEpsilon).sqrt() * scale;
            sum += at::outer(normed, normed);
        }
    return sum;
}

double meanLogProb(CausalLm& model, const TokenDataset& data) {
    TrainingPass pass(model);
    const SampleRows rows(data, {});
    double sum = 0, count = 0;
    for (std::uint32_t i = 0; i < rows.samples(); ++i) {
        const std::uint32_t one[] = {i};
        if (!pass.forward(rows.pack(one).tokens, {.keepForBackward = false, .training = false}))
            qFatal("forward");
        const auto logProbs = pass.targetLogProbs();
        sum += logProbs->sum().item<double>(), count += static_cast<double>(logProbs->numel());
    }
    return sum / count;
}

// The residual streams that the last block leaves, of all rows.
at::Tensor hiddenOf(CausalLm& model, const TokenDataset& data) {
    TrainingPass pass(model);
    const SampleRows rows(data, {});
    std::vector<at::Tensor> all;
    for (std::uint32_t i = 0; i < rows.samples(); ++i) {
        const std::uint32_t one[] = {i};
        const PackedTokens batch = rows.pack(one).tokens;
        if (!pass.forward(batch, {.keepForBackward = false, .training = false}))
            qFatal("forward");
        all.push_back(pass.hidden()->narrow(0, 0, batch.tokens()).clone());
    }
    return at::cat(all);
}

// The same updates with or without the constraint: gradient descent on rows of other tokens than the general ones.
void learn(CausalLm& model, const TokenDataset& task, Constraint* constraint) {
    TrainingPass pass(model);
    const SampleRows rows(task, {});
    const auto optimizer = std::move(*builtinOptimizers().front().make(model.trainable(), {}));
    for (int step = 0; step < 60; ++step) {
        const std::vector<std::uint32_t> all = rows.all();
        const PackedTokens batch = rows.pack(all).tokens;
        model.zeroGradients();
        const double targets = rows.window(all).targets;
        if (!pass.forward(batch, {}) || !pass.targetLogProbsWithGradient(at::full({static_cast<std::int64_t>(targets)}, 1 / targets, at::kDouble)) || !pass.backward())
            qFatal("step");
        optimizer->step(1e-2, 1.0);
        if (constraint)
            constraint->apply();
        model.refreshComputeWeights();
    }
}

TokenDataset shifted(TokenDataset data, TokenId by) {
    for (TokenDataset::Row& row : data.rows)
        for (TokenId& id : row.ids)
            id += by;
    return data;
}

Result<std::unique_ptr<Constraint>> constraintOf(CausalLm& model, const InputBases& bases) {
    return findProtection("null_space")->constraint(model, bases);
}

} // namespace

class TestNullSpace : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void theDirectionsAreThoseOfTheInputs_data() {
        QTest::addColumn<double>("quiet");
        for (const double quiet : {0.3, 0.05, 0.01})
            QTest::newRow(qPrintable(QString::number(quiet))) << quiet;
    }
    void theDirectionsAreThoseOfTheInputs() {
        QFETCH(double, quiet);
        const auto model = adapted(at::kDouble);
        const TokenDataset data = test::copyRows(12, 4);
        const auto bases = measureInputBases(*model, data, 100, quiet, {});
        QVERIFY2(bases.has_value(), bases ? "" : bases.error().message.c_str());
        QCOMPARE(bases->size(), std::size_t{8}); // two blocks of four layers
        const at::Tensor found = bases->at(&model->blocks.front().qkv);
        const auto [rising, vectors] = at::linalg_eigh(firstMoment(*model, data));
        const at::Tensor energy = rising.flip({0});
        std::int64_t count = 0;
        for (double held = 0; held < (1 - quiet) * energy.sum().item<double>(); ++count)
            held += energy[count].item<double>();
        QVERIFY(count < heldDirections(32));
        QCOMPARE(found.size(1), count);
        const at::Tensor expected = vectors.flip({1}).narrow(1, 0, count);
        QVERIFY(at::allclose(at::mm(found, found.t()), at::mm(expected, expected.t()), 1e-8, 1e-9));
    }

    // Wide inputs go another way, over the products of single tokens: it has to come to the same.
    void wideInputsAreMeasuredOnTheirTokens() {
        const auto model = adapted(at::kDouble, {}, 1500);
        const TokenDataset data = test::copyRows(12, 4); // fewer tokens than are kept
        const Linear& down = model->blocks.front().down;
        at::Tensor moment = at::zeros({1500, 1500}, at::kDouble);
        {
            at::NoGradGuard noGrad;
            TrainingPass pass(*model);
            ForwardOptions options{.keepForBackward = false, .training = false};
            options.layerInputs = [&](const Linear& layer, const at::Tensor& input) {
                if (&layer == &down)
                    moment += at::mm(input.t(), input);
            };
            const SampleRows rows(data, {});
            for (const std::uint32_t i : rows.all()) {
                const std::uint32_t one[] = {i};
                QVERIFY(pass.forward(rows.pack(one).tokens, options).has_value());
            }
        }
        const auto bases = measureInputBases(*model, data, 100, 0.05, {});
        const at::Tensor found = bases->at(&down);
        QVERIFY(at::allclose(at::mm(found.t(), found), at::eye(found.size(1), at::kDouble), 0, 1e-9));
        const double whole = moment.trace().item<double>(), held = at::mm(at::mm(found.t(), moment), found).trace().item<double>();
        const double without = held - at::mm(at::mm(found.t(), moment), found).diagonal()[found.size(1) - 1].item<double>();
        QVERIFY2(held >= 0.95 * whole * (1 - 1e-9) && without < 0.95 * whole, qPrintable(QString::number(held / whole)));
        QVERIFY(found.size(1) < data.tokens);
    }

    void adaptersStayAtRightAngles() {
        const TokenDataset general = test::copyRows(12, 4), task = shifted(test::copyRows(16, 8), 30);
        const auto held = adapted(at::kDouble), free = adapted(at::kDouble);
        std::vector<double> drawn;
        for (const LinearPart* part : held->linearParts())
            drawn.push_back(part->lora->a.value.norm().item<double>());
        const auto bases = measureInputBases(*held, general, 100, 0.02, {});
        const auto constraint = constraintOf(*held, *bases);
        QVERIFY(constraint && *constraint);
        held->refreshComputeWeights();
        std::size_t next = 0;
        for (const LinearPart* part : held->linearParts()) {
            QVERIFY(std::abs(part->lora->a.value.norm().item<double>() - drawn[next]) < 1e-9 * drawn[next]);
            ++next;
        }
        const at::Tensor before = hiddenOf(*held, general);
        const double ofTask = meanLogProb(*held, task);
        QVERIFY(at::allclose(before, hiddenOf(*free, general), 0, 1e-12)); // both begin as the base model
        learn(*held, task, constraint->get());
        learn(*free, task, nullptr);
        for (Block& block : held->blocks)
            for (Linear* linear : block.linears())
                for (LinearPart& part : linear->parts) {
                    const at::Tensor a = part.lora->a.value;
                    QVERIFY2(at::mm(a, bases->at(linear)).abs().max().item<double>() < 1e-12 * a.norm().item<double>() + 1e-12, part.name.c_str());
                    QVERIFY(part.lora->b.value.abs().max().item<double>() > 0);
                }
        QVERIFY(meanLogProb(*held, task) > ofTask + 0.3); // it learned
        const double changed = (hiddenOf(*held, general) - before).norm().item<double>(), without = (hiddenOf(*free, general) - before).norm().item<double>();
        QVERIFY2(changed < 0.4 * without, qPrintable(QString("%1 of %2").arg(changed).arg(without)));
    }

    void whatCannotBeHeldIsRefusedInWords() {
        const TokenDataset general = test::copyRows(4, 4);
        const auto words = [&](CausalLm& model) {
            const auto made = constraintOf(model, measureInputBases(model, general, 100, 0.05, {}).value());
            return made ? std::string() : made.error().message + made.error().hint;
        };
        const auto whole = test::tinyModel(at::kFloat);
        QVERIFY(findMethod("full")->attach(*whole, {}, 1).has_value());
        QVERIFY2(words(*whole).find("trains none") != std::string::npos, words(*whole).c_str());
        const auto pissa = adapted(at::kFloat, {{"init", std::string("pissa")}});
        QVERIFY2(words(*pissa).find("init: kaiming") != std::string::npos, words(*pissa).c_str());
        const auto dora = adapted(at::kFloat, {{"use_dora", true}});
        QVERIFY2(words(*dora).find("use_dora: false") != std::string::npos, words(*dora).c_str());
        const auto judging = adapted(at::kFloat), valuing = adapted(at::kFloat);
        judging->addScoreHead(1), valuing->addValueHead();
        QVERIFY2(words(*judging).empty() && words(*valuing).empty(), words(*valuing).c_str());
        QVERIFY(!findProtection("null_space")->configured({{"quiet_share", 0.0}}));
        std::stop_source stop;
        stop.request_stop();
        const auto stopped = measureInputBases(*adapted(at::kFloat), general, 100, 0.05, {.stop = stop.get_token()});
        QVERIFY(!stopped && stopped.error().code == ErrorCode::Cancelled);
    }
};

ATTUNE_TEST(TestNullSpace)
#include "tst_null_space.moc"
