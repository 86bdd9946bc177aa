// What every registered optimizer promises: described settings, learning, clipping, refusal of non-finite gradients, state
// that continues bit by bit, and the memory it says it takes.
#include <QtTest>

#include <cmath>

#include "core/optim/optimizer.h"
#include "tests/optim/random_parameter.h"
#include "tests/support/test_main.h"

using namespace attune;
using namespace attune::test;

namespace {

// A matrix large enough to be quantised, a small one, and a vector.
struct Model {
    Parameter large = randomParameter("large", {80, 96}, true, at::kFloat, 1);
    Parameter small = randomParameter("small", {7, 13}, true, at::kFloat, 2);
    Parameter vector = randomParameter("vector", {300}, false, at::kFloat, 3);
    std::vector<Parameter*> all() { return {&large, &small, &vector}; }
    void gradients(Rng& rng, double deviation = 1.0) {
        for (Parameter* parameter : all())
            fillNormal(parameter->grad, rng, deviation);
    }
};

std::unique_ptr<Optimizer> made(const OptimizerKind& kind, std::vector<Parameter*> parameters, const ParamMap& params = {}) {
    auto result = kind.make(std::move(parameters), params);
    return result ? std::move(*result) : nullptr;
}

} // namespace

class TestOptimizers : public QObject {
    Q_OBJECT

    static void rows() {
        QTest::addColumn<QString>("id");
        for (const OptimizerKind& kind : builtinOptimizers())
            QTest::newRow(kind.description.id.c_str()) << QString::fromStdString(kind.description.id);
    }
    static const OptimizerKind& kind() {
        QFETCH(QString, id);
        for (const OptimizerKind& entry : builtinOptimizers())
            if (entry.description.id == id.toStdString())
                return entry;
        return builtinOptimizers().front();
    }

private Q_SLOTS:
    void descriptionIsComplete_data() { rows(); }
    void descriptionIsComplete() {
        const Described& description = kind().description;
        QVERIFY(!description.title.empty() && !description.summary.empty() && !description.params.empty());
        for (const ParamSpec& spec : description.params)
            QVERIFY2(!spec.label.empty() && !spec.help.empty() && spec.min && spec.max && !spec.ifTooHigh.empty() &&
                         !spec.ifTooLow.empty(),
                     spec.key.c_str());
    }

    void settingsOutsideTheirRangeAreRefused_data() { rows(); }
    void settingsOutsideTheirRangeAreRefused() {
        for (const ParamSpec& spec : kind().description.params) {
            QVERIFY2(kind().make({}, {{spec.key, *spec.min}}).has_value(), spec.key.c_str());
            QVERIFY2(!kind().make({}, {{spec.key, *spec.max * 2 + 1}}), spec.key.c_str());
            QVERIFY2(!kind().make({}, {{spec.key, std::string("much")}}), spec.key.c_str());
        }
    }

    // Least squares with noisy gradients: W must become the matrix that made the targets.
    void learnsAToyProblem_data() { rows(); }
    void learnsAToyProblem() {
        Parameter weight = randomParameter("w", {72, 64}, true, at::kFloat, 11);
        const at::Tensor wanted = randomParameter("wanted", {72, 64}, true, at::kFloat, 12).value;
        const auto optimizer = made(kind(), {&weight});
        const double before = (weight.value - wanted).square().mean().item<double>();
        Rng rng(13);
        constexpr int kSteps = 400;
        for (int step = 0; step < kSteps; ++step) {
            at::Tensor x = at::empty({64, 32});
            fillNormal(x, rng, 1.0);
            weight.grad.copy_((weight.value - wanted).mm(x).mm(x.t()) / 32.0);
            const double rate = 0.05 * (1.0 - static_cast<double>(step) / kSteps);
            QVERIFY(optimizer->step(rate, 0.0).finite);
        }
        const double after = (weight.value - wanted).square().mean().item<double>();
        QVERIFY2(after < 1e-3 * before, qPrintable(QString("%1 -> %2").arg(before).arg(after)));
    }

    void nonFiniteGradientChangesNothing_data() { rows(); }
    void nonFiniteGradientChangesNothing() {
        Model model;
        const auto optimizer = made(kind(), model.all());
        Rng rng(21);
        model.gradients(rng);
        optimizer->step(1e-2, 1.0);
        std::vector<at::Tensor> before;
        for (const Parameter* parameter : model.all())
            before.push_back(parameter->value.clone());
        for (const auto& entry : optimizer->state())
            before.push_back(entry.tensor.clone());
        model.gradients(rng);
        model.large.grad[3][5] = std::nan("");
        QVERIFY(!optimizer->step(1e-2, 1.0).finite);
        QCOMPARE(optimizer->stepCount(), 1);
        std::size_t at = 0;
        for (const Parameter* parameter : model.all())
            QVERIFY(at::equal(parameter->value, before[at++]));
        for (const auto& entry : optimizer->state())
            QVERIFY2(at::equal(entry.tensor, before[at++]), entry.name.c_str());
    }

