#include "core/export/whole_model.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <map>

#include <ATen/ATen.h>

#include "core/export/nf4_reader.h"
#include "core/nn/inserted_blocks.h"

namespace attune {

namespace {

constexpr std::array<const char*, 15> kCopied{"config.json",
                                              "generation_config.json",
                                              "tokenizer.json",
                                              "tokenizer_config.json",
                                              "special_tokens_map.json",
                                              "tokenizer.model",
                                              "vocab.json",
                                              "merges.txt",
                                              "added_tokens.json",
                                              "chat_template.jinja",
                                              "chat_template.json",
                                              "LICENSE",
                                              "LICENSE.txt",
                                              "NOTICE",
                                              "USE_POLICY.md"};

at::ScalarType atType(TensorType type) {
    return type == TensorType::F64    ? at::kDouble
           : type == TensorType::F16  ? at::kHalf
           : type == TensorType::BF16 ? at::kBFloat16
                                      : at::kFloat;
}

// As the field's sequence classifiers with one output have it.
void makeRewardConfig(Json& config, std::string architecture) {
    for (const char* ending : {"ForCausalLM", "LMHeadModel"})
        if (architecture.ends_with(ending))
            architecture.resize(architecture.size() - std::string_view(ending).size());
    config["architectures"] = Json::array({architecture + "ForSequenceClassification"});
    config["num_labels"] = 1;
    config["id2label"] = {{"0", "LABEL_0"}};
    config["label2id"] = {{"LABEL_0", 0}};
}

// More blocks than the base has.
void makeDeeperConfig(Json& config, const CausalLm& model) {
    config[config.contains("n_layer") ? "n_layer" : "num_hidden_layers"] = model.config().layers;
    const auto kinds = config.find("layer_types"); // one entry for each block
    if (kinds == config.end() || !kinds->is_array())
        return;
    Json deeper = Json::array();
    for (const Block& block : model.blocks)
        if (block.origin >= 0 && static_cast<std::size_t>(block.origin) < kinds->size())
            deeper.push_back((*kinds)[static_cast<std::size_t>(block.origin)]);
    *kinds = std::move(deeper);
}

// config.json for what the model has become.
Result<std::string> finalConfig(const ExportInput& input, std::string content, const std::function<void(Json&)>& change) {
    const bool deeper = hasInsertedBlocks(input.model), unpacked = storesNf4(input.base);
    if (!input.model.scoreHead && !deeper && !unpacked && !change)
        return content;
    ATTUNE_ASSIGN(Json config, parseJson(content, "config.json"));
    if (input.model.scoreHead)
        makeRewardConfig(config, input.model.config().architecture);
    if (deeper)
        makeDeeperConfig(config, input.model);
    if (unpacked)
        config.erase("quantization_config");
    if (change)
        change(config);
    return config.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string shardName(std::size_t index, std::size_t count) {
    if (count == 1)
        return "model.safetensors";
    char name[64];
    std::snprintf(name, sizeof(name), "model-%05zu-of-%05zu.safetensors", index + 1, count);
    return name;
}

// Which of its family's spellings the base has a parameter under.
std::size_t spelling(const ExportInput& input, const std::string& nameInBase, const StoredTensor& stored) {
    const auto spellings = input.family.diskTensors(nameInBase, input.model.config());
    for (std::size_t i = 0; i < spellings.size(); ++i)
        if (spellings[i].name == stored.layout.name)
            return i;
    return 0;
}

// The type and shape that a tensor of the base has in a folder whose weights are plain numbers.
Status describe(const ExportInput& input, const StoredTensor& stored, WholeTensor& tensor) {
    tensor.type = stored.found.tensor->type, tensor.shape = stored.found.tensor->shape;
    if (!isNf4(input.base, stored))
        return {};
    ATTUNE_ASSIGN(const Nf4Description packed, describeNf4(input.base, stored));
    tensor.type = packed.type, tensor.shape = {packed.rows, packed.columns};
    if (stored.layout.transposed)
        std::reverse(tensor.shape.begin(), tensor.shape.end());
    return {};
}

std::uint64_t bytesOf(const TensorToWrite& tensor) {
    std::uint64_t total = tensorTypeBytes(tensor.type);
    for (const std::int64_t size : tensor.shape)
        total *= static_cast<std::uint64_t>(size);
    return total;
}

} // namespace

ParamSpec shardParam() {
    ParamSpec spec;
    spec.key = "shard_gb";
    spec.label = "Largest file";
    spec.help = "Weights beyond this size are written as several files with an index.";
    spec.unit = "GB";
    spec.defaultValue = static_cast<double>(kShardBytes) / 1e9;
    spec.min = 0.001, spec.max = 1000.0;
    spec.ifTooHigh = "Some file systems and uploads refuse very large files.";
    spec.ifTooLow = "Many small files.";
    spec.advanced = true;
    return spec;
}

std::uint64_t shardBytes(const ParamMap& options, std::uint64_t fallback) {
    const auto found = options.find("shard_gb");
    return found == options.end() ? fallback : static_cast<std::uint64_t>(std::get<double>(found->second) * 1e9);
}

bool WholeTensor::linear() const {
    return std::all_of(parts.begin(), parts.end(), [](const Part& part) { return part.place.linear; });
}

Result<std::vector<WholeTensor>> wholeTensors(const ExportInput& input) {
    std::map<std::string, std::size_t> byName;
    std::vector<WholeTensor> all;
    const bool deeper = hasInsertedBlocks(input.model);
    if (!input.base.gguf() && !deeper)
        for (const auto& file : input.base.files())
            for (const TensorInfo& info : file->tensors()) {
                byName[info.name] = all.size();
                all.push_back({info.name, info.type, info.shape, {}});
            }
    for (const auto& [name, place] : parameterPlaces(input.model)) {
        const std::string inBase = nameInBase(input.model, name);
        const auto stored = findStored(input.base, input.family, input.model.config(), inBase);
        const auto named = input.family.diskTensors(name, input.model.config());
        if (!stored || named.empty())
            return fail(ErrorCode::InvalidData, input.base.folder().string() + " no longer holds the tensor " + name,
                        "Restore the base model's folder.");
        const ModelFamily::DiskTensor& layout = input.base.gguf() ? named.front()
                                                : deeper          ? named[spelling(input, inBase, *stored)]
                                                                  : stored->layout;
        const auto [found, added] = byName.emplace(layout.name, all.size());
        if (added)
            all.push_back({layout.name, TensorType::F32, {}, {}});
        WholeTensor& whole = all[found->second];
        if (added || whole.parts.empty())
            ATTUNE_CHECK(describe(input, *stored, whole));
        if (added) { // of a GGUF base the size follows from the parts
            if (input.base.gguf() && place.rows >= 0)
                whole.shape[0] = place.rows;
            if (input.base.gguf() && layout.transposed)
                std::reverse(whole.shape.begin(), whole.shape.end());
        }
        if (!layout.rows.empty() && input.base.gguf()) {
            const std::int64_t used = *std::max_element(layout.rows.begin(), layout.rows.end()) + 1;
            whole.shape[0] = added ? used : std::max(whole.shape[0], used);
        } else if (layout.size >= 0 && input.base.gguf()) {
            auto& outputs = whole.shape[layout.transposed ? 1 : 0];
            outputs = added ? layout.begin + layout.size : std::max(outputs, layout.begin + layout.size);
        }
        whole.parts.push_back({place, *stored, layout});
    }
    std::erase_if(all, [](const WholeTensor& whole) { return whole.parts.empty(); });
    return all;
}

namespace {

// In pieces: a check of the whole tensor would make another of its size.
bool allFinite(const at::Tensor& tensor) {
    constexpr std::int64_t kPiece = std::int64_t{1} << 18;
    const at::Tensor flat = tensor.view({-1});
    for (std::int64_t begin = 0; begin < flat.numel(); begin += kPiece)
        if (!at::isfinite(flat.narrow(0, begin, std::min(kPiece, flat.numel() - begin))).all().item<bool>())
            return false;
    return true;
}

tl::unexpected<Error> notFinite(const WholeTensor& tensor) {
    return fail(ErrorCode::Numerical, "The merged tensor " + tensor.name + " holds NaN or infinite numbers", "Export another checkpoint.");
}

} // namespace

Result<at::Tensor> wholeValue(const WholeTensor& tensor) {
    if (tensor.parts.size() == 1) { // most are one parameter as it is: no second copy
        const WholeTensor::Part& part = tensor.parts.front();
        const auto& layout = part.layout;
        if (layout.rows.empty() && !layout.transposed && layout.size < 0 && layout.offset == part.stored.layout.offset) {
            ATTUNE_ASSIGN(at::Tensor value, finalValue(part.place, part.stored));
            if (value.sizes() == at::IntArrayRef(tensor.shape) && value.is_contiguous())
                return allFinite(value) ? Result<at::Tensor>(std::move(value)) : notFinite(tensor);
        }
    }
    at::Tensor full = at::empty(tensor.shape, at::kFloat);
    for (const WholeTensor::Part& part : tensor.parts) {
        ATTUNE_ASSIGN(at::Tensor value, finalValue(part.place, part.stored));
        const auto& layout = part.layout;
        if (layout.offset != part.stored.layout.offset) // the base counts a norm's one differently (GGUF)
            value = value + (part.stored.layout.offset - layout.offset);
        if (!layout.rows.empty()) {
            full.index_copy_(0, at::tensor(at::ArrayRef<std::int64_t>(layout.rows)), value);
            continue;
        }
        const std::int64_t axis = layout.transposed ? 1 : 0;
        const at::Tensor region = layout.size < 0 ? full : full.narrow(axis, layout.begin, layout.size);
        region.copy_(layout.transposed ? value.t() : value);
    }
    if (!allFinite(full))
        return notFinite(tensor);
    return full;
}

Result<at::Tensor> rounded(const WholeTensor& tensor, const at::Tensor& value) {
    const at::Tensor stored = value.to(atType(tensor.type)).contiguous();
    if (!allFinite(stored))
        return fail(ErrorCode::Numerical, "The merged tensor " + tensor.name + " is too large for " + tensorTypeName(tensor.type),
                    "Export the adapter instead.");
    return stored;
}

std::vector<TensorGroup> scoreHeadGroup(const CausalLm& model) {
    if (!model.scoreHead)
        return {};
    const Parameter& score = *model.scoreHead; // outlives the export
    auto current = std::make_shared<at::Tensor>();
    return {{{score.name, TensorType::F32, score.value.sizes().vec(), [current, &score]() -> Result<std::span<const std::byte>> {
                  *current = score.value.to(at::kCPU, at::kFloat).contiguous();
                  return std::span(static_cast<const std::byte*>(current->data_ptr()), current->nbytes());
              }}}};
}

Result<std::vector<std::string>> writeShards(const fs::path& folder, const std::vector<TensorGroup>& groups, std::uint64_t limit) {
    std::vector<std::vector<TensorToWrite>> shards(1);
    std::uint64_t inShard = 0, totalSize = 0;
    for (const TensorGroup& group : groups) {
        std::uint64_t bytes = 0;
        for (const TensorToWrite& tensor : group)
            bytes += bytesOf(tensor);
        if (inShard > 0 && inShard + bytes > limit)
            shards.emplace_back(), inShard = 0;
        inShard += bytes, totalSize += bytes;
        shards.back().insert(shards.back().end(), group.begin(), group.end());
    }
    std::vector<std::string> files;
    OrderedJson weightMap = OrderedJson::object();
    for (std::size_t i = 0; i < shards.size(); ++i) {
        const std::string name = shardName(i, shards.size());
        for (const TensorToWrite& tensor : shards[i])
            weightMap[tensor.name] = name;
        ATTUNE_CHECK(writeSafetensors(folder / name, shards[i]));
        files.push_back(name);
    }
    if (shards.size() > 1) {
        const OrderedJson index{{"metadata", {{"total_size", totalSize}}}, {"weight_map", weightMap}};
        ATTUNE_CHECK(writeFileAtomic(folder / "model.safetensors.index.json", index.dump(2) + "\n"));
        files.push_back("model.safetensors.index.json");
    }
    return files;
}

Result<std::vector<std::string>> writeSmallFiles(const ExportInput& input, const fs::path& folder, const std::function<void(Json&)>& change) {
    ATTUNE_ASSIGN(auto contents, input.base.replacedFiles());
    std::error_code error;
    for (const char* name : kCopied) {
        if (!fs::exists(input.base.folder() / name, error))
            continue;
        ATTUNE_ASSIGN(std::string content, readFile(input.base.folder() / name));
        contents.emplace_back(name, std::move(content));
    }
    std::vector<std::string> files;
    for (auto& [name, content] : contents) {
        if (name == "config.json") {
            ATTUNE_ASSIGN(content, finalConfig(input, std::move(content), change));
        }
        ATTUNE_CHECK(writeFileAtomic(folder / name, content));
        files.push_back(name);
    }
    return files;
}

Status prepareFolder(const ExportInput& input, const fs::path& folder) {
    std::error_code error;
    fs::create_directories(folder, error);
    if (error)
        return fail(errnoError(error.value(), "Cannot create", folder));
    if (fs::equivalent(folder, input.base.folder(), error))
        return fail(ErrorCode::InvalidArgument, folder.string() + " is the base model's own folder", "Choose an empty folder for the export.");
    return {};
}

} // namespace attune
