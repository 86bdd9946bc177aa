// The parameters of a trained model one by one, with the training folded in: what every export of whole models starts from. Engine thread.
#pragma once

#include <map>
#include <string>

#include "core/export/weight_reader.h"

namespace attune {

/// A canonical parameter inside the model: which weight holds it, which rows, and the layer's adapter.
struct ParameterPlace {
    Weight* weight = nullptr;
    std::int64_t begin = 0, rows = -1; // rows < 0: all
    const LoraAdapter* lora = nullptr;
    const Linear* packed = nullptr; // the layer, where its weights lie in 4 bits: `begin` counts its outputs
    bool linear = false;            // the weight of a block's linear layer
    const TokenRows* tokens = nullptr; // rows of the embedding that were trained
};

/// All base parameters by canonical name; with a tied head "lm_head.weight" is not among them.
std::map<std::string, ParameterPlace> parameterPlaces(CausalLm& model);

/// Whether the training can be folded into the weights at all. Errors: InvalidArgument (a trained prompt is no part of them).
Status checkMergeable(const CausalLm& model);

/// The parameter's final value in f32 ([out, in] or [n]), as the base stores it (without the layout's offset): the master when it was
/// trained, else what is stored (of a base in 4 bits what the codes stand for) plus the adapter's product. Errors: those of readStored.
Result<at::Tensor> finalValue(const ParameterPlace& place, const StoredTensor& stored);

} // namespace attune
