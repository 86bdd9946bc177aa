// Penalties of the protections: values against explicit float64 sums, gradients against finite differences, nothing at the start; and what
// every protection promises: a complete description, bad values refused by name.
#include <QtTest>

#include <cmath>

#include <ATen/ATen.h>

#include "core/methods/method.h"
#include "core/protections/protection.h"
#include "tests/support/test_main.h"
#include "tests/support/tiny_model.h"

using namespace attune;

namespace {

void require(const Status& status) {
    if (!status)
        qFatal("%s", status.error().message.c_str());
}

std::unique_ptr<CausalLm> attached(const QString& method, at::ScalarType type) {
    auto model = test::tinyModel(type);
    ParamMap params;
    std::string id = method.toStdString();
    if (method == "pissa")
        id = "lora", params = {{"init", std::string("pissa")}, {"r", std::int64_t{4}}};
    else if (method == "dora")
        id = "lora", params = {{"use_dora", true}, {"r", std::int64_t{4}}};
    else if (method == "lora")
        params = {{"r", std::int64_t{4}}, {"alpha", 12.0}};
    require(findMethod(id)->attach(*model, params, 7));
    return model;
}

// Moves everything that is trained by seeded noise.
void disturb(CausalLm& model, double size) {
    Rng rng(11);
    for (Parameter* parameter : model.trainable()) {
        at::Tensor flat = parameter->value.view({-1});
        for (std::int64_t i = 0; i < flat.numel(); ++i)
            flat[i] += size * rng.normal();
    }
}

FisherDiagonal someFisher(CausalLm& model) {
    FisherDiagonal fisher = emptyFisher(model);
    Rng rng(3);
    for (const at::Tensor& values : fisher) {
        at::Tensor flat = values.view({-1});
        for (std::int64_t i = 0; i < flat.numel(); ++i)
            flat[i] = rng.uniform();
    }
    return fisher;
}

std::unique_ptr<Penalty> penaltyOf(const char* id, CausalLm& model, double strength, const FisherDiagonal& fisher) {
    auto configured = findProtection(id)->configured({{"strength", strength}});
    if (!configured)
        qFatal("%s", configured.error().message.c_str());
    auto penalty = (*configured)->penalty(model, (*configured)->needs().fisher ? &fisher : nullptr);
    if (!penalty)
        qFatal("%s", penalty.error().message.c_str());
    return std::move(*penalty);
}

} // namespace

