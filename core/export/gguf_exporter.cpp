#include "core/export/gguf_exporter.h"

#include <algorithm>
#include <map>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include "core/export/final_weights.h"
#include "core/export/gguf_items.h"
#include "core/export/gguf_mixture.h"
#include "core/export/modelfile.h"
#include "core/model_files/gguf_names.h"
#include "core/model_files/gguf_quantise.h"

namespace attune {

namespace {

constexpr float kLargestHalf = 65504.0f;

// One parameter within a tensor of the file: rows [begin, begin + rows).
struct GgufPart {
    ParameterPlace place;
    StoredTensor stored;
    std::int64_t begin = 0, headRows = 0; // headRows > 0: rows change places within heads of so many
};

struct PlannedTensor {
    std::string name;
    GgmlType type = GgmlType::F32;
    std::vector<std::int64_t> shape; // outermost first
    std::vector<GgufPart> parts;
};

std::string text(const ParamMap& options, const char* key, const std::string& fallback) {
    const auto found = options.find(key);
    return found == options.end() ? fallback : std::get<std::string>(found->second);
}

// The layer in "blk.12.attn_q.weight"; -1 outside blocks.
std::int64_t layerOf(const std::string& name) {
    return name.starts_with("blk.") ? std::strtoll(name.c_str() + 4, nullptr, 10) : -1;
}

Result<std::vector<PlannedTensor>> planTensors(const ExportInput& input, const std::string& architecture, const GgufMixture& mixture) {
    const ModelConfig& config = input.model.config();
    const bool fused = architecture == "gpt2" || architecture == "phi3"; // one tensor for q, k and v
    std::vector<PlannedTensor> tensors;
    std::map<std::string, std::size_t> byName;
    ATTUNE_CHECK(checkMergeable(input.model));
    const auto places = parameterPlaces(input.model);
    struct Named {
        std::string name;
        std::vector<std::int64_t> shape;
    };
    std::vector<Named> parameters; // in the order of the network, those in 4 bits last
    for (const auto& named : input.model.baseTensors())
        parameters.push_back({named.name, named.tensor.sizes().vec()});
    for (const auto& part : input.model.packedParts())
        parameters.push_back({part.name, {part.part->rows, part.linear->inFeatures()}});
    for (const Named& named : parameters) {
        const auto place = places.find(named.name);
        const auto stored = findStored(input.base, input.family, config, named.name);
        const auto wanted = ggufPlaces(named.name, config);
        if (place == places.end() || wanted.empty())
            return fail(ErrorCode::Unsupported, "A GGUF file cannot hold the parameter " + named.name, "Export the merged model instead.");
        if (!stored)
            return fail(ErrorCode::InvalidData, input.base.folder().string() + " no longer holds the tensor " + named.name, "Restore the base model's folder.");
        const GgufPlace& target = fused ? wanted.back() : wanted.front();
        const auto [found, added] = byName.emplace(target.name, tensors.size());
        if (added)
            tensors.push_back({target.name, GgmlType::F32, named.shape, {}});
        PlannedTensor& tensor = tensors[found->second];
        GgufPart part{place->second, *stored, std::max<std::int64_t>(0, target.begin), 0};
        if (!added)
            tensor.shape[0] += named.shape[0];
        const bool rotated = named.name.find(".q_proj.") != std::string::npos || named.name.find(".k_proj.") != std::string::npos;
        if (rotated && interleavesRotary(architecture))
            part.headRows = config.headDim;
        tensor.parts.push_back(std::move(part));
    }
    for (PlannedTensor& tensor : tensors)
        tensor.type = mixtureType(mixture, tensor.name, tensor.shape, layerOf(tensor.name), config.layers, config.tiedHead, config.experts);
    return tensors;
}

// Experts lie one after the other in our rows.
std::vector<std::int64_t> fileShape(const PlannedTensor& tensor, const ModelConfig& config) {
    if (!holdsAllExperts(tensor.name))
        return tensor.shape;
    return {config.experts, tensor.shape[0] / config.experts, tensor.shape[1]};
}

Result<at::Tensor> wholeTensor(const PlannedTensor& planned) {
    at::Tensor full = at::empty(planned.shape, at::kFloat);
    for (const GgufPart& part : planned.parts) {
        ATTUNE_ASSIGN(at::Tensor value, finalValue(part.place, part.stored));
        if (part.stored.layout.offset != 0.0) // Gemma's norms: llama.cpp keeps what multiplies
            value.add_(part.stored.layout.offset);
        at::Tensor region = full.narrow(0, part.begin, value.size(0));
        if (part.headRows > 0) {
            at::Tensor to = at::empty({value.size(0)}, at::kLong);
            for (std::int64_t row = 0; row < value.size(0); ++row)
                to.data_ptr<std::int64_t>()[row] = interleavedRow(row, part.headRows);
            region.index_copy_(0, to, value);
        } else {
            region.copy_(value);
        }
    }
    if (!at::isfinite(full).all().item<bool>())
        return fail(ErrorCode::Numerical, "The merged tensor " + planned.name + " holds NaN or infinite numbers", "Export another checkpoint.");

    if (planned.type == GgmlType::F16 && full.numel() > 0 && full.abs().max().item<float>() > kLargestHalf)
        return fail(ErrorCode::Numerical, "The merged tensor " + planned.name + " is too large for F16", "Choose bf16.");
    return full;
}

// Rows into blocks, several rows at a time.
std::vector<std::byte> packed(const at::Tensor& full, GgmlType type) {
    const GgmlTypeFacts& facts = ggmlTypeFacts(type);
    const std::int64_t width = full.size(-1), rows = full.numel() / width;
    const auto rowBytes = static_cast<std::size_t>(width / facts.blockLength * facts.blockBytes);
    std::vector<std::byte> bytes(static_cast<std::size_t>(rows) * rowBytes);
    const float* numbers = full.data_ptr<float>();
    at::parallel_for(0, rows, std::max<std::int64_t>(1, 32'768 / width), [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t row = begin; row < end; ++row)
            quantiseRow(type, {numbers + row * width, static_cast<std::size_t>(width)},
                        std::span(bytes).subspan(static_cast<std::size_t>(row) * rowBytes, rowBytes));
    });
    return bytes;
}

// A name to show: that of the base without its path.
std::string modelName(const ExportInput& input) {
    const fs::path path = input.baseModelName.empty() ? input.base.folder() : fs::path(input.baseModelName);
    const std::string name = path.stem().string();
    return name.empty() || name == "." ? "model" : name;
}

std::vector<ParamSpec> ggufParams() {
    std::vector<ParamSpec> specs(2);
    specs[0].key = "quant";
    specs[0].label = "Quantisation";
    specs[0].help = "How many bits a weight keeps: q8_0 loses next to nothing, q4_k_m is about half its size at a small loss.";
    specs[0].defaultValue = std::string("q8_0");
    for (const GgufMixture& mixture : ggufMixtures())
        specs[0].choices.push_back(mixture.id);
    specs[0].ifTooHigh = "f16 and bf16 files are two to four times as large.";
    specs[0].ifTooLow = "q4_0 answers noticeably worse.";
    specs[0].guided = true;
    specs[1].key = "system";
    specs[1].label = "System message";
    specs[1].help = "Written into the Modelfile; Ollama puts it before every conversation.";
    specs[1].defaultValue = std::string();
    return specs;
}

class GgufExporter final : public Exporter {
public:
    const Described& description() const override {
        static const Described kDescription{
            "gguf",
            "GGUF (llama.cpp, Ollama)",
            "One file for programs that run models on a desktop, with the training folded in and the weights in few bits.",
            ggufParams()};
        return kDescription;
    }

