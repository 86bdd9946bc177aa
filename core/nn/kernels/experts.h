// The loops of a mixture of experts: which experts a token goes to, its row gathered for each of them, and their rows added
// up again. CPU only. T is the compute type of activations, A the arithmetic type (f32, f64 in f64 models). Results depend
// on nothing but the inputs.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <ATen/core/Tensor.h>

namespace attune::kernels {

/// Rows of one expert are rounded up to this: products see fewer different sizes.
constexpr std::int64_t kExpertRows = 16;
/// Rows that the experts' inputs take at most.
constexpr std::int64_t mostExpertRows(std::int64_t tokens, std::int64_t perToken, std::int64_t experts) {
    return tokens * perToken + kExpertRows * experts;
}

/// One token's choice: logits [n] become softmax(logits); the k most likely (of equal ones the first) go to `chosen`, the most
/// likely first, and their probabilities to `weights`, divided by their sum with `renormalize`.
template <class A>
void chooseExperts(std::span<A> logits, std::int64_t k, bool renormalize, std::int32_t* chosen, A* weights);

/// Who works on what; tensors are the caller's memory.
struct ExpertRows {
    at::Tensor probabilities; // [T, experts] A
    at::Tensor chosen, slots; // [T, k] int32: the experts of a token, and its rows among all experts' rows
    at::Tensor tokens;        // [R] int32: the token of each row, -1 for padding
    at::Tensor weights;       // [R] A: what the row counts in its token's output; 0 for padding
};

/// `rows.probabilities` holds the router's logits and becomes their softmax; the first `count` tokens get k experts each.
/// begins [experts + 1]: where each expert's rows begin, in multiples of kExpertRows. tokensOf [experts]: real rows of each.
void routeTokens(const ExpertRows& rows, std::int64_t count, bool renormalize, std::vector<std::int64_t>& begins,
                 std::vector<std::int64_t>& tokensOf);

/// to[r] = from[tokens[r]], zeros for padding, for rows [0, count); from [T, W], to [R, W], rows of both may have a stride.
void gatherRows(const at::Tensor& from, const at::Tensor& tokens, std::int64_t count, const at::Tensor& to);

/// sum[t] = x[t] + the sum of out over the token's rows, A; tokens from `count` on get x alone.
void addExpertRows(const at::Tensor& out, const at::Tensor& slots, std::int64_t count, const at::Tensor& x, const at::Tensor& sum);
/// dx[t] += the sum of dRows over the token's rows, T; rows of both may have a stride.
void addExpertGradients(const at::Tensor& dRows, const at::Tensor& slots, std::int64_t count, const at::Tensor& dx);

/// y[r] *= weights[r], T.
void scaleExpertRows(const at::Tensor& y, const at::Tensor& weights);
/// From the gradient of weighted rows, dy [n, W]: dWeights[r] = <y[r], dy[r]>, then dy[r] *= weights[r].
void expertWeightGradient(const at::Tensor& y, const at::Tensor& weights, const at::Tensor& dy, const at::Tensor& dWeights);

/// The gradient of the router's logits [T, experts] T from that of the rows' weights; with `balance` (A's numbers as doubles,
/// one per expert, or empty) also of sum_t sum_e balance[e] probabilities[t, e]. Tokens from `count` on get zeros.
void routerGradient(const ExpertRows& rows, const at::Tensor& dWeights, std::int64_t count, bool renormalize,
                    std::span<const double> balance, const at::Tensor& dLogits);

} // namespace attune::kernels
