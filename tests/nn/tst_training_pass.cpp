// The training pass against a plain f64 recomputation, packed against single rows, other precisions, determinism,
// refusals.
#include <QtTest>

#include "core/nn/rope.h"
#include "tests/nn/tiny_model.h"
#include "tests/support/test_main.h"

using namespace attune;
using namespace attune::test;

namespace {

using Matrix = std::vector<std::vector<double>>;

double activated(Activation activation, double x) {
    switch (activation) {
    case Activation::Silu:
        return x / (1 + std::exp(-x));
    case Activation::GeluTanh:
        return 0.5 * x * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
    case Activation::GeluErf:
        return 0.5 * x * (1 + std::erf(x / std::sqrt(2.0)));
    case Activation::Relu:
        break;
    }
    return std::max(0.0, x);
}

// One row, written from the definitions with scalar loops over named tensors: shares nothing with the engine but the
// weights.
class PlainModel {
public:
    PlainModel(const CausalLm& model) : m_config(model.config()) {
        for (const auto& named : model.baseTensors())
            m_tensors[named.name] = named.tensor.to(at::kDouble).contiguous();
        for (Block& block : const_cast<CausalLm&>(model).blocks)
            for (Linear* linear : block.linears())
                for (LinearPart& part : linear->parts)
                    if (part.lora) // merged: W + s B A
                        m_tensors[part.name + ".weight"] +=
                            part.lora->scale * at::mm(part.lora->b.value, part.lora->a.value);
    }

