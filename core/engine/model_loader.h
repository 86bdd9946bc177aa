// A model folder made ready for work: weights, tokenizer, prompt format and their identities, checked against each
// other. Engine thread.
#pragma once

#include <functional>
#include <memory>
#include <stop_token>
#include <string>

#include "core/export/weight_reader.h"
#include "core/text/prompt_format.h"

namespace attune {

struct LoadedModel {
    ModelSource source;
    const ModelFamily* family = nullptr;
    std::unique_ptr<CausalLm> model;
    std::shared_ptr<const Tokenizer> tokenizer;
    PromptFormat format;                // its stop ids include those of config.json and generation_config.json
    std::string modelHash, adapterHash; // adapterHash "" without adapter
    const ModelConfig& config() const { return model->config(); }
};

struct LoadOptions {
    std::string model;              // Hugging Face folder
    std::string adapter;            // PEFT folder, or a run folder that holds one as adapter/; "" = none
    std::string precision = "auto"; // "auto", "bf16", "f32", "f64"; "nf4": auto with linear weights in 4 bits
    LinearFormat linears = LinearFormat::Plain;
    std::stop_token stop = {};
    std::function<void(double fraction)> progress = {};
};

/// Everything of a folder but the weights: cheap. Errors: as ModelSource, readModelConfig and Tokenizer::load;
/// InvalidData when the tokenizer has ids the model has no embedding for.
struct ModelParts {
    ModelSource source;
    ModelConfig config;
    std::shared_ptr<const Tokenizer> tokenizer;
    PromptFormat format;
};
Result<ModelParts> readModelParts(const std::string& folder);

/// Errors: as readModelParts, readBaseWeights and readPeftAdapter; Cancelled.
Result<LoadedModel> loadModel(const LoadOptions& options);

/// The folder that holds adapter_config.json: `adapter` itself or its adapter/ folder. Errors: NotFound.
Result<fs::path> findAdapterFolder(const fs::path& adapter);

} // namespace attune
