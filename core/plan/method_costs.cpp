#include "core/plan/method_costs.h"

namespace attune {

MemoryFit memoryFit(const MemoryEstimate& memory, const Computer& computer) {
    if (computer.memoryBytes > 0 && memory.total() > computer.memoryBytes)
        return MemoryFit::TooLarge;
    return memory.total() > computer.freeMemoryBytes ? MemoryFit::Tight : MemoryFit::Fits;
}

std::vector<MethodCost> methodCosts(const ModelConfig& model, const RunConfig& config, const Catalog& catalog, const DataShape& data,
                                    const Computer& computer) {
    std::vector<MethodCost> costs;
    for (const MethodEntry& method : catalog.methods) {
        RunConfig with = config;
        if (with.method.id != method.description.id)
            with.method = {method.description.id, {}};
        MethodCost cost;
        cost.method = method.description.id;
        cost.memory = estimateMemory(model, with, catalog, data, computer);
        cost.time = estimateTime(model, with, catalog, data, computer);
        cost.trainable = trainableParameters(model, with, catalog);
        cost.fit = memoryFit(cost.memory, computer);
        costs.push_back(std::move(cost));
    }
    return costs;
}

} // namespace attune
