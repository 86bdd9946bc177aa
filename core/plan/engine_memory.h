// What the engine allocates for a training run, tensor by tensor: the same counts as core/nn makes, without libtorch. The
// tests in tests/engine compare each part with the real tensors.
#pragma once

#include <cstdint>
#include <vector>

#include "core/model_files/model_config.h"
#include "core/plan/run_config.h"

namespace attune {

/// The linear layers of one block as users know them; gate is missing (out = 0) where the MLP is not gated.
struct BlockLinear {
    const char* name;
    std::int64_t in, out;
    std::int64_t rank = 0; // of its adapter, 0 = none
};
/// q, k, v, o, and gate, up, down of the MLP or of one expert after the other, with the ranks that the configured method gives
/// them. Settings that do not suit the model count as if they were not set. Routers are not among them: no method adapts them.
using BlockLinears = std::vector<BlockLinear>;
std::vector<BlockLinears> blockLinears(const ModelConfig& model, const RunConfig& config, const Catalog& catalog);

/// A trained tensor (a vector is one row) and how many of its kind there are.
struct TrainedTensor {
    std::int64_t rows, columns, count;
};
std::vector<TrainedTensor> trainedTensors(const ModelConfig& model, const RunConfig& config, const Catalog& catalog);

/// Bytes of everything the model holds but gradients: base weights in the compute type (`typeBytes` a number; norms are
/// f32), masters, and adapters with their copies inside the widened weights.
std::int64_t weightBytes(const ModelConfig& model, const RunConfig& config, const Catalog& catalog,
                         std::int64_t typeBytes);
std::int64_t gradientBytes(const ModelConfig& model, const RunConfig& config, const Catalog& catalog);
/// Of the configured optimizer; AdamW's where the catalog does not say.
std::int64_t optimizerBytes(const ModelConfig& model, const RunConfig& config, const Catalog& catalog);
/// Copies that the configured protection keeps of what is trained: reference weights, importances; directions of adapters' inputs, at most.
std::int64_t protectionBytes(const ModelConfig& model, const RunConfig& config, const Catalog& catalog);

/// The protection null_space keeps at most so many directions of a layer's input of `in` numbers.
std::int64_t heldDirections(std::int64_t in);

/// What goes through the model at once.
struct PassShape {
    std::int64_t tokens = 0, targets = 0; // of the largest micro-batch
    std::int64_t typeBytes = 4;
    bool recompute = false;
    int threads = 1;
    bool forwardOnly = false; // nothing is kept and no gradient made
};
/// Buffers of TrainingPass after a training step over such a micro-batch: what blocks keep, what they share, and the chunk
/// of logits, to the byte.
std::int64_t passBytes(const ModelConfig& model, const RunConfig& config, const Catalog& catalog, const PassShape& shape);
/// Of answers that the model writes while training (0 for other objectives): the pass over their prompts and the caches of those written at once,
/// promptTokens being the longest prompt, the reference model where it cannot be the trained one with its adapter off, and the reward model's state.
std::int64_t ownAnswerBytes(const ModelConfig& model, const RunConfig& config, const Catalog& catalog, std::int64_t promptTokens,
                            const PassShape& shape);
/// While watched answers are written, when training's buffers are free: the passes over the prompts, which are at most promptTokens long, the
/// caches of their keys and values, and the logits. 0 where a run writes none.
std::int64_t watchedAnswerBytes(const ModelConfig& model, const RunConfig& config, const Catalog& catalog, std::int64_t promptTokens,
                                const PassShape& shape);
/// While the result is written, when training's buffers are free: of a whole model the largest tensor in f32 and in the type of its file, of
/// an adapter at most a copy of it.
std::int64_t resultBytes(const ModelConfig& model, const RunConfig& config, const Catalog& catalog);
/// Scratch memory of attention over that many tokens: at most this.
std::int64_t attentionBytes(const ModelConfig& model, const PassShape& shape);

} // namespace attune