    // As a checkpoint does it: a new optimizer, the state copied by name, the number of steps set.
    void restoredStateContinuesBitIdentically_data() { rows(); }
    void restoredStateContinuesBitIdentically() {
        const auto run = [&](bool interrupted) {
            Model model;
            auto optimizer = made(kind(), model.all(), {{"weight_decay", 0.1}});
            Rng rng(31);
            for (int step = 0; step < 20; ++step) {
                if (interrupted && step == 9) {
                    auto fresh = made(kind(), model.all(), {{"weight_decay", 0.1}});
                    auto from = optimizer->state(), to = fresh->state();
                    for (std::size_t i = 0; i < from.size(); ++i) {
                        if (from[i].name != to[i].name || from[i].tensor.scalar_type() != to[i].tensor.scalar_type())
                            return std::vector<at::Tensor>{};
                        to[i].tensor.copy_(from[i].tensor.clone());
                    }
                    fresh->setStepCount(optimizer->stepCount());
                    optimizer = std::move(fresh);
                }
                model.gradients(rng, step % 3 ? 1.0 : 1e-3);
                optimizer->step(1e-3, 1.0);
            }
            return std::vector<at::Tensor>{model.large.value, model.small.value, model.vector.value};
        };
        const auto whole = run(false), resumed = run(true);
        QCOMPARE(whole.size(), resumed.size());
        for (std::size_t i = 0; i < whole.size(); ++i)
            QVERIFY(at::equal(whole[i], resumed[i]));
    }

    void gradientsAreClippedAndZeroed_data() { rows(); }
    void gradientsAreClippedAndZeroed() {
        // With clipping on, gradients ten times longer (both too long) make the same step.
        std::vector<at::Tensor> results;
        for (const double factor : {1.0, 10.0}) {
            Model model;
            const auto optimizer = made(kind(), model.all());
            Rng rng(41);
            for (int step = 0; step < 3; ++step) {
                model.gradients(rng, factor);
                const double norm = normOf(model.all());
                QVERIFY(std::abs(optimizer->step(1e-2, 1.0).gradientNorm - norm) < 1e-6 * norm);
            }
            for (const Parameter* parameter : model.all())
                QCOMPARE(parameter->grad.abs().max().item<double>(), 0.0);
            results.push_back(model.small.value);
        }
        QVERIFY((results[0] - results[1]).abs().max().item<double>() < 1e-5);
    }

    void decayLeavesOutNormsAndBiases_data() { rows(); }
    void decayLeavesOutNormsAndBiases() {
        Model with, without;
        Rng first(51), second(51);
        const auto decaying = made(kind(), with.all(), {{"weight_decay", 0.5}}), plain = made(kind(), without.all());
        with.gradients(first), without.gradients(second);
        const at::Tensor before = with.small.value.clone();
        decaying->step(0.1, 0.0), plain->step(0.1, 0.0);
        QVERIFY(at::equal(with.vector.value, without.vector.value));
        const at::Tensor difference = without.small.value - with.small.value - before * (0.1 * 0.5);
        QVERIFY(difference.abs().max().item<double>() < 1e-6);
    }

    // LoRA+: one parameter's learning rate is a multiple of the others'.
    void rateFactorMultipliesTheStep_data() { rows(); }
    void rateFactorMultipliesTheStep() {
        Model plain, faster;
        faster.small.rateFactor = 16;
        const at::Tensor before = plain.small.value.clone();
        for (Model* model : {&plain, &faster}) {
            Rng rng(61);
            const auto optimizer = made(kind(), model->all());
            model->gradients(rng);
            optimizer->step(1e-3, 0.0);
        }
        QVERIFY(at::equal(plain.large.value, faster.large.value));
        const at::Tensor step = plain.small.value - before, fast = faster.small.value - before;
        QVERIFY(step.abs().max().item<double>() > 1e-4);
        QVERIFY((fast - 16 * step).abs().max().item<double>() < 1e-5);
    }

    void takesTheMemoryItSays_data() { rows(); }
    void takesTheMemoryItSays() {
        Model model;
        std::int64_t bytes = 0, said = 0;
        for (const auto& entry : made(kind(), model.all())->state())
            bytes += static_cast<std::int64_t>(entry.tensor.nbytes());
        for (const Parameter* parameter : model.all())
            said += parameter->value.dim() == 2 ? kind().stateBytes(parameter->value.size(0), parameter->value.size(1))
                                                : kind().stateBytes(1, parameter->value.numel());
        QCOMPARE(said, bytes);
    }
};

ATTUNE_TEST(TestOptimizers)
#include "tst_optimizers.moc"
