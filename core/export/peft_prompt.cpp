#include "core/export/peft_prompt.h"

#include <ATen/ATen.h>

#include "core/export/peft_adapter.h"
#include "core/export/weight_reader.h"

namespace attune {

namespace {

constexpr const char* kPromptTensor = "prompt_embeddings";

} // namespace

Status readPeftPrompt(const fs::path& folder, const OrderedJson& config, CausalLm& model) {
    ATTUNE_ASSIGN(const std::shared_ptr<const SafetensorsFile> file, SafetensorsFile::open(folder / kPeftWeightsFile));
    const auto broken = [&](const std::string& what) {
        return fail(ErrorCode::InvalidData, file->path().string() + ": " + what, "Choose an adapter that was trained on this base model.");
    };
    const TensorInfo* tensor = file->find(kPromptTensor);
    if (!tensor || file->tensors().size() != 1)
        return broken(std::string("a trained prompt holds one tensor, ") + kPromptTensor);
    const std::int64_t hidden = model.config().hiddenSize;
    if (tensor->shape.size() != 2 || tensor->shape[0] < 1 || tensor->shape[1] != hidden)
        return broken(std::string(kPromptTensor) + " must have " + std::to_string(hidden) + " numbers for each virtual token");
    if (tensor->shape[0] >= model.config().contextLength)
        return broken("the prompt of " + std::to_string(tensor->shape[0]) + " tokens fills the model's context");
    if (const auto declared = config.find("num_virtual_tokens");
        declared != config.end() && declared->is_number_integer() && *declared != tensor->shape[0])
        return broken("num_virtual_tokens is " + declared->dump() + ", the tensor has " + std::to_string(tensor->shape[0]));
    at::Tensor values = at::empty(tensor->shape, at::TensorOptions().dtype(model.masterType()));
    ATTUNE_CHECK(readStored({{file.get(), tensor}, {.name = tensor->name}}, values));
    if (!at::isfinite(values).all().item<bool>())
        return fail(ErrorCode::Numerical, file->path().string() + ": " + kPromptTensor + " holds NaN or infinite numbers", "Choose another checkpoint.");
    const auto text = [&](const char* key) {
        const auto found = config.find(key);
        return found != config.end() && found->is_string() ? found->get<std::string>() : std::string();
    };
    auto prompt = std::make_unique<SoftPrompt>();
    prompt->embeddings.name = kPromptTensor;
    prompt->embeddings.value = values;
    prompt->embeddings.grad = at::zeros_like(values);
    prompt->init = text("prompt_tuning_init"), prompt->initText = text("prompt_tuning_init_text");
    model.prompt = std::move(prompt);
    return {};
}

Result<std::vector<std::string>> writePeftPrompt(const fs::path& folder, const CausalLm& model, const std::string& baseModelName) {
    const at::Tensor values = model.prompt->embeddings.value.to(at::kCPU, at::kFloat).contiguous();
    const ModelConfig& shape = model.config();
    const bool fromText = model.prompt->init == "TEXT";
    const Json none = nullptr;
    const Json config{{"auto_mapping", none},
                      {"base_model_name_or_path", baseModelName},
                      {"inference_mode", true},
                      {"modules_to_save", none},
                      {"num_attention_heads", shape.heads},
                      {"num_layers", shape.layers},
                      {"num_transformer_submodules", 1},
                      {"num_virtual_tokens", values.size(0)},
                      {"peft_type", "PROMPT_TUNING"},
                      {"prompt_tuning_init", model.prompt->init.empty() ? "RANDOM" : model.prompt->init},
                      {"prompt_tuning_init_text", fromText ? Json(model.prompt->initText) : none},
                      {"revision", none},
                      {"task_type", "CAUSAL_LM"},
                      {"token_dim", shape.hiddenSize},
                      {"tokenizer_kwargs", none},
                      {"tokenizer_name_or_path", fromText ? Json(baseModelName) : none}};
    std::error_code error;
    fs::create_directories(folder, error);
    if (error)
        return fail(errnoError(error.value(), "Cannot create", folder));
    ATTUNE_CHECK(writeSafetensors(folder / kPeftWeightsFile,
                                  {{kPromptTensor, TensorType::F32, values.sizes().vec(), [&values]() -> Result<std::span<const std::byte>> {
                                        return std::as_bytes(std::span(values.data_ptr<float>(), static_cast<std::size_t>(values.numel())));
                                    }}}));
    ATTUNE_CHECK(writeFileAtomic(folder / kPeftConfigFile, config.dump(2, ' ', false, Json::error_handler_t::replace) + "\n"));
    return std::vector<std::string>{kPeftConfigFile, kPeftWeightsFile};
}

} // namespace attune
