// One linear layer with its adapters, forward and backward. Base and adapter are one product along a longer K:
// y = [x | x A^T] [W | s B]^T, and dy [W | s B] gives dx and d(x A^T) together. Engine thread only.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include <ATen/core/Tensor.h>

#include "core/nn/causal_lm.h"
#include "core/nn/pass_buffers.h"
#include "core/nn/training_pass.h"

namespace attune {

/// What the layers of one pass share.
struct LinearContext {
    at::ScalarType type = at::kFloat;                // what products compute in
    bool adapters = true;                            // adapters take part
    bool dropout = false;                            // and their dropout is on
    std::uint64_t dropoutKey = 0, dropoutStream = 0; // a part's stream is dropoutStream + its number in the model
    Buffer scratch;                                  // one dropped-out input [T, in]
    Buffer outputs, outputGradient;                  // with DoRA: a layer's output before its rows are scaled, [T, out]
    Buffer unpacked;                                 // a packed layer's weight for one product [out, in + R]
    std::map<std::string, double>* times = nullptr;
    SquaresOfAdapted* squares = nullptr; // see TrainingPass::collectSquares
    const LayerInputSink* inputs = nullptr; // sees what the layers read
};

class LinearPass {
public:
    /// `firstPart`: the number of the layer's first part in the model (dropout streams).
    LinearPass(Linear& linear, std::uint64_t firstPart) : m_linear(&linear), m_firstPart(firstPart) {}

    /// Columns of the layer's input and input-gradient buffers: in + ranks of the adapters.
    std::int64_t inputWidth() const { return m_linear->inFeatures() + m_linear->adapterRank(); }
    /// Columns to keep from forward to backward: scale * x A^T, and with DoRA the output before its rows are scaled.
    std::int64_t keptWidth() const {
        return m_linear->adapterRank() + (m_linear->rowScale.defined() ? m_linear->outFeatures() : 0);
    }
    bool trained(const LinearContext& context) const;
    std::int64_t inFeatures() const { return m_linear->inFeatures(); }
    std::int64_t outFeatures() const { return m_linear->outFeatures(); }
    /// Some adapter leaves out a share of its input while training; DoRA scales the rows of the output.
    bool dropsInput() const {
        return std::any_of(m_linear->parts.begin(), m_linear->parts.end(),
                           [](const LinearPart& part) { return part.lora && part.lora->dropout > 0.0; });
    }
    bool scalesOutput() const { return m_linear->rowScale.defined(); }

    /// input [T, inputWidth] with x in its first columns (the others are written); y = W x + b + adapters (+
    /// addend, the residual stream). addend and kept may be undefined.
    void forward(LinearContext& context, const at::Tensor& input, const at::Tensor& y, const at::Tensor& addend,
                 const at::Tensor& kept) const;
    /// Only what forward keeps: x A^T into the columns behind x, and kept. Nothing without adapters.
    void forwardKept(LinearContext& context, const at::Tensor& input, const at::Tensor& kept) const;
    /// dOutput [T, out]; dInput [T, inputWidth]: dx in the first columns when wantInput, and the adapters' inner gradient in the others.
    void inputGradient(LinearContext& context, const at::Tensor& dOutput, const at::Tensor& dInput, bool wantInput) const;
    /// Accumulates into the gradients of everything trained here. input holds x, dInput comes from inputGradient.
    void parameterGradients(LinearContext& context, const at::Tensor& dy, const at::Tensor& input,
                            const at::Tensor& dInput, const at::Tensor& kept) const;

private:
    // The large product alone; `weight` comes from weights().
    void product(LinearContext& context, const at::Tensor& weight, const at::Tensor& input, const at::Tensor& y,
                 const at::Tensor& addend, const at::Tensor& kept) const;
    // [out, in], or with `withAdapters` [out, in + R]: in place, or unpacked into the context's buffer (until the next
    // call).
    at::Tensor weights(LinearContext& context, bool withAdapters) const;
    bool adapted(const LinearContext& context) const {
        return m_linear->adapterRank() > 0 && (context.adapters || m_linear->needsStart);
    }
    bool scaled(const LinearContext& context) const { return adapted(context) && m_linear->rowScale.defined(); }
    void adapterForward(LinearContext& context, const at::Tensor& input, const at::Tensor& kept) const;
    // Where the output stands before its rows are scaled: behind the kept columns, or in the context's buffer.
    at::Tensor unscaled(LinearContext& context, const at::Tensor& kept, std::int64_t tokens) const;
    // The gradient of that output: dy itself without DoRA.
    at::Tensor unscaledGradient(LinearContext& context, const at::Tensor& dy) const;
    template <class F>
    void eachAdapter(F&& f) const;
    at::Tensor dropped(LinearContext& context, const LoraAdapter& adapter, std::uint64_t part,
                       const at::Tensor& x) const;

    Linear* m_linear;
    std::uint64_t m_firstPart;
};

} // namespace attune
