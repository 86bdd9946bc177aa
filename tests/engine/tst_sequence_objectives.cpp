// Objectives over whole answers on a tiny model: gradients against finite differences of the loss, independence of how a
// step is divided, the reference model, the mismatched rows.
#include <QTemporaryDir>
#include <QtTest>

#include <cmath>
#include <set>

#include <ATen/ATen.h>

#include "core/engine/checkpoint.h"
#include "core/engine/reference_pass.h"
#include "core/engine/step_comparisons.h"
#include "core/methods/method.h"
#include "core/objectives/kto_loss.h"
#include "core/objectives/policy_objective.h"
#include "core/objectives/sequence_pass.h"
#include "tests/support/test_main.h"
#include "tests/support/tiny_model.h"

using namespace attune;

namespace {

void requireOk(const Status& status) {
    if (!status)
        QFAIL(status.error().message.c_str());
}

std::unique_ptr<CausalLm> adaptedModel(at::ScalarType type, const char* method = "lora") {
    auto model = test::tinyModel(type);
    const ParamMap params = method == std::string("lora") ? ParamMap{{"r", std::int64_t{3}}} : ParamMap{};
    if (!findMethod(method)->attach(*model, params, 4))
        return nullptr;
    std::uint64_t stream = 50; // away from the start, where half of an adapter is zero
    for (Parameter* parameter : model->trainable()) {
        Rng rng(17, ++stream);
        at::Tensor host = at::empty(parameter->value.sizes(), at::kDouble);
        for (std::int64_t i = 0; i < host.numel(); ++i)
            host.data_ptr<double>()[i] = 0.08 * rng.normal();
        parameter->value.add_(host.to(type));
    }
    model->refreshComputeWeights();
    return model;
}

// One objective with its data, ready for a step over all samples.
struct Stage {
    std::unique_ptr<Objective> objective;
    TokenDataset data;
    std::unique_ptr<CausalLm> model;
    std::unique_ptr<TrainingPass> pass;
    std::vector<Rollout> rollouts; // of objectives that learn from rewards: one per row

    explicit Stage(const std::string& id, const ParamMap& params = {}, at::ScalarType type = at::kDouble, const char* method = "lora") {
        objective = std::move(*findObjective(id)->configured(params));
        const ObjectiveNeeds needs = objective->needs();
        if (needs.rowsPerSample == 1 && objective->sampleKind() != "unpaired")
            data = test::copyRows(5, 8);
        else
            data = test::preferenceRows(5, 8, needs.rowsPerSample == 2);
        model = adaptedModel(type, method);
        if (needs.scoreHead)
            model->addScoreHead(3);
        data.rows[2].margin = 0.3;
        if (needs.mismatched)
            requireOk(addMismatchedRows(data, permutation(5, 1, 0), 5, 0));
        if (needs.reference) { // some fixed numbers: what a reference may say
            Rng rng(3);
            for (std::size_t i = 0; i < data.rows.size(); ++i)
                data.reference.push_back(-3.9 * static_cast<double>(data.rows[i].targets) + rng.normal());
        }
        if (objective->policy() && objective->policy()->plan().valueHead) {
            model->addValueHead();
            Rng rng(29);
            for (std::int64_t i = 0; i < model->config().hiddenSize; ++i)
                model->valueHead->weight.value[0][i] = 0.1 * rng.normal();
        }
        pass = std::make_unique<TrainingPass>(*model);
        if (objective->policy())
            makeRollouts();
    }

    // Answers that another model wrote, so that some ratios are clipped; numbers of no meaning otherwise.
    void makeRollouts() {
        const SampleRows rows(data, {});
        const PackedRows batch = rows.pack(rows.all());
        requireOk(pass->forward(batch.tokens, {.keepForBackward = false, .training = false, .temperature = objective->policy()->plan().temperature}));
        const at::Tensor logProbs = pass->targetLogProbs()->to(at::kDouble);
        const double* next = logProbs.data_ptr<double>();
        Rng rng(31);
        for (std::size_t r = 0; r < data.rows.size(); ++r) {
            Rollout rollout;
            rollout.group = static_cast<std::int64_t>(r / 3);
            rollout.advantages = {rng.normal()};
            for (std::int64_t t = 0; t < data.rows[r].targets; ++t, ++next) {
                rollout.oldLogProbs.push_back(*next + 0.2 * rng.normal());
                if (objective->policy()->plan().reference)
                    rollout.reference.push_back(*next + 0.5 * rng.normal());
                if (!objective->policy()->plan().valueHead)
                    continue;
                rollout.oldValues.push_back(rng.normal()), rollout.returns.push_back(rng.normal());
                if (t > 0)
                    rollout.advantages.push_back(rng.normal());
            }
            rollouts.push_back(std::move(rollout));
        }
    }
    std::vector<const Rollout*> rolloutsOf(std::span<const std::uint32_t> samples) const {
        std::vector<const Rollout*> list;
        for (const std::uint32_t sample : samples)
            if (!rollouts.empty())
                list.push_back(&rollouts[sample]);
        return list;
    }