    Result<std::vector<std::string>> write(const ExportInput& input, const fs::path& folder, const Progress& progress) const override {
        const std::string quant = text(input.options, "quant", "q8_0");
        const GgufMixture* mixture = findGgufMixture(quant);
        if (!mixture)
            return fail(ErrorCode::InvalidArgument, "There is no quantisation \"" + quant.substr(0, 40) + "\"", "Choose q8_0, q4_k_m, q4_0, f16 or bf16.");
        const ModelConfig& config = input.model.config();
        ATTUNE_ASSIGN(const std::string architecture, ggufArchitectureOf(config));
        ATTUNE_ASSIGN(const GgufItems items, allItems(input, architecture, *mixture));
        ATTUNE_ASSIGN(const std::vector<PlannedTensor> planned, planTensors(input, architecture, *mixture));
        std::error_code error;
        fs::create_directories(folder, error);
        if (error)
            return fail(errnoError(error.value(), "Cannot create", folder));

        std::vector<GgufTensorToWrite> tensors;
        std::vector<std::byte> current; // the tensor being written, one at a time
        std::size_t done = 0;
        const auto ropeTensors = ggufRopeTensors(config);
        for (const auto& [name, divisors] : ropeTensors)
            tensors.push_back({name, GgmlType::F32, {static_cast<std::int64_t>(divisors.size())},
                               [numbers = std::span(divisors)]() -> Result<std::span<const std::byte>> { return std::as_bytes(numbers); }});
        for (const PlannedTensor& tensor : planned)
            tensors.push_back({tensor.name, tensor.type, fileShape(tensor, config), [&]() -> Result<std::span<const std::byte>> {
                                   if (progress.cancelled())
                                       return fail(ErrorCode::Cancelled, "The export was cancelled");
                                   progress.report(static_cast<double>(done++) / static_cast<double>(planned.size()), "Writing the weights");
                                   ATTUNE_ASSIGN(const at::Tensor full, wholeTensor(tensor));
                                   current = packed(full, tensor.type);
                                   return std::span<const std::byte>(current);
                               }});
        const std::string file = modelName(input) + "-" + mixture->name + ".gguf";
        ATTUNE_CHECK(writeGguf(folder / file, items, tensors));
        ATTUNE_ASSIGN(const std::string modelfile, makeModelfile(file, input.base.folder(), config, text(input.options, "system", "")));
        ATTUNE_CHECK(writeFileAtomic(folder / kModelfile, modelfile));
        return std::vector<std::string>{file, kModelfile};
    }

