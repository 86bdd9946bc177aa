#include "core/export/merged_exporter.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <map>

#include <ATen/ATen.h>

#include "core/export/final_weights.h"
#include "core/nn/inserted_blocks.h"

namespace attune {

namespace {

constexpr std::uint64_t kShardBytes = 5'000'000'000; // Hugging Face's default
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

// One parameter within a tensor to be written.
struct Contribution {
    ParameterPlace place;
    StoredTensor stored;            // where the base has it
    ModelFamily::DiskTensor layout; // where the written tensor has it
};

// A tensor to be written and what makes it up.
struct Merged {
    std::string name;
    TensorType type = TensorType::F32;
    std::vector<std::int64_t> shape;
    std::vector<Contribution> parts;
    std::uint64_t bytes() const {
        std::uint64_t total = tensorTypeBytes(type);
        for (const std::int64_t size : shape)
            total *= static_cast<std::uint64_t>(size);
        return total;
    }
};

Result<at::Tensor> mergedTensor(const Merged& info) {
    at::Tensor full = at::empty(info.shape, at::kFloat);
    for (const Contribution& part : info.parts) {
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
    if (!at::isfinite(full).all().item<bool>())
        return fail(ErrorCode::Numerical, "The merged tensor " + info.name + " holds NaN or infinite numbers",
                    "Export another checkpoint.");
    const at::Tensor stored = full.to(atType(info.type)).contiguous(); // the one rounding
    if (!at::isfinite(stored).all().item<bool>())
        return fail(ErrorCode::Numerical,
                    "The merged tensor " + info.name + " is too large for " + tensorTypeName(info.type),
                    "Export the adapter instead.");
    return stored;
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
Result<std::string> finalConfig(const CausalLm& model, std::string content) {
    const bool deeper = hasInsertedBlocks(model);
    if (!model.scoreHead && !deeper)
        return content;
    ATTUNE_ASSIGN(Json config, parseJson(content, "config.json"));
    if (model.scoreHead)
        makeRewardConfig(config, model.config().architecture);
    if (deeper)
        makeDeeperConfig(config, model);
    return config.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string shardName(std::size_t index, std::size_t count) {
    if (count == 1)
        return "model.safetensors";
    char name[64];
    std::snprintf(name, sizeof(name), "model-%05zu-of-%05zu.safetensors", index + 1, count);
    return name;
}

std::vector<ParamSpec> mergedParams() {
    std::vector<ParamSpec> specs(1);
    specs[0].key = "shard_gb";
    specs[0].label = "Largest file";
    specs[0].help = "Weights beyond this size are written as several files with an index.";
    specs[0].unit = "GB";
    specs[0].defaultValue = static_cast<double>(kShardBytes) / 1e9;
    specs[0].min = 0.001, specs[0].max = 1000.0;
    specs[0].ifTooHigh = "Some file systems and uploads refuse very large files.";
    specs[0].ifTooLow = "Many small files.";
    specs[0].advanced = true;
    return specs;
}

class MergedExporter final : public Exporter {
public:
    explicit MergedExporter(std::uint64_t shardBytes) : m_shardBytes(shardBytes) {}

    const Described& description() const override {
        static const Described kDescription{
            "merged",
            "Merged model (safetensors)",
            "A complete model folder with the training folded into its weights; opens wherever the base model does.",
            mergedParams()};
        return kDescription;
    }

    Result<std::vector<std::string>> write(const ExportInput& input, const fs::path& folder,
                                           const Progress& progress) const override {
        std::error_code error;
        fs::create_directories(folder, error);
        if (error)
            return fail(errnoError(error.value(), "Cannot create", folder));
        if (fs::equivalent(folder, input.base.folder(), error))
            return fail(ErrorCode::InvalidArgument, folder.string() + " is the base model's own folder",
                        "Choose an empty folder for the export.");
        ATTUNE_CHECK(checkMergeable(input.model, input.base.folder()));
        ATTUNE_ASSIGN(const auto shards, plan(input));
        std::vector<std::string> files;
        double done = 0;
        const auto total = static_cast<double>(std::max<std::uint64_t>(1, input.base.weightBytes()));
        OrderedJson weightMap = OrderedJson::object();
        std::uint64_t totalSize = 0;
        for (std::size_t i = 0; i < shards.size(); ++i) {
            const std::string name = shardName(i, shards.size());
            std::vector<TensorToWrite> tensors;
            at::Tensor current; // the tensor being written, one at a time
            for (const Merged& info : shards[i]) {
                weightMap[info.name] = name;
                totalSize += info.bytes();
                tensors.push_back({info.name, info.type, info.shape, [&]() -> Result<std::span<const std::byte>> {
                                       if (progress.cancelled())
                                           return fail(ErrorCode::Cancelled, "The export was cancelled");
                                       progress.report(done / total, "Merging the weights");
                                       ATTUNE_ASSIGN(current, mergedTensor(info));
                                       done += static_cast<double>(info.bytes());
                                       return std::span(static_cast<const std::byte*>(current.data_ptr()),
                                                        current.nbytes());
                                   }});
            }
            if (i + 1 == shards.size() && input.model.scoreHead) {
                const Parameter& score = *input.model.scoreHead; // outlives the export
                weightMap[score.name] = name;
                totalSize += static_cast<std::uint64_t>(score.value.numel()) * sizeof(float);
                tensors.push_back({score.name, TensorType::F32, score.value.sizes().vec(),
                                   [&current, &score]() -> Result<std::span<const std::byte>> {
                                       current = score.value.to(at::kCPU, at::kFloat).contiguous();
                                       return std::span(static_cast<const std::byte*>(current.data_ptr()),
                                                        current.nbytes());
                                   }});
            }
            ATTUNE_CHECK(writeSafetensors(folder / name, tensors));
            files.push_back(name);
        }
        if (shards.size() > 1) {
            const OrderedJson index{{"metadata", {{"total_size", totalSize}}}, {"weight_map", weightMap}};
            ATTUNE_CHECK(writeFileAtomic(folder / "model.safetensors.index.json", index.dump(2) + "\n"));
            files.push_back("model.safetensors.index.json");
        }
        ATTUNE_ASSIGN(const auto replaced, input.base.replacedFiles());
        for (const auto& [name, original] : replaced) {
            std::string content = original;
            if (name == "config.json") {
                ATTUNE_ASSIGN(content, finalConfig(input.model, std::move(content)));
            }
            ATTUNE_CHECK(writeFileAtomic(folder / name, content));
            files.push_back(name);
        }
        for (const char* name : kCopied) {
            if (!fs::exists(input.base.folder() / name, error))
                continue;
            ATTUNE_ASSIGN(std::string content, readFile(input.base.folder() / name));
            if (name == std::string_view("config.json")) {
                ATTUNE_ASSIGN(content, finalConfig(input.model, std::move(content)));
            }
            ATTUNE_CHECK(writeFileAtomic(folder / name, content));
            files.emplace_back(name);
        }
        return files;
    }

    Result<std::unique_ptr<CausalLm>> reload(const ExportInput&, const fs::path& folder,
                                             const ComputeSettings& settings) const override {
        ATTUNE_ASSIGN(const ModelSource source, ModelSource::open(folder));
        return readModel(source, settings);
    }

private:
    using Shard = std::vector<Merged>;

    // The tensors to be written: those of the base, in its order (buffers nothing reads are left out); for a GGUF base and for a model
    // with more blocks than its base those that its family's folders have.
    Result<std::vector<Merged>> tensors(const ExportInput& input) const {
        std::map<std::string, std::size_t> byName;
        std::vector<Merged> all;
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
                return fail(ErrorCode::InvalidData,
                            input.base.folder().string() + " no longer holds the tensor " + name,
                            "Restore the base model's folder.");
            const ModelFamily::DiskTensor& layout = input.base.gguf() ? named.front()
                                                    : deeper          ? named[spelling(input, inBase, *stored)]
                                                                      : stored->layout;
            const auto [found, added] = byName.emplace(layout.name, all.size());
            if (added) { // of a GGUF base the size follows from the parts
                const TensorInfo& info = *stored->found.tensor;
                all.push_back({layout.name, info.type, info.shape, {}});
                if (input.base.gguf() && place.rows >= 0)
                    all.back().shape[0] = place.rows;
                if (input.base.gguf() && layout.transposed)
                    std::reverse(all.back().shape.begin(), all.back().shape.end());
            }
            Merged& merged = all[found->second];
            if (!layout.rows.empty() && input.base.gguf()) {
                const std::int64_t used = *std::max_element(layout.rows.begin(), layout.rows.end()) + 1;
                merged.shape[0] = added ? used : std::max(merged.shape[0], used);
            } else if (layout.size >= 0 && input.base.gguf()) {
                auto& outputs = merged.shape[layout.transposed ? 1 : 0];
                outputs = added ? layout.begin + layout.size : std::max(outputs, layout.begin + layout.size);
            }
            merged.parts.push_back({place, *stored, layout});
        }
        std::erase_if(all, [](const Merged& merged) { return merged.parts.empty(); });
        return all;
    }

    // Which of its family's spellings the base has a parameter under.
    static std::size_t spelling(const ExportInput& input, const std::string& nameInBase, const StoredTensor& stored) {
        const auto spellings = input.family.diskTensors(nameInBase, input.model.config());
        for (std::size_t i = 0; i < spellings.size(); ++i)
            if (spellings[i].name == stored.layout.name)
                return i;
        return 0;
    }

    // Cut into files.
    Result<std::vector<Shard>> plan(const ExportInput& input) const {
        ATTUNE_ASSIGN(std::vector<Merged> all, tensors(input));
        const std::uint64_t limit = shardBytes(input);
        std::vector<Shard> shards(1);
        std::uint64_t bytes = 0;
        for (Merged& merged : all) {
            if (bytes > 0 && bytes + merged.bytes() > limit)
                shards.emplace_back(), bytes = 0;
            bytes += merged.bytes();
            shards.back().push_back(std::move(merged));
        }
        return shards;
    }

    std::uint64_t shardBytes(const ExportInput& input) const {
        const auto found = input.options.find("shard_gb");
        return found == input.options.end() ? m_shardBytes : static_cast<std::uint64_t>(std::get<double>(found->second) * 1e9);
    }

    std::uint64_t m_shardBytes;
};

} // namespace

std::unique_ptr<Exporter> makeMergedExporter() {
    return makeMergedExporter(kShardBytes);
}
std::unique_ptr<Exporter> makeMergedExporter(std::uint64_t shardBytes) {
    return std::make_unique<MergedExporter>(shardBytes);
}

} // namespace attune