class TestProtections : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void descriptionsAreComplete() {
        std::set<std::string> ids;
        for (const auto& protection : builtinProtections()) {
            const Described& description = protection->description();
            QVERIFY(ids.insert(description.id).second);
            QVERIFY(!description.title.empty() && !description.summary.empty());
            for (const ParamSpec& spec : description.params)
                QVERIFY2(!spec.key.empty() && !spec.label.empty() && !spec.help.empty(), spec.key.c_str());
            QVERIFY(protection->configured({}).has_value());
            const auto wrong = protection->configured({{"no_such_setting", 1.0}});
            QVERIFY(!wrong && wrong.error().message.find("no_such_setting") != std::string::npos);
        }
        for (const double share : {0.0, 1.0, -0.5})
            QVERIFY(!findProtection("replay")->configured({{"share", share}}));
        QVERIFY(!findProtection("ewc")->configured({{"strength", -1.0}}));
    }

    // Mixed-in rows and a pull to the start together: the pull is L2-SP's.
    void mixedRowsMayHoldTheWeightsAsWell() {
        for (const char* id : {"replay", "memory"}) {
            const auto model = attached("full", at::kDouble);
            const auto plain = (*findProtection(id)->configured({}))->penalty(*model, nullptr);
            QVERIFY(plain && !*plain);
            const auto both = findProtection(id)->configured({{"l2_sp_strength", 0.7}});
            QVERIFY(both && (*both)->needs().rows != MixedRows::None);
            const auto pull = std::move(*(*both)->penalty(*model, nullptr)), expected = penaltyOf("l2_sp", *model, 0.7, {});
            disturb(*model, 0.05);
            model->zeroGradients();
            const double value = pull->addGradient();
            const at::Tensor gradient = model->trainable().front()->grad.clone();
            model->zeroGradients();
            QCOMPARE(value, expected->addGradient());
            QVERIFY(value > 0 && at::equal(gradient, model->trainable().front()->grad));
        }
    }

    void gradientsAreTheDifferenceQuotients_data() {
        QTest::addColumn<QString>("protection");
        QTest::addColumn<QString>("method");
        for (const char* protection : {"l2_sp", "ewc"})
            for (const char* method : {"full", "lora", "pissa", "dora", "prompt_tuning"})
                QTest::addRow("%s %s", protection, method) << protection << method;
    }
    void gradientsAreTheDifferenceQuotients() {
        QFETCH(QString, protection);
        QFETCH(QString, method);
        const auto model = attached(method, at::kDouble);
        const FisherDiagonal fisher = someFisher(*model);
        const auto penalty = penaltyOf(protection.toLatin1(), *model, 0.7, fisher);
        model->zeroGradients();
        QVERIFY(std::abs(penalty->addGradient()) < 1e-12); // nothing has moved yet
        for (const Parameter* parameter : model->trainable())
            QVERIFY(parameter->grad.abs().max().item<double>() < 1e-12);

        disturb(*model, 0.05);
        model->zeroGradients();
        QVERIFY(penalty->addGradient() > 0);
        std::vector<at::Tensor> gradients;
        for (const Parameter* parameter : model->trainable())
            gradients.push_back(parameter->grad.clone());
        constexpr double kStep = 1e-5;
        Rng rng(5);
        std::size_t at = 0;
        for (Parameter* parameter : model->trainable()) {
            at::Tensor flat = parameter->value.view({-1});
            const at::Tensor gradient = gradients[at++].contiguous().view({-1});
            for (int probe = 0; probe < 3; ++probe) {
                const auto i = static_cast<std::int64_t>(rng.below(static_cast<std::uint64_t>(flat.numel())));
                const double value = flat[i].item<double>();
                flat[i] = value + kStep;
                const double above = penalty->addGradient();
                flat[i] = value - kStep;
                const double below = penalty->addGradient();
                flat[i] = value;
                const double quotient = (above - below) / (2 * kStep), found = gradient[i].item<double>();
                QVERIFY2(std::abs(quotient - found) < 1e-7 + 1e-6 * std::abs(found),
                         qPrintable(QString::fromStdString(parameter->name) + QString(": %1 and %2").arg(quotient).arg(found)));
            }
        }
    }

    void l2SpIsTheSquaredDistanceOfWeights_data() {
        QTest::addColumn<QString>("method");
        for (const char* method : {"full", "lora", "pissa"})
            QTest::newRow(method) << method;
    }
    void l2SpIsTheSquaredDistanceOfWeights() {
        QFETCH(QString, method);
        const auto model = attached(method, at::kFloat);
        const auto penalty = penaltyOf("l2_sp", *model, 0.3, {});
        std::vector<at::Tensor> before;
        for (const Parameter* parameter : model->trainable())
            before.push_back(parameter->value.to(at::kDouble).clone());
        disturb(*model, 0.03);
        double sum = 0;
        if (method == "full") {
            std::size_t i = 0;
            for (const Parameter* parameter : model->trainable())
                sum += (parameter->value.to(at::kDouble) - before[i++]).pow(2).sum().item<double>();
        } else {
            for (const LinearPart* part : model->linearParts()) { // the change of the whole weight, [out, in]
                const LoraAdapter& lora = *part->lora;
                at::Tensor change = at::mm(lora.b.value.to(at::kDouble), lora.a.value.to(at::kDouble));
                if (lora.startA.defined())
                    change = change - at::mm(lora.startB.to(at::kDouble), lora.startA.to(at::kDouble));
                sum += (lora.scale * change).pow(2).sum().item<double>();
            }
        }
        const double found = penalty->addGradient(), expected = 0.15 * sum;
        QVERIFY2(std::abs(found - expected) < 1e-4 * expected, qPrintable(QString("%1 and %2").arg(found).arg(expected)));
    }

    void ewcWeighsEachNumber() {
        const auto model = attached("full", at::kFloat);
        const FisherDiagonal fisher = someFisher(*model);
        const auto penalty = penaltyOf("ewc", *model, 50, fisher);
        std::vector<at::Tensor> before;
        for (const Parameter* parameter : model->trainable())
            before.push_back(parameter->value.to(at::kDouble).clone());
        disturb(*model, 0.02);
        double sum = 0;
        std::size_t i = 0;
        for (const Parameter* parameter : model->trainable()) {
            sum += (fisher[i].to(at::kDouble) * (parameter->value.to(at::kDouble) - before[i]).pow(2)).sum().item<double>();
            ++i;
        }
        const double found = penalty->addGradient();
        QVERIFY2(std::abs(found - 25 * sum) < 1e-4 * found, qPrintable(QString("%1 and %2").arg(found).arg(25 * sum)));
    }

    // Of adapters each number of the weight's change, [out, in] in float64, with the factored matrix written out.
    void ewcWeighsTheChangeOfAdaptedWeights_data() {
        QTest::addColumn<QString>("method");
        QTest::newRow("lora") << "lora";
        QTest::newRow("pissa") << "pissa";
    }
    void ewcWeighsTheChangeOfAdaptedWeights() {
        QFETCH(QString, method);
        const auto model = attached(method, at::kDouble);
        const FisherDiagonal fisher = someFisher(*model);
        const auto penalty = penaltyOf("ewc", *model, 50, fisher);
        disturb(*model, 0.03);
        double sum = 0;
        std::size_t i = 0; // trainable(): A, then B of each part
        for (const LinearPart* part : model->linearParts()) {
            const LoraAdapter& lora = *part->lora;
            const at::Tensor columns = fisher[i], rows = fisher[i + 1];
            i += 2;
            at::Tensor change = at::mm(lora.b.value, lora.a.value);
            if (lora.startA.defined())
                change = change - at::mm(lora.startB, lora.startA);
            const at::Tensor matrix = at::ger(rows, columns) / rows.sum();
            QVERIFY(at::allclose(matrix.sum(1), rows * (columns.sum() / rows.sum())));
            sum += (matrix * (lora.scale * change).pow(2)).sum().item<double>();
        }
        QCOMPARE(i, fisher.size());
        const double found = penalty->addGradient();
        QVERIFY2(std::abs(found - 25 * sum) < 1e-9 * found, qPrintable(QString("%1 and %2").arg(found).arg(25 * sum)));
    }

    void aNewScoreHeadIsFree() {
        const auto model = attached("full", at::kDouble);
        model->addScoreHead(1);
        const FisherDiagonal fisher = someFisher(*model);
        for (const char* id : {"l2_sp", "ewc"}) {
            const auto penalty = penaltyOf(id, *model, 1, fisher);
            model->scoreHead->value.add_(1.0);
            QVERIFY(std::abs(penalty->addGradient()) < 1e-12);
        }
    }
};

ATTUNE_TEST(TestProtections)
#include "tst_protections.moc"