    Result<std::unique_ptr<CausalLm>> reload(const ExportInput&, const fs::path& folder, const ComputeSettings& settings) const override {
        std::error_code error;
        for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error))
            if (it->path().extension() == ".gguf") {
                ATTUNE_ASSIGN(const ModelSource source, ModelSource::open(it->path()));
                ATTUNE_CHECK(Tokenizer::load(it->path()).map([](const auto&) {})); // a file without its tokenizer is of no use
                return readModel(source, settings);
            }
        return fail(ErrorCode::NotFound, folder.string() + " holds no GGUF file", "Export again.");
    }

private:
    static Result<GgufItems> allItems(const ExportInput& input, const std::string& architecture, const GgufMixture& mixture) {
        const ModelConfig& config = input.model.config();
        GgufItems items{{"general.architecture", architecture},
                        {"general.type", std::string("model")},
                        {"general.name", modelName(input)},
                        {"general.file_type", mixture.number},
                        {"general.quantization_version", std::uint32_t{2}}};
        ATTUNE_ASSIGN(GgufItems shape, ggufModelItems(config, architecture));
        ATTUNE_ASSIGN(const std::shared_ptr<const Tokenizer> tokenizer, Tokenizer::load(input.base.folder()));
        ATTUNE_ASSIGN(GgufItems vocabulary, ggufTokenizerItems(input.base, *tokenizer, config));
        for (GgufItems* part : {&shape, &vocabulary})
            std::move(part->begin(), part->end(), std::back_inserter(items));
        return items;
    }
};

} // namespace

std::unique_ptr<Exporter> makeGgufExporter() {
    return std::make_unique<GgufExporter>();
}

} // namespace attune
