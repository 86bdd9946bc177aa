#include "core/methods/progressive.h"

#include <algorithm>
#include <set>

#include <ATen/ATen.h>

#include "core/methods/state_tensors.h"
#include "core/plan/catalog.h"
#include "core/plan/param_check.h"

namespace attune {

ProgressiveMethod::ProgressiveMethod() {
    m_description.id = "progressive";
    m_description.title = "Progressive blocks";
    m_description.summary = "Adds new blocks to the frozen model and trains only them: keeps what the model could, and makes it larger.";
    ParamSpec blocks;
    blocks.key = "new_blocks", blocks.label = "New blocks";
    blocks.help = "So many blocks are added, spread evenly; each is as large as one of the model's own.";
    blocks.defaultValue = std::int64_t{2}, blocks.min = 1, blocks.max = 1024;
    blocks.ifTooHigh = "The model becomes larger and slower for good.";
    blocks.ifTooLow = "There is little room for what is new.";
    m_description.cost = "New blocks only; the model becomes larger";
    m_description.quality = "Between LoRA and full; what it knew stays in the frozen blocks";
    m_description.params = {blocks};
}

Status ProgressiveMethod::attach(CausalLm& model, const ParamMap& params, std::uint64_t) const {
    const auto& specs = m_description.params;
    ATTUNE_CHECK(checkParam(specs[0], paramOr(params, specs, "new_blocks"), "new_blocks"));
    const std::int64_t wanted = paramInt(params, specs, "new_blocks"), layers = model.config().layers;
    if (wanted > layers)
        return fail(ErrorCode::InvalidArgument,
                    "new_blocks: the model has only " + std::to_string(layers) + " blocks to copy, " + std::to_string(wanted) + " are wanted",
                    "Choose at most " + std::to_string(layers) + ".");
    if (!model.packedParts().empty())
        return fail(ErrorCode::InvalidArgument, "Blocks of a model in 4 bits cannot be copied and trained.", "Choose the 16-bit version of the model.");
    const std::vector<bool>& local = model.config().localLayers;
    if (std::find(local.begin(), local.end(), true) != local.end())
        return fail(ErrorCode::Unsupported, "In this model blocks differ by their number (attention over a window in some of them): no block can be added.",
                    "Choose LoRA, with the protection replay.");
    std::set<std::int64_t> after, added;
    for (std::int64_t i = 1; i <= wanted; ++i) {
        after.insert(i * layers / wanted - 1);
        added.insert(i * layers / wanted - 1 + i);
    }
    try {
        model.insertCopies(after);
        model.trainBlocks(added);
    } catch (const std::exception& exception) {
        return fail(ErrorCode::OutOfMemory, std::string("The new blocks do not fit into memory: ") + exception.what(), "Choose fewer new blocks, or LoRA.");
    }
    return {};
}

std::vector<StateTensor> ProgressiveMethod::state(CausalLm& model) const { return trainedWeights(model); }

Status ProgressiveMethod::load(CausalLm& model, const std::vector<StateTensor>& stored) const {
    ATTUNE_CHECK(copyState(stored, state(model)));
    model.refreshComputeWeights();
    return {};
}

} // namespace attune
