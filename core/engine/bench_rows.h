// The rows that training benchmarks run on: equal ones of random ids, or the lengths of a real data set (the ids do not
// change the work), packed as training packs them or padded as a collator pads a batch.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/json.h"
#include "core/base/result.h"
#include "core/base/rng.h"
#include "core/nn/training_pass.h"

namespace attune {

struct BenchRow {
    std::int64_t tokens = 0, targets = 0; // targets: the last ones, at most tokens - 1
};

enum class RowLayout {
    Packed, // rows end to end, best fit into the micro-batch's budget
    Padded, // a fixed number of rows at once, each filled up to the longest of them: what a padding collator makes of a device batch
};
/// "packed" or "padded".
Result<RowLayout> rowLayout(const std::string& name);

/// options["rows"] = [[tokens, targets], ...] cut to `context` tokens, in the shuffled order of a first epoch (a file may be sorted, which
/// would spare a padded run its padding), or without it `batch` rows of `seq` tokens. Errors: InvalidArgument.
Result<std::vector<BenchRow>> benchRows(const Json& options, std::int64_t batch, std::int64_t seq, std::int64_t context);

struct RowPacking {
    RowLayout layout = RowLayout::Packed;
    std::int64_t microBatchTokens = 512; // Packed: tokens at once, at most
    std::int64_t deviceBatch = 8;        // Padded: rows at once (8 is the default of Hugging Face's Trainer)
};

/// The micro-batches of one step over `rows`, with random ids below `vocabulary`.
std::vector<PackedTokens> benchMicroBatches(const std::vector<BenchRow>& rows, const RowPacking& packing, std::int64_t vocabulary, Rng& rng);

/// The products that no step over these rows can avoid (performance.md, section 1): forward 2 N and backward 2 N of every
/// weight a product reads, 2 N more where a weight is trained, the head for targets only, attention over the causal half.
/// (The gradient to the input of the first block is counted, though adapters do not need it: 0.2 % at 30 layers.)
double unavoidableFlop(CausalLm& model, const std::vector<BenchRow>& rows);

} // namespace attune