    StepWindow window(double divergence) const {
        const SampleRows rows(data, objective->needs());
        StepWindow w = rows.window(rows.all());
        w.divergence = divergence;
        return w;
    }
    // With what the rows of the whole step are compared with, as the training loop does it.
    PackedRows packed(const std::vector<std::uint32_t>& group) const {
        const SampleRows rows(data, objective->needs());
        if (!objective->needs().partners)
            return rows.pack(group);
        const auto comparisons = compareSamples(*pass, *objective, rows, rows.all(), 30, nullptr);
        if (!comparisons)
            qFatal("%s", comparisons.error().message.c_str());
        return packCompared(rows, rows.all(), group, *comparisons);
    }
    double loss(double divergence = 0.4) const {
        const SampleRows rows(data, objective->needs());
        const PackedRows batch = packed(rows.all());
        const ForwardOptions options{.keepForBackward = false, .training = false};
        const auto own = rolloutsOf(rows.all());
        return objective->evaluateMicroBatch({*pass, batch.tokens, options, window(divergence), batch.facts, false, own})->loss;
    }
    // The gradients of all trained parameters after a step in these groups.
    ObjectiveOutput train(const std::vector<std::vector<std::uint32_t>>& groups, bool apart = false, double divergence = 0.4) const {
        model->zeroGradients();
        ObjectiveOutput sum;
        for (const auto& group : groups) {
            const PackedRows batch = packed(group);
            const ForwardOptions options{.keepForBackward = true, .training = true};
            const auto own = rolloutsOf(group);
            const auto output = objective->trainMicroBatch({*pass, batch.tokens, options, window(divergence), batch.facts, apart, own});
            if (!output)
                qFatal("%s", output.error().message.c_str());
            sum.loss += output->loss;
            for (const auto& [name, share] : output->metrics)
                sum.metrics[name] += share;
        }
        return sum;
    }
    std::vector<at::Tensor> gradients() const {
        std::vector<at::Tensor> list;
        for (const Parameter* parameter : model->trainable())
            list.push_back(parameter->grad.clone());
        return list;
    }
};

const std::vector<std::vector<std::uint32_t>> kTogether{{0, 1, 2, 3, 4}}, kDivided{{3}, {0, 4}, {1, 2}}, kAlone{{0}, {1}, {2}, {3}, {4}};

// The loss with one parameter moved along a direction.
double lossMoved(const Stage& stage, Parameter& parameter, const at::Tensor& direction, double move) {
    parameter.value.add_(direction, move);
    stage.model->refreshComputeWeights();
    const double value = stage.loss();
    parameter.value.sub_(direction, move);
    stage.model->refreshComputeWeights();
    return value;
}

} // namespace

