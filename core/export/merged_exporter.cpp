#include "core/export/merged_exporter.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <map>

#include <ATen/ATen.h>

#include "core/export/weight_reader.h"

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

// A canonical parameter inside the model: which weight holds it, which rows, and the layer's adapter.
struct Place {
    const Weight* weight = nullptr;
    std::int64_t begin = 0, rows = -1; // rows < 0: all
    const LoraAdapter* lora = nullptr;
};

std::map<std::string, Place> places(CausalLm& model) {
    std::map<std::string, Place> all;
    const auto add = [&](const Weight& weight) {
        if (weight.defined())
            all[weight.name] = {&weight};
    };
    add(model.embedding), add(model.positions), add(model.finalNorm.weight), add(model.finalNorm.bias);
    add(model.headBias);
    if (!model.config().tiedHead)
        add(model.head);
    for (Block& block : model.blocks) {
        for (Norm* norm : block.norms())
            add(norm->weight), add(norm->bias);
        for (Linear* linear : block.linears())
            for (LinearPart& part : linear->parts) {
                all[part.name + ".weight"] = {&linear->weight, part.begin, part.rows, part.lora.get()};
                if (linear->bias.defined())
                    all[part.name + ".bias"] = {&linear->bias, part.begin, part.rows, nullptr};
            }
    }
    return all;
}

// The parameter's final value in f32, as it is to be stored: the master when it was trained, else what is stored plus the adapter's product.
Result<at::Tensor> finalValue(const Place& place, const StoredTensor& stored) {
    const at::Tensor& reference = place.weight->trained ? place.weight->trained->value : place.weight->compute;
    const at::Tensor rows = place.rows < 0 ? reference : reference.narrow(0, place.begin, place.rows);
    at::Tensor value = at::empty(rows.sizes(), at::kFloat);
    if (place.weight->trained) {
        value.copy_(rows);
        if (stored.layout.offset != 0.0)
            value.sub_(stored.layout.offset);
    } else {
        StoredTensor asStored = stored;
        asStored.layout.offset = 0.0;
        ATTUNE_CHECK(readStored(asStored, value));
    }
    if (place.lora)
        value.add_(at::mm(place.lora->b.value.to(at::kCPU, at::kFloat), place.lora->a.value.to(at::kCPU, at::kFloat)),
                   place.lora->scale);
    return value;
}

at::ScalarType atType(TensorType type) {
    return type == TensorType::F64    ? at::kDouble
           : type == TensorType::F16  ? at::kHalf
           : type == TensorType::BF16 ? at::kBFloat16
                                      : at::kFloat;
}

struct Contribution {
    Place place;
    StoredTensor stored;
};

Result<at::Tensor> mergedTensor(const TensorInfo& info, const std::vector<Contribution>& parts) {
    at::Tensor full = at::empty(info.shape, at::kFloat);
    for (const Contribution& part : parts) {
        ATTUNE_ASSIGN(const at::Tensor value, finalValue(part.place, part.stored));
        const auto& layout = part.stored.layout;
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

std::string shardName(std::size_t index, std::size_t count) {
    if (count == 1)
        return "model.safetensors";
    char name[64];
    std::snprintf(name, sizeof(name), "model-%05zu-of-%05zu.safetensors", index + 1, count);
    return name;
}

class MergedExporter final : public Exporter {
public:
    explicit MergedExporter(std::uint64_t shardBytes) : m_shardBytes(shardBytes) {}

    const Described& description() const override {
        static const Described kDescription{
            "merged",
            "Merged model (safetensors)",
            "A complete model folder with the training folded into its weights; opens wherever the base model does.",
            {}};
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
            for (const auto& [info, parts] : shards[i]) {
                weightMap[info->name] = name;
                totalSize += info->end - info->begin;
                tensors.push_back({info->name, info->type, info->shape,
                                   [&, info, &parts = parts]() -> Result<std::span<const std::byte>> {
                                       if (progress.cancelled())
                                           return fail(ErrorCode::Cancelled, "The export was cancelled");
                                       progress.report(done / total, "Merging the weights");
                                       ATTUNE_ASSIGN(current, mergedTensor(*info, parts));
                                       done += static_cast<double>(info->end - info->begin);
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
        for (const char* name : kCopied) {
            if (!fs::exists(input.base.folder() / name, error))
                continue;
            ATTUNE_ASSIGN(const std::string content, readFile(input.base.folder() / name));
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
    using Shard = std::vector<std::pair<const TensorInfo*, std::vector<Contribution>>>;

    // Which parameters make up each stored tensor, in the base's order, cut into files. Buffers nothing reads are left
    // out.
    Result<std::vector<Shard>> plan(const ExportInput& input) const {
        std::map<const TensorInfo*, std::vector<Contribution>> contributions;
        for (const auto& [name, place] : places(input.model)) {
            const auto stored = findStored(input.base, input.family, input.model.config(), name);
            if (!stored)
                return fail(ErrorCode::InvalidData,
                            input.base.folder().string() + " no longer holds the tensor " + name,
                            "Restore the base model's folder.");
            contributions[stored->found.tensor].push_back({place, *stored});
        }
        std::vector<Shard> shards(1);
        std::uint64_t bytes = 0;
        for (const auto& file : input.base.files())
            for (const TensorInfo& info : file->tensors()) {
                const auto found = contributions.find(&info);
                if (found == contributions.end())
                    continue;
                if (bytes > 0 && bytes + (info.end - info.begin) > m_shardBytes)
                    shards.emplace_back(), bytes = 0;
                bytes += info.end - info.begin;
                shards.back().emplace_back(&info, std::move(found->second));
            }
        return shards;
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
