// Weights of a model folder into a CausalLm: each tensor is read chunk by chunk straight into its final place and
// precision, so there is never a second copy of all weights. Engine thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <stop_token>

#include "core/families/model_family.h"
#include "core/model_files/model_source.h"
#include "core/nn/causal_lm.h"

namespace attune {

/// "auto" (bf16 where the CPU multiplies it in hardware, else f32), "bf16", "f32" or "f64". Errors: InvalidArgument.
Result<at::ScalarType> computeType(std::string_view precision);

/// Where a canonical parameter is stored: the first of its family's names that exists in the folder.
struct StoredTensor {
    ModelSource::Found found;
    ModelFamily::DiskTensor layout;
};
std::optional<StoredTensor> findStored(const ModelSource& source, const ModelFamily& family, const ModelConfig& config,
                                       std::string_view canonicalName);

/// The stored part of one parameter into `target` ([out, in] or [n]), converted to its dtype. Errors: InvalidData with
/// the tensor's name and both shapes, Unsupported (integer weights), Io.
Status readStored(const StoredTensor& stored, at::Tensor target);

/// Fills all base weights. Errors: InvalidData (missing or misshapen tensors, named), Unsupported (a tensor nothing
/// asks for: the network is not the one we know), Cancelled.
Status readBaseWeights(const ModelSource& source, const ModelFamily& family, CausalLm& model, std::stop_token stop = {},
                       const std::function<void(double fraction)>& progress = {});

/// create() and readBaseWeights() together.
Result<std::unique_ptr<CausalLm>> readModel(const ModelSource& source, const ComputeSettings& settings,
                                            std::stop_token stop = {},
                                            const std::function<void(double fraction)>& progress = {});

} // namespace attune