class TestSequenceObjectives : public QObject {
    Q_OBJECT
    static void rows() {
        QTest::addColumn<QString>("id");
        QTest::addColumn<QString>("loss");
        for (const auto& objective : builtinObjectives()) {
            const std::string& id = objective->description().id;
            bool several = false;
            for (const ParamSpec& spec : objective->description().params)
                if (spec.key == "loss_type")
                    for (const std::string& loss : spec.choices) {
                        QTest::newRow((id + "/" + loss).c_str()) << QString::fromStdString(id) << QString::fromStdString(loss);
                        several = true;
                    }
            if (!several)
                QTest::newRow(id.c_str()) << QString::fromStdString(id) << QString();
        }
        QTest::newRow("dpo/several") << "dpo" << "several"; // losses, another divergence, length-desensitised sums
    }
    static ParamMap paramsOf(const QString& id, const QString& loss) {
        ParamMap params;
        if (loss == "several")
            params = {{"loss_weight", 0.8}, {"more_losses", std::vector<std::string>{"bco_pair=0.2", "ipo=0.01"}},
                      {"f_divergence", std::string("js_divergence")}, {"ld_alpha", 0.4}};
        else if (!loss.isEmpty())
            params["loss_type"] = loss.toStdString();
        if (id == "dpo")
            params["sft_weight"] = 0.3, params["label_smoothing"] = 0.1;
        if (id == "grpo")
            params["beta"] = 0.2, params["temperature"] = 0.7, params["epsilon_high"] = 0.28;
        if (id == "ppo")
            params["temperature"] = 0.7;
        if (id == "reward")
            params["center_rewards"] = 0.05;
        if (id == "cpo" || id == "simpo")
            params["label_smoothing"] = 0.1, params["sft_weight"] = 0.5;
        return params;
    }

private Q_SLOTS:
    // Every parameter's gradient along a random direction equals the difference quotient of the loss.
    void gradientsEqualFiniteDifferences_data() { rows(); }
    void gradientsEqualFiniteDifferences() {
        QFETCH(QString, id);
        QFETCH(QString, loss);
        if (loss == "dft")
            QSKIP("skipped: part of the dft loss is not differentiated by definition; see dftWeighsByProbability");
        for (const char* method : {"lora", "full"}) {
            const Stage stage(id.toStdString(), paramsOf(id, loss), at::kDouble, method);
            const ObjectiveOutput output = stage.train(kDivided);
            QVERIFY(std::abs(output.loss - stage.loss()) < 1e-9 * std::max(1.0, std::abs(output.loss)));
            std::uint64_t stream = 0;
            int moved = 0;
            for (Parameter* parameter : stage.model->trainable()) {
                Rng rng(99, ++stream);
                at::Tensor direction = at::empty(parameter->value.sizes(), at::kDouble);
                for (std::int64_t i = 0; i < direction.numel(); ++i)
                    direction.data_ptr<double>()[i] = rng.normal();
                direction.div_(direction.norm());
                const double expected = (parameter->grad * direction).sum().item<double>();
                constexpr double kMove = 1e-5; // the quotient errs with its square
                const double measured = (lossMoved(stage, *parameter, direction, kMove) - lossMoved(stage, *parameter, direction, -kMove)) / (2 * kMove);
                QVERIFY2(std::abs(measured - expected) < 1e-6 * std::max(1.0, std::abs(expected)),
                         qPrintable(QString("%1 %2: %3, difference %4")
                                        .arg(method, parameter->name.c_str())
                                        .arg(expected, 0, 'g', 12)
                                        .arg(measured, 0, 'g', 12)));
                moved += std::abs(expected) > 1e-6;
            }
            QVERIFY(moved > 4);
        }
    }

    void dividingAStepChangesNothing_data() { rows(); }
    void dividingAStepChangesNothing() {
        QFETCH(QString, id);
        QFETCH(QString, loss);
        const Stage stage(id.toStdString(), paramsOf(id, loss));
        const ObjectiveOutput whole = stage.train(kTogether);
        const auto expected = stage.gradients();
        const bool pairs = stage.objective->needs().rowsPerSample > 1;
        for (const bool apart : {false, true}) {
            if (apart && !pairs)
                continue;
            const ObjectiveOutput divided = stage.train(apart ? kAlone : kDivided, apart);
            QVERIFY(std::abs(divided.loss - whole.loss) < 1e-10 * std::max(1.0, std::abs(whole.loss)));
            QCOMPARE(divided.metrics.size(), whole.metrics.size());
            for (const auto& [name, value] : whole.metrics)
                QVERIFY2(std::abs(divided.metrics.at(name) - value) < 1e-9 * std::max(1.0, std::abs(value)), name.c_str());
            const auto gradients = stage.gradients();
            for (std::size_t i = 0; i < gradients.size(); ++i)
                QVERIFY(at::allclose(gradients[i], expected[i], 1e-9, 1e-12));
        }
    }

