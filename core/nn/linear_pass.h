// One linear layer with its adapters, forward and backward. Base and adapter are one product along a longer K:
// y = [x | x A^T] [W | s B]^T, and dy [W | s B] gives dx and d(x A^T) together. Engine thread only.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include <ATen/core/Tensor.h>

#include "core/nn/causal_lm.h"
#include "core/nn/pass_buffers.h"

namespace attune {

/// What the layers of one pass share.
struct LinearContext {
    bool adapters = true;                            // adapters take part
    bool dropout = false;                            // and their dropout is on
    std::uint64_t dropoutKey = 0, dropoutStream = 0; // a part's stream is dropoutStream + its number in the model
    Buffer scratch;                                  // one dropped-out input [T, in]
    std::map<std::string, double>* times = nullptr;
};

class LinearPass {
public:
    /// `firstPart`: the number of the layer's first part in the model (dropout streams).
    LinearPass(Linear& linear, std::uint64_t firstPart) : m_linear(&linear), m_firstPart(firstPart) {}

    /// Columns of the layer's input and input-gradient buffers: in + ranks of the adapters.
    std::int64_t inputWidth() const { return m_linear->inFeatures() + m_linear->adapterRank(); }
    /// Columns to keep from forward to backward (scale * x A^T).
    std::int64_t keptWidth() const { return m_linear->adapterRank(); }
    bool trained(const LinearContext& context) const;

    /// input [T, inputWidth] with x in its first columns (the others are written); y = W x + b + adapters (+
    /// addend, the residual stream). addend and kept may be undefined.
    void forward(LinearContext& context, const at::Tensor& input, const at::Tensor& y, const at::Tensor& addend,
                 const at::Tensor& kept) const;
    /// Only the adapters' part of forward: x A^T into the columns behind x, and kept. Nothing without adapters.
    void adapterForward(LinearContext& context, const at::Tensor& input, const at::Tensor& kept) const;
    /// dInput [T, inputWidth]: dx in the first columns when wantInput, and the adapters' inner gradient in the others.
    void inputGradient(LinearContext& context, const at::Tensor& dy, const at::Tensor& dInput, bool wantInput) const;
    /// Accumulates into the gradients of everything trained here. input holds x, dInput comes from inputGradient.
    void parameterGradients(LinearContext& context, const at::Tensor& dy, const at::Tensor& input,
                            const at::Tensor& dInput, const at::Tensor& kept) const;

private:
    // The large product alone.
    void product(LinearContext& context, const at::Tensor& input, const at::Tensor& y, const at::Tensor& addend) const;
    bool adapted(const LinearContext& context) const { return context.adapters && m_linear->adapterRank() > 0; }
    template <class F>
    void eachAdapter(F&& f) const;
    at::Tensor dropped(LinearContext& context, const LoraAdapter& adapter, std::uint64_t part,
                       const at::Tensor& x) const;

    Linear* m_linear;
    std::uint64_t m_firstPart;
};

} // namespace attune
