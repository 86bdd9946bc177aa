// The end of a training pass: final norm, head and cross entropy over the target positions only, in chunks, so that the
// matrix of all logits never exists; the gradient in the same sweep, in the logits' own memory. Engine thread.
#pragma once

#include <map>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "core/nn/causal_lm.h"
#include "core/nn/pass_batch.h"
#include "core/nn/pass_buffers.h"

namespace attune {

class HeadPass {
public:
    explicit HeadPass(CausalLm& model) : m_model(model) {}

    /// logits [n, V] of residuals x [n, H] in the compute type: final norm, head, bias, multiplier and soft cap. normed [n, H],
    /// statistics [2, n].
    static void logits(const CausalLm& model, const at::Tensor& x, const at::Tensor& normed, const at::Tensor& statistics,
                       const at::Tensor& logits, std::map<std::string, double>* times = nullptr);

    struct Sweep {
        at::Tensor weights = {};       // [N], undefined: no gradient
        bool timesProbability = false; // with weights_i * e^logP_i, a constant, instead of weights_i
        double temperature = 1;        // log-probabilities of logits / temperature
        at::Tensor valueGradient = {}; // [N], with weights only: sum_i valueGradient_i * value_i is added to the loss
    };
    /// hidden: the last residuals [tokens, H]. Returns the log-probabilities of the targets. With weights also writes
    /// dHidden [tokens, H] = gradient of sum_i weights_i * (-logP_i) and accumulates those of head, value head and final norm.
    /// `facts` (may be null): TargetFacts' numbers, [N, 4].
    at::Tensor sweep(const PassBatch& batch, const at::Tensor& hidden, const Sweep& wanted, const at::Tensor& dHidden,
                     std::map<std::string, double>* times, at::Tensor* facts = nullptr);
    /// The value head at each target's position: [N] master type.
    at::Tensor values(const PassBatch& batch, const at::Tensor& hidden);
    /// The score head at the last position of each row: [rows] master type. With gradient [rows] (may be undefined) also
    /// writes dHidden = gradient of sum_i gradient_i * score_i and accumulates those of score head and final norm.
    at::Tensor scores(const PassBatch& batch, const at::Tensor& hidden, const at::Tensor& gradient,
                      const at::Tensor& dHidden, std::map<std::string, double>* times);
    std::vector<Buffer*> buffers() {
        return {&m_logits, &m_hidden, &m_normed, &m_statistics, &m_dNormed, &m_dHidden, &m_sums};
    }

private:
    std::int64_t chunkRows() const;
    void chunkBackward(const at::Tensor& logits, const at::Tensor& x, const at::Tensor& normed,
                       const at::Tensor& statistics, const at::Tensor& dRows, const at::Tensor& valueGradient,
                       std::map<std::string, double>* times);
    void normBackward(const at::Tensor& dNormed, const at::Tensor& x, const at::Tensor& statistics,
                      const at::Tensor& dRows, std::map<std::string, double>* times);

    CausalLm& m_model;
    Buffer m_logits, m_hidden, m_normed, m_statistics, m_dNormed, m_dHidden, m_sums;
};

} // namespace attune