    // Independent re-computation from single tokens: DPO's loss and rewards, with no shared code but the forward pass.
    void dpoEqualsItsDefinition() {
        const Stage stage("dpo");
        const ObjectiveOutput output = stage.train(kTogether);
        double loss = 0, margin = 0, accuracy = 0;
        for (std::size_t pair = 0; pair < 5; ++pair) {
            double ratio[2];
            for (std::size_t side = 0; side < 2; ++side) {
                const TokenDataset::Row& row = stage.data.rows[2 * pair + side];
                PackedTokens tokens;
                for (std::size_t t = 0; t < row.ids.size(); ++t) {
                    tokens.ids.push_back(row.ids[t]);
                    tokens.targets.push_back(t + 1 < row.ids.size() && row.trained[t + 1] ? row.ids[t + 1] : -100);
                }
                tokens.rowStarts = {0, static_cast<std::int32_t>(row.ids.size())};
                requireOk(stage.pass->forward(tokens, {.keepForBackward = false}));
                ratio[side] = stage.pass->targetLogProbs()->sum().item<double>() - stage.data.reference[2 * pair + side];
            }
            loss += std::log1p(std::exp(-0.1 * (ratio[0] - ratio[1]))) / 5;
            margin += 0.1 * (ratio[0] - ratio[1]) / 5;
            accuracy += (ratio[0] > ratio[1]) / 5.0;
        }
        QVERIFY(std::abs(output.loss - loss) < 1e-10);
        QVERIFY(std::abs(output.metrics.at("rewards/margins") - margin) < 1e-10);
        QVERIFY(std::abs(output.metrics.at("rewards/accuracies") - accuracy) < 1e-10);
    }

    // What is reported beside the loss, from the probability of each token of the vocabulary.
    void reportedChoicesAreTheModels() {
        for (const char* id : {"sft", "dpo"}) {
            const Stage stage(id);
            const ObjectiveOutput output = stage.train(kDivided);
            const SampleRows rows(stage.data, stage.objective->needs());
            PackedRows batch = rows.pack(kTogether[0]);
            const std::vector<std::int64_t> targets = batch.tokens.targets;
            const std::int64_t vocabulary = stage.model->config().vocabularySize;
            std::vector<at::Tensor> columns;
            for (std::int64_t token = 0; token < vocabulary; ++token) {
                for (std::size_t t = 0; t < targets.size(); ++t)
                    batch.tokens.targets[t] = targets[t] == -100 ? -100 : token;
                requireOk(stage.pass->forward(batch.tokens, {.keepForBackward = false, .training = false}));
                columns.push_back(stage.pass->targetLogProbs()->clone());
            }
            const at::Tensor logs = at::stack(columns, 1); // [N, V]
            std::vector<std::int64_t> wanted;
            for (const std::int64_t target : targets)
                if (target != -100)
                    wanted.push_back(target);
            const double entropy = -(logs.exp() * logs).sum(1).mean().item<double>();
            const double accuracy = (logs.argmax(1) == at::tensor(wanted, at::kLong)).to(at::kDouble).mean().item<double>();
            QVERIFY(std::abs(output.metrics.at("entropy") - entropy) < 1e-9);
            QVERIFY(std::abs(output.metrics.at("mean_token_accuracy") - accuracy) < 1e-12);
            QCOMPARE(output.metrics.contains("logits/chosen") && output.metrics.contains("logits/rejected"), id == std::string("dpo"));
        }
    }

    // A pair's weight is a constant: its gradient is that of the unweighted pair times the weight.
    void weighingPairsMultipliesTheirGradients() {
        const Stage plain("dpo"), weighed("dpo", {{"use_weighting", true}});
        std::set<int> weights;
        for (const std::uint32_t pair : kTogether[0]) {
            const ObjectiveOutput expected = plain.train({{pair}}), output = weighed.train({{pair}});
            const double weight = 5 * output.metrics.at("pair_weight"); // of a step of five
            QVERIFY(weight > 0 && weight <= 1);
            weights.insert(static_cast<int>(1e6 * weight));
            QVERIFY(std::abs(output.loss - weight * expected.loss) < 1e-12);
            const auto gradients = weighed.gradients(), whole = plain.gradients();
            for (std::size_t i = 0; i < gradients.size(); ++i)
                QVERIFY(at::allclose(gradients[i], weight * whole[i], 1e-9, 1e-13));
        }
        QVERIFY(weights.size() > 1);
    }

