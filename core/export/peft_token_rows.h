// Rows of the embedding in a PEFT adapter (trainable_token_indices): one tensor of whole rows in the order of the ids in the config. Of a
// model whose head is its embedding the rows are the head's as well; both hold here. Engine thread.
#pragma once

#include <optional>
#include <string>

#include "core/families/model_family.h"
#include "core/model_files/safetensors.h"
#include "core/nn/causal_lm.h"

namespace attune {

/// The tensor's name for this model, "base_model.model.model.embed_tokens.token_adapter.trainable_tokens_delta" in Llama's. It holds the rows
/// themselves, not their difference to the base's.
std::string tokenRowsTensor(const ModelFamily& family, const CausalLm& model);
/// Whether an adapter's tensor is one of token rows, the embedding's or another module's.
bool isTokenRowsTensor(const std::string& name);

struct ReadTokenRows {
    std::vector<std::int64_t> ids;
    at::Tensor values; // [ids, H] in the master type
};
/// Nothing where the adapter has none. Errors: InvalidData (ids that are no tokens of the model or are there twice, rows that are missing or do
/// not fit), Unsupported (rows of a head that is a matrix of its own), Numerical.
Result<std::optional<ReadTokenRows>> readTokenRows(const SafetensorsFile& file, const OrderedJson& config, const ModelFamily& family,
                                                   const CausalLm& model);

} // namespace attune
