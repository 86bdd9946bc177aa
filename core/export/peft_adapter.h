// PEFT's adapter folder (adapter_config.json and adapter_model.safetensors), read and written: the layout every tool of
// the field understands. LoRA and DoRA on linear layers, and trained prompts. Engine thread.
#pragma once

#include <string>

#include "core/families/model_family.h"
#include "core/nn/causal_lm.h"

namespace attune {

inline constexpr const char* kPeftConfigFile = "adapter_config.json";
inline constexpr const char* kPeftWeightsFile = "adapter_model.safetensors";

/// Whether an adapter may change base weights.
enum class SavedModules { Load, Refuse };

/// Puts the folder's adapter onto the model (replacing what was there); ranks come from the tensors and must be those
/// of the config, scales follow from it (r, lora_alpha, use_rslora, rank_pattern, alpha_pattern: PEFT's expressions, the
/// first that matches counts). Errors: NotFound, InvalidData (a tensor that fits no layer or has the wrong shape or rank,
/// named), Unsupported (linear layers saved whole, trained tokens of a head of its own, biases, other kinds of adapter, beginnings that changed the base weights, any key
/// that is not known and not off, each named). A trained prompt is put on likewise.
/// Modules that the adapter carries whole (modules_to_save: embeddings, head, norms) take the place of the base's weights for good, see
/// peft_saved_modules.h; with SavedModules::Refuse, for a base that others share, they are Unsupported.
Status readPeftAdapter(const fs::path& folder, const ModelFamily& family, CausalLm& model, SavedModules saved = SavedModules::Load);

/// Writes the model's LoRA layers or its trained prompt (f32); adapters that began as PiSSA as ordinary LoRA of twice the rank. Layers that PEFT knows as one (GPT-2's c_attn) become one adapter of the
/// summed rank, exactly equal. Returns the file names. Errors: InvalidArgument (no adapter), OutOfSpace, Io.
Result<std::vector<std::string>> writePeftAdapter(const fs::path& folder, const ModelFamily& family, CausalLm& model,
                                                  const std::string& baseModelName);

} // namespace attune
