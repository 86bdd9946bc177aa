#include "core/export/weight_reader.h"

#include <algorithm>
#include <set>

#include <ATen/ATen.h>

#include "core/export/nf4_reader.h"
#include "core/model_files/gguf_names.h"
#include "core/nn/kernels/kernel_table.h"

namespace attune {

namespace {

constexpr const char* kScoreHeadName = "score.weight"; // a reward model's
constexpr std::int64_t kChunkBytes = std::int64_t{8} << 20;

std::string shapeText(at::IntArrayRef shape) {
    std::string text = "[";
    for (std::size_t i = 0; i < shape.size(); ++i)
        text += (i ? ", " : "") + std::to_string(shape[i]);
    return text + "]";
}

std::optional<at::ScalarType> scalarType(TensorType type) {
    switch (type) {
    case TensorType::F64:
        return at::kDouble;
    case TensorType::F32:
        return at::kFloat;
    case TensorType::F16:
        return at::kHalf;
    case TensorType::BF16:
        return at::kBFloat16;
    default:
        return std::nullopt;
    }
}

// Rows [first, first + count) of the stored tensor (all of it has `width` numbers a row) into staging memory.
Status readRows(const StoredTensor& stored, std::int64_t first, std::int64_t count, std::int64_t width,
                at::Tensor staging) {
    const std::size_t bytes = tensorTypeBytes(stored.found.tensor->type);
    const std::size_t rowBytes = static_cast<std::size_t>(width) * bytes;
    return stored.found.file->read(
        *stored.found.tensor, {static_cast<std::byte*>(staging.data_ptr()), static_cast<std::size_t>(count) * rowBytes},
        static_cast<std::uint64_t>(first) * rowBytes);
}

std::string asksFor(const StoredTensor& stored, const std::vector<std::int64_t>& expected) {
    return (stored.layout.size >= 0 || !stored.layout.rows.empty() ? "a part " : "") + shapeText(expected);
}

Status checkStoredShape(const StoredTensor& stored, const at::Tensor& target) {
    const TensorInfo& tensor = *stored.found.tensor;
    const std::size_t outAxis = stored.layout.transposed ? 1 : 0;
    std::vector<std::int64_t> expected(target.sizes().begin(), target.sizes().end());
    if (stored.layout.transposed)
        std::reverse(expected.begin(), expected.end());
    const auto& rows = stored.layout.rows;
    const bool part = stored.layout.size >= 0 || !rows.empty();
    const std::int64_t used = rows.empty() ? stored.layout.begin + stored.layout.size
                                           : *std::max_element(rows.begin(), rows.end()) + 1;
    const std::int64_t size = rows.empty() ? stored.layout.size : static_cast<std::int64_t>(rows.size());
    bool good = tensor.shape.size() == expected.size();
    for (std::size_t i = 0; good && i < expected.size(); ++i)
        good = i == outAxis && part ? tensor.shape[i] >= used : tensor.shape[i] == expected[i];
    if (good && part)
        good = size == expected[outAxis];
    if (good)
        return {};
    return fail(ErrorCode::InvalidData,
                stored.found.file->path().string() + ": tensor " + tensor.name + " has the shape " +
                    shapeText(tensor.shape) + ", config.json asks for " + asksFor(stored, expected),
                "The weights and config.json do not belong together; download both again.");
}

// Consecutive rows, as stored or transposed.
Status readRange(const StoredTensor& stored, at::ScalarType type, at::Tensor target) {
    const TensorInfo& tensor = *stored.found.tensor;
    const bool transposed = stored.layout.transposed;
    // Rows of the file: outputs when stored like ours, inputs when transposed (then each row holds every output).
    const std::int64_t fileRows = transposed ? target.size(1) : target.size(0);
    const std::int64_t width = tensor.shape.size() == 2 ? tensor.shape[1] : 1;
    const std::int64_t first = transposed ? 0 : stored.layout.begin;
    const std::int64_t rowBytes =
        std::max<std::int64_t>(1, width * static_cast<std::int64_t>(tensorTypeBytes(tensor.type)));
    const std::int64_t step = std::clamp<std::int64_t>(kChunkBytes / rowBytes, 1, fileRows);
    if (!transposed && target.scalar_type() == type && target.is_contiguous() && target.device().is_cpu())
        return readRows(stored, first, fileRows, width, target);
    at::Tensor staging = at::empty({step, width}, at::TensorOptions().dtype(type));
    for (std::int64_t row = 0; row < fileRows; row += step) {
        const std::int64_t count = std::min(step, fileRows - row);
        ATTUNE_CHECK(readRows(stored, first + row, count, width, staging));
        const at::Tensor chunk = staging.narrow(0, 0, count);
        if (transposed)
            target.narrow(1, row, count).copy_(chunk.narrow(1, stored.layout.begin, target.size(0)).t());
        else
            target.narrow(0, row, count).copy_(target.dim() == 2 ? chunk : chunk.squeeze(1));
    }
    return {};
}

// Each run of consecutive stored rows is one read.
Status readPickedRows(const StoredTensor& stored, at::ScalarType type, at::Tensor target) {
    const TensorInfo& tensor = *stored.found.tensor;
    const std::vector<std::int64_t>& rows = stored.layout.rows;
    const std::int64_t width = tensor.shape.size() == 2 ? tensor.shape[1] : 1;
    for (std::size_t begin = 0; begin < rows.size();) {
        std::size_t end = begin + 1;
        while (end < rows.size() && rows[end] == rows[end - 1] + 1)
            ++end;
        const auto count = static_cast<std::int64_t>(end - begin);
        const at::Tensor staging = at::empty({count, width}, at::TensorOptions().dtype(type));
        ATTUNE_CHECK(readRows(stored, rows[begin], count, width, staging));
        target.narrow(0, static_cast<std::int64_t>(begin), count).copy_(target.dim() == 2 ? staging : staging.squeeze(1));
        begin = end;
    }
    return {};
}

} // namespace

Result<at::ScalarType> computeType(std::string_view precision) {
    if (precision == "auto")
        return kernels::cpuHasFastBf16() ? at::kBFloat16 : at::kFloat;
    if (precision == "bf16")
        return at::kBFloat16;
    if (precision == "f32")
        return at::kFloat;
    if (precision == "f64")
        return at::kDouble;
    return fail(ErrorCode::InvalidArgument, "The precision \"" + std::string(precision) + "\" is not known",
                "Choose auto, bf16 or f32.");
}

std::optional<StoredTensor> findStored(const ModelSource& source, const ModelFamily& family, const ModelConfig& config,
                                       std::string_view canonicalName) {
    if (source.gguf()) {
        for (const GgufPlace& place : ggufPlaces(canonicalName, config))
            if (const auto found = source.find(place.name))
                return StoredTensor{*found, {.name = place.name, .begin = place.begin, .size = place.size}};
        return std::nullopt;
    }
    for (const auto& layout : family.diskTensors(canonicalName, config))
        if (const auto found = source.find(layout.name))
            return StoredTensor{*found, layout};
    return std::nullopt;
}

Status readStored(const StoredTensor& stored, at::Tensor target) {
    const TensorInfo& tensor = *stored.found.tensor;
    const auto type = scalarType(tensor.type);
    if (!type)
        return fail(ErrorCode::Unsupported,
                    stored.found.file->path().string() + ": tensor " + tensor.name + " is stored as " +
                        tensorTypeName(tensor.type),
                    "Choose the unquantised version of the model.");
    ATTUNE_CHECK(checkStoredShape(stored, target));
    if (target.numel() == 0)
        return {};
    if (!stored.layout.rows.empty())
        ATTUNE_CHECK(readPickedRows(stored, *type, target));
    else
        ATTUNE_CHECK(readRange(stored, *type, target));
    if (stored.layout.offset != 0.0)
        target.add_(stored.layout.offset);
    return {};
}

Status readBaseWeights(const ModelSource& source, const ModelFamily& family, CausalLm& model, std::stop_token stop,
                       const std::function<void(double fraction)>& progress) {
    const ModelConfig& config = model.config();
    std::set<std::string> used;
    struct Work {
        at::Tensor tensor;
        CausalLm::PackedPart packed;
        StoredTensor stored;
    };
    std::vector<Work> work;
    std::string missing;
    int missingCount = 0;
    const auto plan = [&](const std::string& name, at::Tensor tensor, const CausalLm::PackedPart& packed) {
        const auto stored = findStored(source, family, config, name);
        if (!stored) {
            const auto names = family.diskTensors(name, config);
            if (++missingCount <= 3)
                missing += (missing.empty() ? "" : ", ") + (names.empty() ? name : names.front().name);
            return;
        }
        used.insert(stored->layout.name);
        if (isNf4(source, *stored))
            for (const char* ending : kNf4StateEndings)
                used.insert(stored->layout.name + ending);
        work.push_back({std::move(tensor), packed, *stored});
    };
    for (CausalLm::NamedTensor& named : model.baseTensors())
        plan(named.name, std::move(named.tensor), {});
    for (const CausalLm::PackedPart& packed : model.packedParts())
        plan(packed.name, {}, packed);
    if (missingCount > 0)
        return fail(ErrorCode::InvalidData,
                    source.folder().string() + " lacks " + std::to_string(missingCount) +
                        " of the tensors that config.json asks for: " + missing + (missingCount > 3 ? ", ..." : ""),
                    "The download is incomplete or config.json belongs to another model.");
    for (const std::string& name : source.tensorNames())
        if (!used.contains(name) && name != kScoreHeadName &&
            !(source.gguf() ? ignorableGgufTensor(name, config) : family.ignorable(name, config)))
            return fail(
                ErrorCode::Unsupported,
                source.folder().string() + ": nothing in a " + config.architecture +
                    " of this config.json uses the tensor " + name.substr(0, 120),
                "The network differs from the one known here; leaving the tensor out would give wrong answers.");
    double done = 0;
    const auto total = static_cast<double>(std::max<std::uint64_t>(1, source.weightBytes()));
    for (auto& [tensor, packed, stored] : work) {
        if (stop.stop_requested())
            return fail(ErrorCode::Cancelled, "Loading the model was cancelled");
        if (packed.part)
            ATTUNE_CHECK(readPackedPart(source, stored, packed, model.settings().dtype,
                                        model.settings().linears == LinearFormat::Nf4));
        else if (tensor.dim() == 2 && isNf4(source, stored)) // an embedding or head
            ATTUNE_CHECK(unpackNf4(source, stored, tensor));
        else
            ATTUNE_CHECK(readStored(stored, tensor));
        const std::int64_t numbers = packed.part ? packed.part->rows * packed.linear->inFeatures() : tensor.numel();
        done += static_cast<double>(numbers) * static_cast<double>(tensorTypeBytes(stored.found.tensor->type));
        if (progress)
            progress(std::min(1.0, done / total));
    }
    model.unpackPlainLayers();
    return {};
}

Result<std::unique_ptr<CausalLm>> readModel(const ModelSource& source, const ComputeSettings& settings,
                                            std::stop_token stop,
                                            const std::function<void(double fraction)>& progress) {
    ATTUNE_ASSIGN(const ModelConfig config, readModelConfig(source));
    const ModelFamily* family = findFamily(config.architecture);
    if (!family)
        return fail(ErrorCode::Internal, "No family for " + config.architecture);
    // Nothing is allocated from a declared size: the stored tensors (checked against the file's real length) must be
    // about as many numbers as the config asks for.
    double stored = 0;
    for (const auto& file : source.files())
        for (const TensorInfo& tensor : file->tensors())
            stored += static_cast<double>(tensor.elements()) *
                      (isNf4(source, {{file.get(), &tensor}, {}}) ? 2.0 * static_cast<double>(tensorTypeBytes(tensor.type)) : 1.0); // two a byte
    const double asked =
        static_cast<double>(config.layers) * static_cast<double>(config.hiddenSize) *
            (2.0 * static_cast<double>(config.heads + config.kvHeads) * static_cast<double>(config.headDim) +
             (config.gatedMlp ? 3.0 : 2.0) * static_cast<double>(config.intermediateSize) *
                 static_cast<double>(std::max<std::int64_t>(1, config.experts))) +
        static_cast<double>(config.vocabularySize) * static_cast<double>(config.hiddenSize);
    constexpr double kSmall = 16e6; // below this the exact shape errors below are the better message
    if (asked > kSmall && asked > 1.5 * stored)
        return fail(ErrorCode::InvalidData,
                    source.folder().string() + ": config.json describes a far larger model than its weights hold",
                    "The download is incomplete or config.json belongs to another model.");
    ComputeSettings packed = settings;
    if (storesNf4(source))
        packed.linears = LinearFormat::AsStored;
    ATTUNE_ASSIGN(std::unique_ptr<CausalLm> model, CausalLm::create(config, packed));
    ATTUNE_CHECK(readBaseWeights(source, *family, *model, stop, progress));
    if (const auto score = source.find(kScoreHeadName)) {
        model->addScoreHead(0);
        ATTUNE_CHECK(readStored({*score, {.name = kScoreHeadName}}, model->scoreHead->value));
    }
    return model;
}

} // namespace attune
