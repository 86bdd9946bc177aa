#include "core/model_report/capabilities.h"

#include <algorithm>

namespace attune {

namespace {

ModelCapability::Verdict verdictOf(std::int64_t bytes, const Computer& computer) {
    if (bytes <= computer.freeMemoryBytes)
        return ModelCapability::Verdict::Fits;
    return bytes <= computer.memoryBytes ? ModelCapability::Verdict::Tight : ModelCapability::Verdict::TooLarge;
}

} // namespace

std::vector<ModelCapability> modelCapabilities(const ModelConfig& model, const std::string& path, const Catalog& catalog, const Computer& computer,
                                               std::int64_t length) {
    std::vector<ModelCapability> list;
    length = std::min(length, model.contextLength);
    RunConfig config;
    config.model = path;
    // Answering: the weights, and keys and values of one answer.
    const std::int64_t element = effectivePrecision(config, computer) == "bf16" ? 2 : 4;
    const std::int64_t cache = 2 * model.layers * model.kvHeads * model.headDim * length * element;
    ModelCapability answer{"generate", "Answer prompts", model.totalParameters() * element + cache + computer.residentBytes, 0, 0, {}};
    answer.verdict = verdictOf(answer.bytes, computer);
    list.push_back(answer);
    const DataShape rows{1000, static_cast<double>(length), static_cast<double>(length) / 4, length};
    for (const MethodEntry& method : catalog.methods) {
        config.method = {method.description.id, {}};
        config.training["epochs"] = 1.0;
        ModelCapability capability{method.description.id, method.description.title, 0, 0, 0, {}};
        capability.bytes = estimateMemory(model, config, catalog, rows, computer).total();
        const TimeEstimate time = estimateTime(model, config, catalog, rows, computer);
        capability.tokensPerSecond = time.tokensPerSecond;
        capability.secondsPerThousandRows = time.seconds;
        capability.verdict = verdictOf(capability.bytes, computer);
        list.push_back(capability);
    }
    return list;
}

} // namespace attune