    void orpoLearnsThePromptToo() {
        const Stage stage("orpo");
        const SampleRows rows(stage.data, stage.objective->needs());
        const PackedRows batch = rows.pack(kTogether[0]);
        QCOMPARE(batch.facts[0].targets, static_cast<std::int64_t>(stage.data.rows[0].ids.size()) - 1);
        QCOMPARE(batch.facts[0].answerTargets, stage.data.rows[0].targets);
        QCOMPARE(batch.facts[1].targets, stage.data.rows[1].targets);
        const auto sums = rowLogProbs(*stage.pass, batch.tokens, batch.facts, {.training = false});
        double all = 0, tokens = 0;
        for (std::size_t r = 0; r < sums->size(); r += 2)
            all -= (*sums)[r].all, tokens += (*sums)[r].allTokens;
        QVERIFY(std::abs(stage.train(kTogether).metrics.at("nll_loss") - all / tokens) < 1e-10);
    }

    void aRewardIsTheHeadOnTheLastToken() {
        const Stage stage("reward");
        const SampleRows rows(stage.data, stage.objective->needs());
        const PackedRows batch = rows.pack(rows.all());
        requireOk(stage.pass->forward(batch.tokens, {.keepForBackward = false}));
        const at::Tensor scores = stage.pass->rowScores()->clone(), hidden = stage.pass->hidden()->clone();
        double loss = 0;
        std::vector<double> expected;
        for (std::size_t r = 0; r + 1 < batch.tokens.rowStarts.size(); ++r) {
            const at::Tensor x = hidden[batch.tokens.rowStarts[r + 1] - 1]; // RMSNorm by hand
            const at::Tensor normed = x / (x.square().mean() + stage.model->config().normEpsilon).sqrt() * stage.model->finalNorm.weight.compute;
            expected.push_back((normed * stage.model->scoreHead->value[0]).sum().item<double>());
            QVERIFY(std::abs(scores[static_cast<std::int64_t>(r)].item<double>() - expected.back()) < 1e-10);
        }
        for (std::size_t r = 0; r < expected.size(); r += 2)
            loss += std::log1p(std::exp(-(expected[r] - expected[r + 1] - stage.data.rows[r].margin))) / 5;
        QVERIFY(std::abs(stage.loss() - loss) < 1e-10);
    }

    // Wu et al. 2025: the gradient of a token is that of plain learning times its probability.
    void dftWeighsByProbability() {
        const Stage dft("sft", {{"loss_type", std::string("dft")}});
        const ObjectiveOutput output = dft.train(kDivided);
        const auto gradients = dft.gradients();
        const SampleRows rows(dft.data, {});
        const PackedRows batch = rows.pack(rows.all());
        dft.model->zeroGradients();
        requireOk(dft.pass->forward(batch.tokens, {.training = false}));
        const at::Tensor logProbs = dft.pass->targetLogProbs()->clone(), p = logProbs.exp();
        const auto count = static_cast<double>(logProbs.numel());
        QVERIFY(std::abs(output.loss + (p * logProbs).sum().item<double>() / count) < 1e-10);
        QVERIFY(std::abs(output.metrics.at("nll") + logProbs.sum().item<double>() / count) < 1e-10);
        requireOk(dft.pass->setLogProbGradient(-p / count));
        requireOk(dft.pass->backward());
        const auto expected = dft.gradients();
        for (std::size_t i = 0; i < expected.size(); ++i)
            QVERIFY(at::allclose(gradients[i], expected[i], 1e-9, 1e-12));
    }

    // Jain et al. 2023: uniform in +-alpha / sqrt(L d), the same for the same step, gone in validation.
    void neftuneNoiseHasItsSize() {
        const Stage stage("sft");
        const SampleRows rows(stage.data, {});
        const PackedRows batch = rows.pack(rows.all());
        ForwardOptions options{.keepForBackward = false, .step = 7};
        const auto embedded = [&](double alpha, std::uint64_t step) {
            at::Tensor x; // with no blocks the last residual is the embedding
            auto config = test::tinyConfig();
            auto model = std::move(*CausalLm::create(config, {at::kDouble, at::kCPU}));
            model->initializeRandom(3);
            model->blocks.clear();
            TrainingPass pass(*model);
            options.embeddingNoise = alpha, options.step = step;
            requireOk(pass.forward(batch.tokens, options));
            return pass.hidden()->narrow(0, 0, batch.tokens.tokens()).clone();
        };
        const at::Tensor plain = embedded(0, 7), noise = embedded(5, 7) - plain, again = embedded(5, 7) - plain, other = embedded(5, 8) - plain;
        QVERIFY(at::equal(noise, again));
        QVERIFY(!at::equal(noise, other));
        for (std::size_t r = 0; r + 1 < batch.tokens.rowStarts.size(); ++r) {
            const std::int64_t begin = batch.tokens.rowStarts[r], length = batch.tokens.rowStarts[r + 1] - begin;
            const at::Tensor ofRow = noise.narrow(0, begin, length);
            const double reach = 5 / std::sqrt(static_cast<double>(length) * 32);
            QVERIFY(ofRow.abs().max().item<double>() <= reach * (1 + 1e-9));
            QVERIFY(ofRow.abs().max().item<double>() > 0.9 * reach);
            QVERIFY(std::abs(ofRow.std().item<double>() / (reach / std::sqrt(3.0)) - 1) < 0.15);
        }
        const Stage noisy("sft", {{"neftune_alpha", 10.0}});
        QVERIFY(std::abs(noisy.train(kTogether).loss - stage.train(kTogether).loss) > 1e-6);
        QCOMPARE(noisy.loss(), stage.loss());
    }

