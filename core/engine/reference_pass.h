// What the reference model says of a data set's answers, and the mismatched rows some objectives need. The reference is the
// model the run starts from: with an adapter the same network with the adapter off, otherwise the weights before the first
// step. Its log-probabilities are computed once per row. Engine thread.
#pragma once

#include <string>

#include "core/base/files.h"
#include "core/base/progress.h"
#include "core/engine/sample_rows.h"

namespace attune {

/// Gives every sample a further row: its prompt with the answer of a batch neighbour. `order` is the first epoch's order of
/// samples; within each of its batches of `batchSize` the answers are rotated by one ((x1, yn), (x2, y1) ...), as the field's
/// reference implementation does; a batch of one takes the answer of the sample before it. The pairing stays for the run.
/// Errors: InvalidData (fewer than two samples).
Status addMismatchedRows(TokenDataset& data, std::span<const std::uint32_t> order, std::int64_t batchSize, std::size_t maxLength);

/// Summed log-probability of every row's answer, into data.reference. `file`: where they are kept for a continued run; used
/// when it was written for the same `identity`. restWeight: ObjectiveNeeds::restWeight. Errors: Cancelled, OutOfMemory, Io.
Status addReference(TokenDataset& data, CausalLm& model, std::int64_t microBatchTokens, const fs::path& file,
                    const std::string& identity, const Progress& progress, double restWeight = 1);

} // namespace attune
