#include "core/nn/training_pass.h"

#include <algorithm>
#include <utility>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "core/nn/block_pass.h"

namespace attune {

namespace {

// Libraries throw; here their exceptions become values.
template <class F>
auto guarded(F&& f) -> decltype(f()) {
    try {
        return f();
    } catch (const std::bad_alloc&) {
        return fail(ErrorCode::OutOfMemory, "Not enough memory for this batch.",
                    "Use fewer tokens per micro-batch or a smaller model.");
    } catch (const std::exception& exception) {
        const std::string what = exception.what();
        const bool memory = what.find("memory") != std::string::npos;
        return fail(memory ? ErrorCode::OutOfMemory : ErrorCode::Internal, "The training pass failed: " + what,
                    memory ? "Use fewer tokens per micro-batch or a smaller model." : "");
    }
}

} // namespace

struct TrainingPass::Impl : BlockPass {
    using BlockPass::BlockPass;
};

TrainingPass::TrainingPass(CausalLm& model) : m_impl(std::make_unique<Impl>(model)) {}
TrainingPass::~TrainingPass() = default;

Status TrainingPass::forward(const PackedTokens& batch, const ForwardOptions& options) {
    m_impl->state = Impl::State::Empty;
    const std::int64_t promptTokens = m_impl->model.promptTokens();
    ATTUNE_CHECK(checkBatch(batch, m_impl->config, batch.promptIncluded ? promptTokens : 0));
    if (promptTokens > 0 && !batch.promptIncluded)
        return forward(withPrompt(batch, promptTokens), options);
    if (batch.firstRowIsPrefix && options.keepForBackward)
        return fail(ErrorCode::InvalidArgument, "Rows with a common prefix cannot be trained on.");
    return guarded([&]() -> Status {
        at::NoGradGuard noGrad;
        m_impl->forward(batch, options);
        return {};
    });
}

Result<at::Tensor> TrainingPass::hidden() {
    ATTUNE_CHECK(m_impl->needs(m_impl->state == Impl::State::Forwarded || m_impl->state == Impl::State::Evaluated,
                               "hidden states before forward"));
    return m_impl->residualAt(m_impl->model.blocks.size());
}

Result<at::Tensor> TrainingPass::targetLogProbs(TargetFacts* facts) {
    ATTUNE_CHECK(m_impl->needs(m_impl->state != Impl::State::Empty, "log-probabilities before forward"));
    return guarded([&]() -> Result<at::Tensor> {
        at::NoGradGuard noGrad;
        return m_impl->headSweep({}, facts ? &facts->numbers : nullptr);
    });
}

Result<at::Tensor> TrainingPass::targetLogProbsWithGradient(const at::Tensor& weights, bool timesProbability, TargetFacts* facts) {
    ATTUNE_CHECK(m_impl->needs(m_impl->state == Impl::State::Forwarded, "a gradient before forward"));
    return guarded([&]() -> Result<at::Tensor> {
        at::NoGradGuard noGrad;
        ATTUNE_ASSIGN(at::Tensor given, m_impl->perTarget(weights, "weight"));
        return m_impl->headSweep({.weights = std::move(given), .timesProbability = timesProbability}, facts ? &facts->numbers : nullptr);
    });
}

Status TrainingPass::setLogProbGradient(const at::Tensor& gradient) {
    ATTUNE_CHECK(targetLogProbsWithGradient(-gradient));
    return {};
}

Result<at::Tensor> TrainingPass::targetValues() {
    ATTUNE_CHECK(m_impl->needs(m_impl->state != Impl::State::Empty && m_impl->model.valueHead,
                               "values before forward or without a value head"));
    return guarded([&]() -> Result<at::Tensor> {
        at::NoGradGuard noGrad;
        return m_impl->head.values(*m_impl, m_impl->residualAt(m_impl->model.blocks.size()));
    });
}

Status TrainingPass::setLogProbAndValueGradient(const at::Tensor& gradient, const at::Tensor& valueGradient) {
    ATTUNE_CHECK(m_impl->needs(m_impl->state == Impl::State::Forwarded && m_impl->model.valueHead,
                               "a gradient before forward or without a value head"));
    return guarded([&]() -> Status {
        at::NoGradGuard noGrad;
        ATTUNE_ASSIGN(const at::Tensor weights, m_impl->perTarget(-gradient, "gradient"));
        ATTUNE_ASSIGN(const at::Tensor ofValues, m_impl->perTarget(valueGradient, "gradient of a value"));
        m_impl->headSweep({.weights = weights, .valueGradient = ofValues});
        return {};
    });
}

Result<at::Tensor> TrainingPass::rowScores() {
    ATTUNE_CHECK(m_impl->needs(m_impl->state != Impl::State::Empty && m_impl->model.scoreHead,
                               "scores before forward or without a score head"));
    return guarded([&]() -> Result<at::Tensor> {
        at::NoGradGuard noGrad;
        return m_impl->scoreSweep({});
    });
}

Status TrainingPass::setScoreGradient(const at::Tensor& gradient) {
    ATTUNE_CHECK(m_impl->needs(m_impl->state == Impl::State::Forwarded && m_impl->model.scoreHead,
                               "a gradient before forward or without a score head"));
    const auto rows = static_cast<std::int64_t>(m_impl->layout.rowStarts.size()) - 1;
    if (gradient.dim() != 1 || gradient.size(0) != rows)
        return fail(ErrorCode::InvalidArgument, "One gradient per row is needed: " + std::to_string(rows) + " rows, " +
                                                    std::to_string(gradient.numel()) + " gradients.");
    return guarded([&]() -> Status {
        at::NoGradGuard noGrad;
        m_impl->scoreSweep(gradient.to(m_impl->device, m_impl->master).contiguous());
        return {};
    });
}

Status TrainingPass::backward() {
    ATTUNE_CHECK(m_impl->needs(m_impl->state == Impl::State::GradientSet, "backward without a gradient"));
    return guarded([&]() -> Status {
        at::NoGradGuard noGrad;
        m_impl->backward();
        return {};
    });
}

void TrainingPass::setActivationPolicy(ActivationPolicy policy) {
    m_impl->policy = policy;
}

void TrainingPass::balanceRouters(double weightPerToken) {
    m_impl->routerLossPerToken = weightPerToken;
}

double TrainingPass::takeRouterLoss() {
    return std::exchange(m_impl->routerLossSum, 0.0);
}

void TrainingPass::collectSquares(SquaresOfAdapted* squares) {
    m_impl->context.squares = squares;
}

void TrainingPass::releaseBuffers() {
    for (Buffer* buffer : m_impl->buffers())
        buffer->release();
    m_impl->attentionScratch = {};
    m_impl->state = Impl::State::Empty;
}

std::int64_t TrainingPass::bufferBytes() const {
    std::int64_t bytes = 0;
    for (const Buffer* buffer : m_impl->buffers())
        bytes += buffer->bytes();
    return bytes + attentionScratchBytes();
}

std::int64_t TrainingPass::attentionScratchBytes() const {
    std::int64_t bytes = 0;
    for (const at::Tensor& scratch : {m_impl->attentionScratch.bytes, m_impl->attentionScratch.slots})
        if (scratch.defined())
            bytes += scratch.numel() * static_cast<std::int64_t>(scratch.element_size());
    return bytes;
}

void TrainingPass::collectTimes(std::map<std::string, double>* times) {
    m_impl->times = times;
}

} // namespace attune
