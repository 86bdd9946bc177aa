// Causal attention over packed rows (FlashAttention's idea, Dao et al. 2022, on a CPU): blocks of queries, the heads of
// a group stacked on their one key/value head, the log-sum-exp kept and the probabilities recomputed in backward. Never
// T x T.
#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

namespace attune::kernels {

/// q [kvHeads, T, group, headDim] (already scaled), k, v [kvHeads, T, headDim]; T may be larger than the last row's
/// end: what lies behind must be finite and is neither read into results nor written.
struct AttentionLayout {
    std::vector<std::int32_t> rowStarts; // [rows + 1]
    std::int64_t tokens = 0, kvHeads = 0, group = 0, headDim = 0;
    // Forward only: the first row precedes all others, which attend to the whole of it as well.
    bool firstRowIsPrefix = false;
    std::int64_t window = 0; // a token sees itself and window - 1 tokens before it; 0 = all
    double softCap = 0.0;    // scores become softCap * tanh(score / softCap); 0 = as they are
    /// Keys of the first row that row `row` attends to beside its own.
    std::int64_t prefixOf(std::size_t row) const { return firstRowIsPrefix && row > 0 ? rowStarts[1] - rowStarts[0] : 0; }
};

/// Scratch memory that survives from one call to the next.
struct AttentionScratch {
    at::Tensor bytes, slots;

    /// Memory for the work of all threads; 64-byte aligned, its contents undefined.
    char* take(std::int64_t count);
    /// `count` floats or doubles for the sums over blocks.
    void* takeSlots(std::int64_t count, at::ScalarType type);
};

/// o [T, >= heads * headDim] (rows may have a stride), logSumExp [kvHeads, T, group].
void attentionForward(const AttentionLayout& layout, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                      const at::Tensor& o, const at::Tensor& logSumExp, AttentionScratch& scratch);

/// dq in T, dk and dv in A; all of them zero behind the rows. o and dO as in attentionForward.
void attentionBackward(const AttentionLayout& layout, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                       const at::Tensor& o, const at::Tensor& dO, const at::Tensor& logSumExp, const at::Tensor& dq,
                       const at::Tensor& dk, const at::Tensor& dv, AttentionScratch& scratch);

namespace reference {
void attentionForward(const AttentionLayout& layout, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                      const at::Tensor& o, const at::Tensor& logSumExp);
void attentionBackward(const AttentionLayout& layout, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                       const at::Tensor& o, const at::Tensor& dO, const at::Tensor& logSumExp, const at::Tensor& dq,
                       const at::Tensor& dk, const at::Tensor& dv);
} // namespace reference

} // namespace attune::kernels
