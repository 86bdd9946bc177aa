#include "core/engine/rollout_trainer.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include <ATen/ATen.h>

#include "core/base/rng.h"
#include "core/engine/base_only.h"
#include "core/engine/generate.h"
#include "core/engine/process_memory.h"
#include "core/engine/reward_gain.h"
#include "core/engine/rollout_metrics.h"

namespace attune {

namespace {

// Streams of random numbers of this file (core/base/rng.h).
constexpr std::uint64_t kWritingStream = 0x524c5752495445ull, kOrderStream = 0x524c4f52444552ull; // "RLWRITE", "RLORDER"

constexpr const char* kValueStart = "value_start"; // carried: what the value head expected of every token at first

std::uint64_t seedOf(std::uint64_t seed, std::uint64_t stream, std::uint64_t counter) {
    const auto words = philox(seed, stream, counter);
    return std::uint64_t{words[0]} << 32 | words[1];
}

} // namespace

struct RolloutTrainer::Written {
    std::vector<const TokenDataset::Row*> prompts; // of each answer
    std::vector<GeneratedText> answers;
    std::vector<Rollout> rollouts;
    std::vector<std::vector<double>> scores; // of each answer, by the rewards' parts, and the reward model's
    std::int64_t answerTokens(std::size_t i) const { return static_cast<std::int64_t>(answers[i].tokens.size()); }
    // The answer's last token is predicted but need not be read.
    std::int64_t rowTokens(std::size_t i) const { return static_cast<std::int64_t>(prompts[i]->ids.size()) + answerTokens(i) - 1; }
    std::vector<std::int64_t> lengths(std::span<const std::uint32_t> members) const {
        std::vector<std::int64_t> lengths;
        for (const std::uint32_t member : members)
            lengths.push_back(rowTokens(member));
        return lengths;
    }
    std::vector<std::uint32_t> all() const {
        std::vector<std::uint32_t> members(answers.size());
        std::iota(members.begin(), members.end(), 0u);
        return members;
    }
};

RolloutTrainer::RolloutTrainer(RolloutParts parts, RolloutSettings settings)
    : m_parts(parts), m_settings(settings), m_plan(parts.objective.plan()), m_pass(*parts.loaded.model) {
    m_pass.setActivationPolicy(settings.activations);
    if (parts.reference)
        m_referencePass.emplace(*parts.reference);
}

void RolloutTrainer::releaseBuffers() {
    m_pass.releaseBuffers();
    if (m_referencePass)
        m_referencePass->releaseBuffers();
}

Result<std::optional<RolloutTrainer::Written>> RolloutTrainer::write(const PromptRows& rows, std::span<const std::uint32_t> prompts,
                                                                     std::int64_t answersEach, double temperature,
                                                                     std::uint64_t seed, const std::stop_token& stop) {
    Written written;
    std::vector<std::vector<std::int64_t>> ids;
    std::vector<std::uint32_t> rowOf; // of each answer
    for (std::size_t group = 0; group < prompts.size(); ++group)
        for (std::int64_t i = 0; i < answersEach; ++i) {
            const TokenDataset::Row& row = rows.data.rows[prompts[group]];
            ids.emplace_back(row.ids.begin(), row.ids.end());
            written.prompts.push_back(&row);
            written.rollouts.emplace_back().group = static_cast<std::int64_t>(group);
            rowOf.push_back(prompts[group]);
        }
    GenerateOptions options;
    options.sampling.temperature = temperature;
    options.sampling.seed = seed;
    options.sampling.maxTokens = m_plan.maxTokens;
    ATTUNE_ASSIGN(written.answers, generateTexts(m_parts.loaded, ids, options, stop, {}));
    // Caches and buffers of many sizes come and go with every step: without this the holes between them add up, a third more memory after a
    // hundred steps.
    returnFreedMemory();
    if (stop.stop_requested())
        return std::nullopt; // cut off answers
    ATTUNE_CHECK(score(rows, rowOf, written));
    return written;
}

Status RolloutTrainer::score(const PromptRows& rows, std::span<const std::uint32_t> rowOf, Written& written) {
    std::vector<double> judged;
    if (m_parts.judge) {
        std::vector<std::vector<Message>> conversations;
        for (std::size_t i = 0; i < written.answers.size(); ++i) {
            conversations.push_back(rows.messages[rowOf[i]]);
            conversations.back().push_back({"assistant", written.answers[i].text});
        }
        const double before = m_parts.judge->tokensRead();
        ATTUNE_ASSIGN(judged, m_parts.judge->score(conversations));
        m_forwardTokens += m_parts.judge->tokensRead() - before;
    }
    for (std::size_t i = 0; i < written.answers.size(); ++i) {
        Rollout& rollout = written.rollouts[i];
        rollout.ended = written.answers[i].finish == "stop";
        std::vector<double> scores = m_plan.rewards.scores({written.answers[i].text, rows.references[rowOf[i]], written.answerTokens(i)});
        rollout.reward = m_plan.rewards.total(scores) - (rollout.ended ? 0 : m_plan.missingEndPenalty);
        if (m_parts.judge) {
            rollout.reward += m_plan.rewardModelWeight * judged[i];
            scores.push_back(judged[i]);
        }
        written.scores.push_back(std::move(scores));
    }
    return {};
}

std::vector<std::string> RolloutTrainer::scoreNames() const {
    std::vector<std::string> names;
    for (const RewardMix::Part& part : m_plan.rewards.parts())
        names.push_back(part.id);
    if (m_parts.judge)
        names.push_back("reward_model");
    return names;
}

PackedTokens RolloutTrainer::pack(const Written& written, std::span<const std::uint32_t> members, std::vector<RowFacts>& facts) const {
    PackedTokens batch;
    batch.rowStarts.push_back(0);
    for (const std::uint32_t member : members) {
        const auto& prompt = written.prompts[member]->ids;
        const auto& answer = written.answers[member].tokens;
        batch.ids.insert(batch.ids.end(), prompt.begin(), prompt.end());
        batch.ids.insert(batch.ids.end(), answer.begin(), answer.end() - 1);
        batch.targets.insert(batch.targets.end(), prompt.size() - 1, -100);
        batch.targets.insert(batch.targets.end(), answer.begin(), answer.end());
        batch.rowStarts.push_back(static_cast<std::int32_t>(batch.ids.size()));
        RowFacts row;
        row.targets = row.answerTargets = static_cast<std::int64_t>(answer.size());
        facts.push_back(row);
    }
    return batch;
}

Status RolloutTrainer::ask(TrainingPass& pass, Written& written, std::vector<double> Rollout::*numbers,
                           std::vector<double> Rollout::*values) {
    const auto members = written.all();
    const auto distribute = [&](const at::Tensor& tensor, const std::vector<std::uint32_t>& group, std::vector<double> Rollout::*into) {
        const at::Tensor host = tensor.to(at::kCPU, at::kDouble).contiguous();
        const double* next = host.data_ptr<double>();
        for (const std::uint32_t member : group) {
            (written.rollouts[member].*into).assign(next, next + written.answerTokens(member));
            next += written.answerTokens(member);
        }
    };
    for (const auto& group : planMicroBatches(written.lengths(members), m_settings.microBatchTokens)) {
        std::vector<RowFacts> facts;
        const PackedTokens batch = pack(written, group, facts);
        ATTUNE_CHECK(pass.forward(batch, {.keepForBackward = false, .training = false, .temperature = m_plan.temperature}));
        m_forwardTokens += static_cast<double>(batch.tokens());
        ATTUNE_ASSIGN(const at::Tensor logProbs, pass.targetLogProbs());
        distribute(logProbs, group, numbers);
        if (values) {
            ATTUNE_ASSIGN(const at::Tensor expected, pass.targetValues());
            distribute(expected, group, values);
        }
    }
    return {};
}

Status RolloutTrainer::askReference(Written& written) {
    if (m_referencePass)
        return ask(*m_referencePass, written, &Rollout::reference, nullptr);
    const BaseOnly base(*m_parts.loaded.model);
    return ask(m_pass, written, &Rollout::reference, nullptr);
}

Status RolloutTrainer::update(std::int64_t step, Written& written, double learningRate, const Protect& protect, Outcome& outcome) {
    CausalLm& model = *m_parts.loaded.model;
    const std::size_t count = written.answers.size();
    const std::size_t parts = std::min(count, static_cast<std::size_t>(m_plan.miniBatches));
    std::map<std::string, double> sums;
    for (std::int64_t pass = 0; pass < m_plan.passes; ++pass) {
        std::vector<std::uint32_t> order = written.all();
        if (parts > 1)
            order = permutation(static_cast<std::uint32_t>(count), seedOf(m_settings.seed, kOrderStream, static_cast<std::uint64_t>(step)),
                                static_cast<std::uint64_t>(pass));
        for (std::size_t part = 0; part < parts; ++part) {
            const std::size_t begin = part * count / parts, end = (part + 1) * count / parts;
            const auto members = std::span<const std::uint32_t>(order).subspan(begin, end - begin);
            StepWindow window;
            window.targets = 0, window.samples = static_cast<double>(members.size());
            for (const std::uint32_t member : members)
                window.targets += static_cast<double>(written.answerTokens(member));
            double loss = 0;
            std::int64_t tokens = 0;
            const std::vector<std::int64_t> lengths = written.lengths(members);
            m_pass.balanceRouters(m_settings.routerLoss / static_cast<double>(std::accumulate(lengths.begin(), lengths.end(), std::int64_t{1})));
            for (const auto& group : planMicroBatches(lengths, m_settings.microBatchTokens)) {
                std::vector<std::uint32_t> rows;
                std::vector<const Rollout*> rollouts;
                for (const std::uint32_t index : group) {
                    rows.push_back(members[index]);
                    rollouts.push_back(&written.rollouts[rows.back()]);
                }
                std::vector<RowFacts> facts;
                const PackedTokens batch = pack(written, rows, facts);
                ATTUNE_ASSIGN(const ObjectiveOutput output,
                              m_parts.objective.trainMicroBatch(
                                  {.pass = m_pass, .batch = batch, .options = {}, .window = window, .rows = facts, .rollouts = rollouts}));
                loss += output.loss;
                for (const auto& [name, share] : output.metrics)
                    sums[name] += share;
                tokens += batch.tokens();
            }
            m_forwardTokens += static_cast<double>(tokens), m_backwardTokens += static_cast<double>(tokens);
            std::map<std::string, double> added;
            ATTUNE_ASSIGN(const double protecting, protect(tokens, added));
            if (m_settings.routerLoss > 0)
                added["aux_loss"] = m_pass.takeRouterLoss() / m_settings.routerLoss;
            for (const auto& [name, value] : added)
                sums[name] += value;
            loss += protecting;
            if (!std::isfinite(loss)) {
                outcome.notFinite = "the loss";
                return {};
            }
            const StepResult result = m_parts.optimizer.step(learningRate, m_settings.maxGradientNorm);
            if (!result.finite) {
                outcome.notFinite = "the gradient";
                return {};
            }
            if (m_parts.constraint)
                m_parts.constraint->apply();
            model.refreshComputeWeights();
            ++outcome.updates;
            outcome.loss += loss, outcome.gradientNorm += result.gradientNorm;
        }
    }
    const auto updates = static_cast<double>(outcome.updates);
    outcome.loss /= updates, outcome.gradientNorm /= updates;
    for (const auto& [name, sum] : sums)
        outcome.metrics[name] = sum / updates;
    return {};
}

// A head that expects nothing would misjudge every token by the mean reward. With lambda below 1 that error fades towards an answer's
// beginning: whitened, its first tokens would all count as bad and its last ones as good, whatever was scored, and answers would fall
// apart until the head has learned (Yuan et al. 2025, "What's Behind PPO's Collapse", value initialization bias).
double RolloutTrainer::startValueHead(const Written& written) {
    double mean = 0;
    for (const Rollout& rollout : written.rollouts)
        mean += rollout.reward / static_cast<double>(written.rollouts.size());
    at::NoGradGuard noGrad;
    m_parts.loaded.model->valueHead->bias.value.fill_(mean);
    return mean;
}

Result<std::optional<RolloutTrainer::Outcome>> RolloutTrainer::step(std::int64_t step, std::span<const std::uint32_t> prompts,
                                                                    double learningRate, std::map<std::string, double>& carried, const Protect& protect,
                                                                    const std::stop_token& stop) {
    m_forwardTokens = m_backwardTokens = 0;
    ATTUNE_ASSIGN(std::optional<Written> written,
                  write(m_parts.train, prompts, m_plan.answersPerPrompt, m_plan.temperature,
                        seedOf(m_settings.seed, kWritingStream, static_cast<std::uint64_t>(step)), stop));
    if (!written)
        return std::nullopt;
    Outcome outcome;
    addAnswerMetrics(outcome.metrics, scoreNames(), written->scores, written->rollouts, written->answers);
    double read = 0;
    for (std::size_t i = 0; i < written->answers.size(); ++i) {
        outcome.tokens += static_cast<std::int64_t>(written->prompts[i]->ids.size()) + written->answerTokens(i);
        outcome.targets += written->answerTokens(i);
        read += static_cast<double>(written->prompts[i]->ids.size());
    }
    if (m_plan.valueHead && !carried.contains(kValueStart))
        carried[kValueStart] = startValueHead(*written);
    if (m_plan.offPolicy() || m_plan.valueHead)
        ATTUNE_CHECK(ask(m_pass, *written, &Rollout::oldLogProbs, m_plan.valueHead ? &Rollout::oldValues : nullptr));
    if (m_plan.reference)
        ATTUNE_CHECK(askReference(*written));
    if (stop.stop_requested())
        return std::nullopt;
    m_parts.objective.assignAdvantages(written->rollouts, carried, outcome.metrics);
    ATTUNE_CHECK(update(step, *written, learningRate, protect, outcome));
    // What the step cost, to compare objectives at equal work: tokens written one by one, read, and learned from.
    outcome.metrics["compute/generated_tokens"] = static_cast<double>(outcome.targets);
    outcome.metrics["compute/forward_tokens"] = read + m_forwardTokens;
    outcome.metrics["compute/backward_tokens"] = m_backwardTokens;
    return outcome;
}

Result<std::optional<RolloutTrainer::Outcome>> RolloutTrainer::evaluate(std::map<std::string, double>& carried,
                                                                       const std::stop_token& stop) {
    const PromptRows& rows = *m_parts.validation;
    std::vector<std::uint32_t> prompts(std::min(rows.data.rows.size(), static_cast<std::size_t>(m_plan.validationPrompts)));
    std::iota(prompts.begin(), prompts.end(), 0u);
    ATTUNE_ASSIGN(const std::optional<Written> written, write(rows, prompts, 1, 0, 0, stop));
    if (!written)
        return std::nullopt;
    Outcome outcome;
    addAnswerMetrics(outcome.metrics, scoreNames(), written->scores, written->rollouts, written->answers);
    std::vector<double> rewards;
    for (std::size_t i = 0; i < written->answers.size(); ++i) {
        outcome.targets += written->answerTokens(i);
        rewards.push_back(written->rollouts[i].reward);
    }
    addRewardGain(rewards, carried, outcome.metrics);
    outcome.loss = -outcome.metrics.at("reward");
    return outcome;
}

} // namespace attune
