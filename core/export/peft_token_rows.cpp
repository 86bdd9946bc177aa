#include "core/export/peft_token_rows.h"

#include <set>

#include <ATen/ATen.h>

#include "core/export/weight_reader.h"

namespace attune {

namespace {

constexpr std::string_view kTokenRows = ".token_adapter.trainable_tokens_delta", kInside = ".default";

std::string embeddingModule(const ModelFamily& family, const CausalLm& model) {
    std::string name = family.diskTensors(model.embedding.name, model.config()).front().name;
    if (name.ends_with(".weight"))
        name.resize(name.size() - 7);
    return name;
}

tl::unexpected<Error> badRows(const SafetensorsFile& file, const std::string& what) {
    return fail(ErrorCode::InvalidData, file.path().string() + ": " + what, "Choose an adapter that was trained on this base model.");
}

// The embedding's list of ids: the whole setting, or its entry for the embedding.
Result<std::vector<std::int64_t>> idsOf(const SafetensorsFile& file, const OrderedJson& setting, const std::string& embedding, const CausalLm& model) {
    OrderedJson list = setting;
    if (setting.is_object()) {
        for (const auto& [module, value] : setting.items())
            if (embedding != module && !embedding.ends_with("." + module))
                return fail(ErrorCode::Unsupported, file.path().string() + ": trained tokens of " + module.substr(0, 80) + " are not known here, only those of the embedding",
                            "Merge the adapter with the program that made it, and bring the merged model.");
            else
                list = value;
    }
    std::vector<std::int64_t> ids;
    std::set<std::int64_t> seen;
    if (!list.is_array())
        return badRows(file, "trainable_token_indices is not a list of token ids");
    for (const OrderedJson& entry : list) {
        if (!entry.is_number_integer() || entry.get<std::int64_t>() < 0 || entry.get<std::int64_t>() >= model.config().vocabularySize)
            return badRows(file, "trainable_token_indices names " + entry.dump().substr(0, 40) + ", which is no token of the base model");
        ids.push_back(entry.get<std::int64_t>());
        if (!seen.insert(ids.back()).second)
            return badRows(file, "trainable_token_indices names the token " + std::to_string(ids.back()) + " twice");
    }
    return ids;
}

} // namespace

std::string tokenRowsTensor(const ModelFamily& family, const CausalLm& model) {
    return "base_model.model." + embeddingModule(family, model) + std::string(kTokenRows);
}

bool isTokenRowsTensor(const std::string& name) {
    return name.ends_with(kTokenRows) || name.ends_with(std::string(kTokenRows) + std::string(kInside));
}

Result<std::optional<ReadTokenRows>> readTokenRows(const SafetensorsFile& file, const OrderedJson& config, const ModelFamily& family,
                                                   const CausalLm& model) {
    const auto setting = config.find("trainable_token_indices");
    const bool wanted = setting != config.end() && !setting->is_null() && !setting->empty();
    const std::string name = tokenRowsTensor(family, model);
    const TensorInfo* rows = nullptr;
    for (const TensorInfo& tensor : file.tensors()) {
        if (!isTokenRowsTensor(tensor.name))
            continue;
        if (tensor.name != name && tensor.name != name + std::string(kInside))
            return fail(ErrorCode::Unsupported, file.path().string() + ": " + tensor.name.substr(0, 120) + " holds trained tokens of another module than the embedding",
                        "Merge the adapter with the program that made it, and bring the merged model.");
        rows = &tensor;
    }
    if (!wanted && !rows)
        return std::nullopt;
    if (!wanted)
        return badRows(file, "it holds rows of trained tokens, and trainable_token_indices does not say which");
    ReadTokenRows read;
    ATTUNE_ASSIGN(read.ids, idsOf(file, *setting, embeddingModule(family, model), model));
    if (!rows)
        return badRows(file, "trainable_token_indices names tokens, but their rows (" + name + ") are not there");
    if (rows->shape != std::vector<std::int64_t>{static_cast<std::int64_t>(read.ids.size()), model.config().hiddenSize})
        return badRows(file, "the rows of trained tokens do not fit: there are " + std::to_string(read.ids.size()) + " ids, and the embedding is " +
                                 std::to_string(model.config().hiddenSize) + " wide");
    read.values = at::empty(rows->shape, at::TensorOptions().dtype(model.masterType()));
    ATTUNE_CHECK(readStored({{&file, rows}, {.name = rows->name}}, read.values));
    if (!at::isfinite(read.values).all().item<bool>())
        return fail(ErrorCode::Numerical, file.path().string() + ": tensor " + rows->name + " holds NaN or infinite numbers", "Choose another checkpoint.");
    return read;
}

} // namespace attune
