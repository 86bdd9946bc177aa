#include "core/methods/full.h"

#include <ATen/ATen.h>

#include "core/plan/lora_settings.h"
#include "core/methods/state_tensors.h"
#include "core/plan/catalog.h"
#include "core/plan/param_check.h"

namespace attune {

FullMethod::FullMethod() {
    m_description.id = "full";
    m_description.title = "Full fine-tuning";
    m_description.summary = "Every weight is trained: for small models and much data; needs the most memory.";
    m_description.cost = "Most memory and disk; a whole model is saved", m_description.quality = "Can change the most, and forgets the most";
    ParamSpec layers;
    layers.key = "frozen_layers";
    layers.label = "Frozen blocks";
    layers.help = "Numbers of the blocks that stay as they are, counted from 0, for example 0-7; empty trains all. Freezing the lowest ones saves time and memory.";
    layers.defaultValue = std::vector<std::string>{};
    layers.advanced = true;
    ParamSpec embeddings;
    embeddings.key = "freeze_embeddings";
    embeddings.label = "Freeze embeddings and head";
    embeddings.help = "Leaves the table of tokens and the output layer as they are.";
    embeddings.defaultValue = false;
    embeddings.ifTooHigh = "Switched on, the model cannot learn new tokens, but needs less memory and forgets less.";
    embeddings.ifTooLow = "Switched off, large vocabularies take much of the memory.";
    embeddings.advanced = true;
    m_description.params = {layers, embeddings};
}

Status FullMethod::attach(CausalLm& model, const ParamMap& params, std::uint64_t) const {
    const auto& specs = m_description.params;
    for (const ParamSpec& spec : specs)
        ATTUNE_CHECK(checkParam(spec, paramOr(params, specs, spec.key), spec.key));
    const auto blocks = static_cast<std::int64_t>(model.blocks.size());
    ATTUNE_ASSIGN(const auto frozen, readLayerList(paramList(params, specs, "frozen_layers"), blocks, "frozen_layers"));
    if (!model.packedParts().empty())
        return fail(ErrorCode::InvalidArgument, "Weights in 4 bits cannot be trained.",
                    "Choose QLoRA, or the 16-bit version of the model.");
    try {
        model.trainAllWeights(frozen, !paramBool(params, specs, "freeze_embeddings"));
    } catch (const std::exception& exception) {
        return fail(ErrorCode::OutOfMemory,
                    std::string("Training every weight does not fit into memory: ") + exception.what(),
                    "Use LoRA, which trains a small adapter.");
    }
    return {};
}

std::vector<StateTensor> FullMethod::state(CausalLm& model) const {
    return trainedWeights(model);
}

Status FullMethod::load(CausalLm& model, const std::vector<StateTensor>& stored) const {
    ATTUNE_CHECK(copyState(stored, state(model)));
    model.refreshComputeWeights();
    return {};
}

Status FullMethod::merge(CausalLm&) const {
    return {};
}

} // namespace attune