    Matrix logits(const std::vector<std::int64_t>& ids) const {
        Matrix x;
        for (std::size_t t = 0; t < ids.size(); ++t) {
            x.push_back(row("model.embed_tokens.weight", ids[t]));
            if (m_config.positions == PositionKind::Learned)
                add(x.back(), row("model.embed_positions.weight", static_cast<std::int64_t>(t)));
        }
        for (std::int64_t layer = 0; layer < m_config.layers; ++layer) {
            const std::string p = "model.layers." + std::to_string(layer) + ".";
            const Matrix mixed = attention(normed(x, p + "input_layernorm"), p + "self_attn.");
            for (std::size_t t = 0; t < x.size(); ++t)
                add(x[t], mixed[t]);
            const Matrix n = normed(x, p + "post_attention_layernorm");
            for (std::size_t t = 0; t < x.size(); ++t) {
                std::vector<double> up = linear(n[t], p + "mlp.up_proj");
                const std::vector<double> gate = m_config.gatedMlp ? linear(n[t], p + "mlp.gate_proj") : up;
                for (std::size_t i = 0; i < up.size(); ++i)
                    up[i] = m_config.gatedMlp ? activated(m_config.activation, gate[i]) * up[i]
                                              : activated(m_config.activation, up[i]);
                add(x[t], linear(up, p + "mlp.down_proj"));
            }
        }
        Matrix result;
        for (const auto& hidden : normed(x, "model.norm"))
            result.push_back(linear(hidden, m_config.tiedHead ? "model.embed_tokens" : "lm_head"));
        return result;
    }

private:
    static void add(std::vector<double>& x, const std::vector<double>& y) {
        for (std::size_t i = 0; i < x.size(); ++i)
            x[i] += y[i];
    }
    std::vector<double> row(const std::string& name, std::int64_t index) const {
        const at::Tensor tensor = m_tensors.at(name);
        const double* data = tensor.data_ptr<double>() + index * tensor.size(1);
        return {data, data + tensor.size(1)};
    }
    std::vector<double> linear(const std::vector<double>& x, const std::string& module) const {
        const at::Tensor weight = m_tensors.at(module + ".weight");
        std::vector<double> y(static_cast<std::size_t>(weight.size(0)), 0.0);
        for (std::size_t o = 0; o < y.size(); ++o)
            for (std::size_t i = 0; i < x.size(); ++i)
                y[o] += weight.data_ptr<double>()[o * x.size() + i] * x[i];
        if (const auto bias = m_tensors.find(module + ".bias"); bias != m_tensors.end())
            for (std::size_t o = 0; o < y.size(); ++o)
                y[o] += bias->second.data_ptr<double>()[o];
        return y;
    }
    Matrix normed(Matrix x, const std::string& name) const {
        const double* weight = m_tensors.at(name + ".weight").data_ptr<double>();
        for (auto& v : x) {
            double mean = 0, square = 0;
            if (m_config.norm == NormKind::LayerNorm)
                for (const double e : v)
                    mean += e / static_cast<double>(v.size());
            for (const double e : v)
                square += (e - mean) * (e - mean) / static_cast<double>(v.size());
            for (std::size_t i = 0; i < v.size(); ++i) {
                v[i] = (v[i] - mean) / std::sqrt(square + m_config.normEpsilon) * weight[i];
                if (m_config.norm == NormKind::LayerNorm)
                    v[i] += m_tensors.at(name + ".bias").data_ptr<double>()[i];
            }
        }
        return x;
    }
    void rotate(double* head, std::size_t position) const {
        const std::int64_t half = m_config.headDim / 2;
        for (std::int64_t i = 0; i < half; ++i) {
            const double angle =
                static_cast<double>(position) *
                std::pow(m_config.rope.theta, -2.0 * static_cast<double>(i) / static_cast<double>(m_config.headDim));
            const double a = head[i], b = head[i + half];
            head[i] = a * std::cos(angle) - b * std::sin(angle);
            head[i + half] = b * std::cos(angle) + a * std::sin(angle);
        }
    }
    Matrix attention(const Matrix& x, const std::string& prefix) const {
        Matrix q, k, v, result;
        const std::int64_t dim = m_config.headDim, group = m_config.heads / m_config.kvHeads;
        for (std::size_t t = 0; t < x.size(); ++t) {
            q.push_back(linear(x[t], prefix + "q_proj"));
            k.push_back(linear(x[t], prefix + "k_proj"));
            v.push_back(linear(x[t], prefix + "v_proj"));
            if (m_config.positions != PositionKind::Rope)
                continue;
            for (std::int64_t h = 0; h < m_config.heads; ++h)
                rotate(q[t].data() + h * dim, t);
            for (std::int64_t h = 0; h < m_config.kvHeads; ++h)
                rotate(k[t].data() + h * dim, t);
        }
        for (std::size_t t = 0; t < x.size(); ++t) {
            std::vector<double> out(static_cast<std::size_t>(m_config.heads * dim), 0.0);
            for (std::int64_t h = 0; h < m_config.heads; ++h) {
                std::vector<double> p(t + 1, 0.0);
                double sum = 0;
                for (std::size_t s = 0; s <= t; ++s) {
                    for (std::int64_t i = 0; i < dim; ++i)
                        p[s] += q[t][h * dim + i] * k[s][h / group * dim + i] / std::sqrt(static_cast<double>(dim));
                    p[s] = std::exp(p[s]);
                    sum += p[s];
                }
                for (std::size_t s = 0; s <= t; ++s)
                    for (std::int64_t i = 0; i < dim; ++i)
                        out[h * dim + i] += p[s] / sum * v[s][h / group * dim + i];
            }
            result.push_back(linear(out, prefix + "o_proj"));
        }
        return result;
    }

    ModelConfig m_config;
    std::map<std::string, at::Tensor> m_tensors;
};

std::vector<double> plainLogProbs(const CausalLm& model, const PackedTokens& batch) {
    const PlainModel plain(model);
    std::vector<double> logProbs;
    for (std::size_t r = 0; r + 1 < batch.rowStarts.size(); ++r) {
        const auto begin = batch.ids.begin() + batch.rowStarts[r], end = batch.ids.begin() + batch.rowStarts[r + 1];
        const Matrix logits = plain.logits({begin, end});
        for (std::size_t t = 0; t < logits.size(); ++t) {
            const std::int64_t target = batch.targets[static_cast<std::size_t>(batch.rowStarts[r]) + t];
            if (target == -100)
                continue;
            double sum = 0;
            for (const double z : logits[t])
                sum += std::exp(z);
            logProbs.push_back(logits[t][static_cast<std::size_t>(target)] - std::log(sum));
        }
    }
    return logProbs;
}

at::Tensor logProbsOf(CausalLm& model, const PackedTokens& batch) {
    TrainingPass pass(model);
    ForwardOptions options;
    options.keepForBackward = false;
    require(pass.forward(batch, options));
    return pass.targetLogProbs().value();
}

void trainOnce(CausalLm& model, TrainingPass& pass, const PackedTokens& batch, const ForwardOptions& options = {}) {
    require(pass.forward(batch, options));
    const at::Tensor weights = at::full({targetCount(batch)}, 0.25);
    require(pass.targetLogProbsWithGradient(weights).map([](const at::Tensor&) {}));
    require(pass.backward());
    Q_UNUSED(model);
}

double relativeNorm(const at::Tensor& a, const at::Tensor& b) {
    return (a - b).norm().item<double>() / std::max(1e-30, b.norm().item<double>());
}

PackedTokens rowOf(const PackedTokens& batch, std::size_t r) {
    PackedTokens row;
    const auto begin = batch.rowStarts[r], end = batch.rowStarts[r + 1];
    row.ids.assign(batch.ids.begin() + begin, batch.ids.begin() + end);
    row.targets.assign(batch.targets.begin() + begin, batch.targets.begin() + end);
    row.rowStarts = {0, end - begin};
    return row;
}

} // namespace

