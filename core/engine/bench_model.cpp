#include "core/engine/bench_model.h"

#include "core/engine/model_loader.h"
#include "core/engine/process_memory.h"
#include "core/methods/method.h"
#include "core/nn/bench_shapes.h"

namespace attune {

Result<std::unique_ptr<CausalLm>> benchModel(const Json& options, std::stop_token stop) {
    const std::string folder = options.value("model", std::string());
    const std::string dtype = options.value("dtype", std::string("bf16"));
    const Method* method = findMethod(options.value("method", std::string()));
    const LinearFormat linears = method ? method->linearFormat() : LinearFormat::Plain;
    if (!folder.empty()) {
        ATTUNE_ASSIGN(LoadedModel loaded,
                      loadModel({.model = folder, .adapter = {}, .precision = dtype, .linears = linears, .stop = stop}));
        return std::move(loaded.model);
    }
    ATTUNE_ASSIGN(const at::ScalarType type, computeType(dtype));
    ATTUNE_ASSIGN(const ModelConfig config, benchShape(options.value("shape", std::string("135m"))));
    ATTUNE_ASSIGN(auto model, CausalLm::create(config, {type, at::kCPU, linears}));
    model->initializeRandom(1);
    returnFreedMemory();
    return model;
}

} // namespace attune