    void theReferenceIsTheModelWithoutItsAdapter() {
        QTemporaryDir folder;
        const fs::path file = fs::path(folder.path().toStdString()) / "reference.safetensors";
        Stage stage("dpo");
        stage.data.reference.clear();
        requireOk(addReference(stage.data, *stage.model, 40, file, "identity", {}));
        QVERIFY(stage.model->adaptersEnabled());
        QCOMPARE(stage.data.reference.size(), stage.data.rows.size());
        QCOMPARE(stage.data.rowsPerSample, std::size_t{2});
        const auto base = test::tinyModel(at::kDouble);
        TrainingPass pass(*base);
        const SampleRows rows(stage.data, stage.objective->needs());
        const PackedRows batch = rows.pack(rows.all());
        const auto sums = rowLogProbs(pass, batch.tokens, batch.facts, {.training = false});
        for (std::size_t i = 0; i < sums->size(); ++i)
            QVERIFY(std::abs((*sums)[i].answer - stage.data.reference[i]) < 1e-10);

        // A continued run reads them back in the same bits; another identity does not take them.
        const auto kept = stage.data.reference;
        const auto other = adaptedModel(at::kDouble, "full"); // would say something else
        requireOk(addReference(stage.data, *other, 40, file, "identity", {}));
        QCOMPARE(stage.data.reference, kept);
        requireOk(addReference(stage.data, *other, 40, file, "another", {}));
        QVERIFY(stage.data.reference != kept);
    }

    void mismatchedRowsAreTheBatchRotatedByOne() {
        TokenDataset data = test::preferenceRows(7, 2, false);
        const std::vector<TokenDataset::Row> before = data.rows;
        const std::vector<std::uint32_t> order{4, 2, 6, 0, 1, 5, 3}; // batches of three, the last with one
        requireOk(addMismatchedRows(data, order, 3, 0));
        QCOMPARE(data.rowsPerSample, std::size_t{2});
        QCOMPARE(data.samples(), 7);
        const std::map<std::uint32_t, std::uint32_t> answerOf{{4, 6}, {2, 4}, {6, 2}, {0, 5}, {1, 0}, {5, 1}, {3, 5}};
        for (const auto& [sample, partner] : answerOf) {
            QCOMPARE(data.rows[2 * sample].ids, before[sample].ids);
            const auto promptEnd = std::find(before[sample].trained.begin(), before[sample].trained.end(), true) - before[sample].trained.begin();
            const auto answerBegin = std::find(before[partner].trained.begin(), before[partner].trained.end(), true) - before[partner].trained.begin();
            std::vector<TokenId> expected(before[sample].ids.begin(), before[sample].ids.begin() + promptEnd);
            expected.insert(expected.end(), before[partner].ids.begin() + answerBegin, before[partner].ids.end());
            QCOMPARE(data.rows[2 * sample + 1].ids, expected);
            QCOMPARE(data.rows[2 * sample + 1].targets, before[partner].targets);
        }
        TokenDataset alone = test::preferenceRows(4, 2, false);
        const auto refused = addMismatchedRows(alone, permutation(4, 1, 0), 1, 0);
        QVERIFY(!refused && refused.error().hint.find("training.batch_size") != std::string::npos);
    }
};

ATTUNE_TEST(TestSequenceObjectives)
#include "tst_sequence_objectives.moc"
