// A trained prompt in PEFT's layout: one tensor "prompt_embeddings" and a config of the kind PROMPT_TUNING. Engine thread.
#pragma once

#include <string>
#include <vector>

#include "core/base/json.h"
#include "core/nn/causal_lm.h"
#include "core/base/files.h"

namespace attune {

/// Puts the folder's prompt onto the model; `config` is its adapter_config.json. Errors: InvalidData (a tensor is missing or has
/// the wrong shape, NaN), Unsupported (prompts that pass through a network of their own).
Status readPeftPrompt(const fs::path& folder, const OrderedJson& config, CausalLm& model);
/// Errors: OutOfSpace, Io.
Result<std::vector<std::string>> writePeftPrompt(const fs::path& folder, const CausalLm& model, const std::string& baseModelName);

} // namespace attune
