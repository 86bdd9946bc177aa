// A model folder of random weights in any shape, with the starter model's tokenizer.
#pragma once

#include <map>
#include <vector>

#include <ATen/ATen.h>
#include <QtGlobal>

#include "core/families/model_family.h"
#include "core/nn/causal_lm.h"

namespace attune::test {

/// config: of config.json without its vocabulary. scale: multiplies the matrices that initializeRandom draws.
inline void writeRandomModel(const fs::path& folder, Json config, double scale = 1.0) {
    const fs::path starter = fs::path(ATTUNE_SOURCE_DIR) / "resources" / "starter_model";
    fs::create_directories(folder);
    for (const char* name : {"tokenizer.json", "tokenizer_config.json"})
        fs::copy_file(starter / name, folder / name);
    config["vocab_size"] = 4096;
    config["torch_dtype"] = "float32";
    if (!writeFileAtomic(folder / "config.json", config.dump()))
        qFatal("cannot write");
    const ModelFamily* family = findFamily(config["architectures"][0].get<std::string>());
    const auto shape = family->readConfig(config);
    if (!shape)
        qFatal("%s", shape.error().message.c_str());
    auto model = CausalLm::create(*shape, {at::kFloat, at::kCPU});
    if (!model)
        qFatal("%s", model.error().message.c_str());
    (*model)->initializeRandom(3);
    std::map<std::string, at::Tensor> tensors;
    for (auto& named : (*model)->baseTensors()) {
        if (named.tensor.dim() == 2)
            named.tensor.mul_(scale);
        named.tensor.add_(at::linspace(-0.1, 0.1, named.tensor.size(0)).view(named.tensor.dim() == 1 ? at::IntArrayRef{-1} : at::IntArrayRef{-1, 1}));
        const auto layout = family->diskTensors(named.name, *shape).front();
        at::Tensor value = layout.transposed ? named.tensor.t().contiguous() : named.tensor.contiguous();
        const std::int64_t axis = layout.transposed ? 1 : 0;
        auto& slot = tensors[layout.name];
        slot = slot.defined() ? at::cat({slot, value}, axis) : value; // q, k, v come in order
    }
    std::vector<TensorToWrite> files;
    for (auto& [name, tensor] : tensors)
        files.push_back({name, TensorType::F32, tensor.sizes().vec(), [&tensor = tensor]() -> Result<std::span<const std::byte>> {
                             tensor = tensor.contiguous();
                             return std::span(static_cast<const std::byte*>(tensor.data_ptr()), tensor.nbytes());
                         }});
    if (!writeSafetensors(folder / "model.safetensors", files))
        qFatal("cannot write");
}

} // namespace attune::test