class TestTrainingPass : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void forwardMatchesPlainLoops_data() {
        QTest::addColumn<bool>("gpt2");
        QTest::addColumn<bool>("tied");
        QTest::addColumn<bool>("adapters");
        QTest::addColumn<int>("type");
        QTest::addColumn<double>("tolerance");
        for (const bool gpt2 : {false, true})
            for (const bool tied : {false, true})
                for (const bool adapters : {false, true}) {
                    const QString name =
                        QString(gpt2 ? "gpt2" : "llama") + (tied ? " tied" : " untied") + (adapters ? " lora" : "");
                    QTest::newRow(qPrintable(name + " f64"))
                        << gpt2 << tied << adapters << static_cast<int>(at::kDouble) << 1e-12;
                    QTest::newRow(qPrintable(name + " f32"))
                        << gpt2 << tied << adapters << static_cast<int>(at::kFloat) << 5e-6;
                    QTest::newRow(qPrintable(name + " bf16"))
                        << gpt2 << tied << adapters << static_cast<int>(at::kBFloat16) << 0.03;
                }
    }
    void forwardMatchesPlainLoops() {
        QFETCH(bool, gpt2);
        QFETCH(bool, tied);
        QFETCH(bool, adapters);
        QFETCH(int, type);
        QFETCH(double, tolerance);
        const ModelConfig config = gpt2 ? gpt2Shape(tied) : llamaShape(tied);
        auto model = makeModel(config, static_cast<at::ScalarType>(type));
        if (adapters)
            addAdapters(*model, 4, 0.8, 0.0);
        const PackedTokens batch = makeBatch(config, {13, 1, 30, 6});
        const at::Tensor actual = logProbsOf(*model, batch).to(at::kDouble);
        const std::vector<double> expected = plainLogProbs(*model, batch);
        QCOMPARE(static_cast<std::size_t>(actual.size(0)), expected.size());
        double worst = 0;
        for (std::size_t i = 0; i < expected.size(); ++i)
            worst = std::max(worst, std::abs(actual[static_cast<std::int64_t>(i)].item<double>() - expected[i]) /
                                        std::max(1.0, std::abs(expected[i])));
        QVERIFY2(worst < tolerance, qPrintable(QString::number(worst)));
    }

    void packedEqualsOneRowAtATime_data() {
        QTest::addColumn<bool>("full");
        QTest::newRow("full") << true;
        QTest::newRow("lora") << false;
    }
    void packedEqualsOneRowAtATime() {
        QFETCH(bool, full);
        const ModelConfig config = llamaShape(true);
        const PackedTokens batch = makeBatch(config, {20, 64, 3, 41});
        std::vector<at::Tensor> losses, gradients[2];
        for (const bool packed : {true, false}) {
            auto model = makeModel(config, at::kFloat);
            full ? model->trainAllWeights() : addAdapters(*model, 4, 1.0, 0.0);
            TrainingPass pass(*model);
            std::vector<at::Tensor> parts;
            for (std::size_t r = 0; r < (packed ? 1 : batch.rowStarts.size() - 1); ++r) {
                const PackedTokens rows = packed ? batch : rowOf(batch, r);
                require(pass.forward(rows, {}));
                parts.push_back(pass.targetLogProbsWithGradient(at::ones({targetCount(rows)})).value());
                require(pass.backward());
            }
            losses.push_back(at::cat(parts));
            for (Parameter* parameter : model->trainable())
                gradients[packed].push_back(parameter->grad);
        }
        QVERIFY(relativeNorm(losses[0], losses[1]) < 1e-5);
        for (std::size_t i = 0; i < gradients[0].size(); ++i)
            QVERIFY2(relativeNorm(gradients[1][i], gradients[0][i]) < 1e-5,
                     qPrintable(QString::number(relativeNorm(gradients[1][i], gradients[0][i]))));
    }

    void bf16GradientsPointWhereF64Does() {
        const ModelConfig config = llamaShape(true);
        const PackedTokens batch = makeBatch(config, {40, 22});
        std::vector<at::Tensor> gradients[2];
        for (const bool exact : {false, true}) {
            auto model = makeModel(config, exact ? at::kDouble : at::kBFloat16);
            addAdapters(*model, 4, 0.7, 0.0);
            TrainingPass pass(*model);
            trainOnce(*model, pass, batch);
            for (Parameter* parameter : model->trainable())
                gradients[exact].push_back(parameter->grad.to(at::kDouble));
        }
        for (std::size_t i = 0; i < gradients[0].size(); ++i)
            QVERIFY2(relativeNorm(gradients[0][i], gradients[1][i]) < 0.08,
                     qPrintable(QString::number(relativeNorm(gradients[0][i], gradients[1][i]))));
    }

    void twoRunsAreBitEqual_data() {
        QTest::addColumn<int>("type");
        QTest::newRow("f32") << static_cast<int>(at::kFloat);
        QTest::newRow("bf16") << static_cast<int>(at::kBFloat16);
    }
    void twoRunsAreBitEqual() {
        QFETCH(int, type);
        ModelConfig config = llamaShape(true);
        config.contextLength = 512;
        const PackedTokens batch = makeBatch(config, {310, 77, 20});
        std::vector<at::Tensor> gradients[2];
        for (const int run : {0, 1}) {
            auto model = makeModel(config, static_cast<at::ScalarType>(type));
            addAdapters(*model, 4, 1.0, 0.2);
            model->trainAllWeights();
            TrainingPass pass(*model);
            for (std::uint32_t micro = 0; micro < 3; ++micro) {
                ForwardOptions options;
                options.dropoutSeed = 4, options.microBatch = micro;
                trainOnce(*model, pass, batch, options);
            }
            for (Parameter* parameter : model->trainable())
                gradients[run].push_back(parameter->grad.clone());
        }
        for (std::size_t i = 0; i < gradients[0].size(); ++i)
            QVERIFY(at::equal(gradients[0][i], gradients[1][i]));
    }

    // Gradients of kept and of recomputed activations, dropout included; and what the second saves.
    void recomputedActivationsGiveTheSameGradients_data() {
        QTest::addColumn<bool>("full");
        QTest::newRow("lora with dropout") << false;
        QTest::newRow("full") << true;
    }
    void recomputedActivationsGiveTheSameGradients() {
        QFETCH(bool, full);
        ModelConfig config = llamaShape(true);
        config.layers = 6, config.contextLength = 128;
        std::vector<at::Tensor> gradients[2];
        std::int64_t bytes[2];
        for (const bool recompute : {false, true}) {
            auto model = makeModel(config, at::kBFloat16);
            if (full)
                model->trainAllWeights();
            else
                addAdapters(*model, 4, 1.0, 0.2);
            TrainingPass pass(*model);
            pass.setActivationPolicy(recompute ? ActivationPolicy::Recompute : ActivationPolicy::Keep);
            ForwardOptions options;
            options.dropoutSeed = 7;
            options.step = 3;
            trainOnce(*model, pass, makeBatch(config, {40, 90, 17}), options);
            for (const Parameter* parameter : model->trainable())
                gradients[recompute].push_back(parameter->grad.clone());
            bytes[recompute] = pass.bufferBytes();
        }
        QVERIFY(gradients[0].size() > 10);
        for (std::size_t i = 0; i < gradients[0].size(); ++i)
            QVERIFY(at::equal(gradients[0][i], gradients[1][i]));
        QVERIFY2(bytes[1] < bytes[0] * 2 / 3, QByteArray::number(qlonglong(bytes[1])) + " of " + QByteArray::number(qlonglong(bytes[0])));
    }

    void dropoutChangesWithStepAndIsOffInEvaluation() {
        const ModelConfig config = llamaShape(true);
        auto model = makeModel(config, at::kFloat);
        addAdapters(*model, 4, 1.0, 0.5);
        const PackedTokens batch = makeBatch(config, {30});
        TrainingPass pass(*model);
        const auto run = [&](bool training, std::uint64_t step, std::uint32_t micro) {
            ForwardOptions options;
            options.training = training, options.step = step, options.microBatch = micro;
            require(pass.forward(batch, options));
            return pass.targetLogProbs().value().clone();
        };
        QVERIFY(at::equal(run(true, 1, 0), run(true, 1, 0)));
        QVERIFY(!at::equal(run(true, 1, 0), run(true, 2, 0)));
        QVERIFY(!at::equal(run(true, 1, 0), run(true, 1, 1)));
        QVERIFY(at::equal(run(false, 1, 0), run(false, 2, 3)));
    }

    void disabledAdaptersGiveTheBaseModelAndNoGradient() {
        const ModelConfig config = llamaShape(true);
        auto model = makeModel(config, at::kFloat);
        const PackedTokens batch = makeBatch(config, {30, 9});
        const at::Tensor base = logProbsOf(*model, batch);
        addAdapters(*model, 4, 1.0, 0.0);
        QVERIFY(!at::equal(logProbsOf(*model, batch), base));
        model->setAdaptersEnabled(false);
        QVERIFY(at::allclose(logProbsOf(*model, batch), base, 0, 1e-5));
        TrainingPass pass(*model);
        trainOnce(*model, pass, batch);
        for (Parameter* parameter : model->trainable())
            QCOMPARE(parameter->grad.abs().max().item<double>(), 0.0);
    }

    // The gradient handed in afterwards is the gradient of the sweep that knew the weights.
    void laterGradientEqualsTheOneOfTheSweep() {
        const ModelConfig config = llamaShape(false);
        const PackedTokens batch = makeBatch(config, {30, 9});
        std::vector<at::Tensor> gradients[2];
        for (const int later : {0, 1}) {
            auto model = makeModel(config, at::kFloat);
            model->trainAllWeights();
            TrainingPass pass(*model);
            const at::Tensor weights = at::linspace(-1.0, 2.0, targetCount(batch));
            require(pass.forward(batch, {}));
            if (later) {
                QVERIFY(pass.targetLogProbs().has_value());
                require(pass.setLogProbGradient(-weights));
            } else {
                QVERIFY(pass.targetLogProbsWithGradient(weights).has_value());
            }
            require(pass.backward());
            for (Parameter* parameter : model->trainable())
                gradients[later].push_back(parameter->grad);
        }
        for (std::size_t i = 0; i < gradients[0].size(); ++i)
            QVERIFY(at::equal(gradients[0][i], gradients[1][i]));
    }

    void wrongInputIsRefusedWithAReason() {
        const ModelConfig config = gpt2Shape(true);
        auto model = makeModel(config, at::kFloat);
        TrainingPass pass(*model);
        PackedTokens batch = makeBatch(config, {10});
        batch.ids[3] = 61;
        auto status = pass.forward(batch, {});
        QVERIFY(!status && status.error().code == ErrorCode::InvalidArgument);
        QVERIFY(status.error().message.find("61") != std::string::npos);
        status = pass.forward(makeBatch(config, {65}), {});
        QVERIFY(!status && status.error().code == ErrorCode::InvalidArgument);
        QVERIFY(!pass.forward({}, {}));
        QVERIFY(!pass.backward());
        require(pass.forward(makeBatch(config, {10}), {}));
        QVERIFY(!pass.targetLogProbsWithGradient(at::ones({1000})));
    }

    void buffersAreReusedAndReleased() {
        const ModelConfig config = llamaShape(true);
        auto model = makeModel(config, at::kFloat);
        addAdapters(*model, 4, 1.0, 0.0);
        TrainingPass pass(*model);
        trainOnce(*model, pass, makeBatch(config, {60, 30}));
        const std::int64_t bytes = pass.bufferBytes();
        QVERIFY(bytes > 0);
        trainOnce(*model, pass, makeBatch(config, {20}));
        QVERIFY(pass.bufferBytes() <= bytes);
        pass.releaseBuffers();
        QCOMPARE(pass.bufferBytes(), 0);
    }
};

ATTUNE_TEST(TestTrainingPass)
#include "tst_training_pass.moc"
