// The mixture of experts of one block, forward and backward by hand over packed rows: the router's choice, each expert's rows
// gathered so that an expert is one product over them, and their sum. Of BlockPass; engine thread only.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/nn/kernels/experts.h"
#include "core/nn/linear_pass.h"
#include "core/nn/pass_buffers.h"

namespace attune {

/// What a batch has in common for all blocks.
struct ExpertBatch {
    std::int64_t tokens = 0, count = 0; // rounded up; real ones
    at::ScalarType type = at::kFloat, master = at::kFloat;
};

class ExpertPass {
public:
    /// The layers of one block; without experts `mlps` is empty.
    struct Layers {
        struct Mlp {
            LinearPass gateUp, down;
        };
        LinearPass router;
        std::vector<Mlp> mlps;
        /// Takes the block's parts from number `firstPart` on.
        Layers(Block& block, std::uint64_t firstPart);
        bool upTrained(const LinearContext& context) const; // the router or some gate or up
        bool downTrained(const LinearContext& context) const;
    };
    /// Of one block from forward to backward.
    struct Kept {
        Buffer probabilities, chosen, slots, tokens, weights, gateUp, keptRouter, keptUp, keptDown;
        std::vector<std::int64_t> begins, tokensOf; // rows of each expert
        std::vector<double> probabilitySums;        // over the tokens, of each expert
        std::vector<Buffer*> all() {
            return {&probabilities, &chosen, &slots, &tokens, &weights, &gateUp, &keptRouter, &keptUp, &keptDown};
        }
    };

    explicit ExpertPass(const ModelConfig& config) : m_config(config) {}

    /// input [T, H + ranks of the router] holds the normed residuals; next = x + the experts' outputs. `next` undefined: only
    /// what backward needs. With `keeping` the adapters' inner values are kept.
    void forward(const ExpertBatch& batch, const Layers& layers, Kept& keep, LinearContext& context, const at::Tensor& input,
                 const at::Tensor& x, const at::Tensor& next, bool keeping);
    /// dy [T, H]: the gradient of the sum of outputs. `down` of the flags: something below the experts' last products is
    /// trained; `up`: something below their input. dInput [T, H + ranks of the router] becomes the input's gradient (with
    /// `up`). normed() writes the normed residuals into input again, where they are needed. balance: see routerGradient.
    struct Below {
        bool down, up;
    };
    template <class Normed>
    void backward(const ExpertBatch& batch, const Layers& layers, Kept& keep, LinearContext& context, const at::Tensor& dy, Below below,
                  std::span<const double> balance, const at::Tensor& input, const at::Tensor& dInput, Normed&& normed) {
        const bool needsInput = layers.upTrained(context);
        if (needsInput)
            normed();
        backwardOf(batch, layers, keep, context, dy, below, balance, needsInput ? input : at::Tensor(), dInput);
    }

    std::vector<Buffer*> buffers() {
        return {&m_inputs, &m_inputGradients, &m_inner, &m_innerGradients, &m_outputs, &m_outputGradients, &m_weightGradients, &m_logitGradients};
    }

private:
    void backwardOf(const ExpertBatch& batch, const Layers& layers, Kept& keep, LinearContext& context, const at::Tensor& dy, Below below,
                    std::span<const double> balance, const at::Tensor& input, const at::Tensor& dInput);
    kernels::ExpertRows rowsOf(const ExpertBatch& batch, Kept& keep) const;
    std::int64_t mostRows(const ExpertBatch& batch) const {
        return kernels::mostExpertRows(batch.tokens, m_config.expertsPerToken, m_config.experts);
    }
    // Buffers that grow with an expert's rows are made as large as they can become, so that their size is known before.
    void reserve(const ExpertBatch& batch, const Layers& layers, LinearContext& context) const;

    const ModelConfig& m_config;
    // Shared by all blocks, a row for each of all experts' rows: gathered inputs, the MLPs' inner values, outputs, and their gradients.
    Buffer m_inputs, m_inputGradients, m_inner, m_innerGradients, m_outputs, m_outputGradients, m_weightGradients, m_logitGradients;
};

} // namespace attune
