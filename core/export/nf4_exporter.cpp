#include "core/export/nf4_exporter.h"

#include <algorithm>
#include <set>

#include <ATen/ATen.h>

#include "core/export/nf4_reader.h"
#include "core/export/peft_adapter.h"
#include "core/export/whole_model.h"
#include "core/nn/kernels/kernel_table.h"

namespace attune {

namespace {

constexpr std::size_t kStateBytes = 256; // the quant_state's text is filled up with spaces: its length must be known before its numbers are
constexpr const char* kAdapterFolder = "adapter";

std::vector<ParamSpec> nf4Params() {
    ParamSpec merge;
    merge.key = "merge";
    merge.label = "Fold the training in";
    merge.help = "Off: the folder holds the base model in 4 bits, exactly as QLoRA computed with it, and the adapter beside it in adapter/.";
    merge.defaultValue = true;
    merge.ifTooHigh = "On, the sum of base and adapter is rounded once more: answers may differ a little.";
    merge.ifTooLow = "Off, programs must load the adapter as well.";
    return {merge, shardParam()};
}

std::span<const std::byte> bytesOfTensor(const at::Tensor& tensor) {
    return {static_cast<const std::byte*>(tensor.data_ptr()), tensor.nbytes()};
}

const char* torchName(TensorType type) {
    return type == TensorType::F16 ? "float16" : type == TensorType::BF16 ? "bfloat16" : "float32";
}

// Routers of experts stay as they are: in 4 bits they would send tokens to other experts than QLoRA, which leaves them, did.
bool isRouter(const CausalLm& model, const WholeTensor& tensor) {
    return std::any_of(model.blocks.begin(), model.blocks.end(),
                       [&](const Block& block) { return tensor.parts.front().place.weight == &block.router.weight; });
}

// A weight being written: quantised when its first tensor's turn comes.
struct PackedWeight {
    Nf4Matrix matrix;
    at::Tensor codebook = at::empty({16}, at::kFloat);
    std::string state;
};

void describeState(PackedWeight& weight, TensorType type) {
    OrderedJson state{{"quant_type", "nf4"},
                      {"blocksize", kNf4BlockSize},
                      {"dtype", torchName(type)},
                      {"shape", {weight.matrix.rows, weight.matrix.columns}},
                      {"nested_blocksize", kNf4NestedBlockSize},
                      {"nested_dtype", "float32"},
                      {"nested_offset", static_cast<double>(weight.matrix.nestedOffset)}};
    weight.state = state.dump();
    weight.state.resize(std::max(weight.state.size(), kStateBytes), ' ');
}

class Nf4Exporter final : public Exporter {
public:
    Nf4Exporter() {
        m_description.id = "nf4";
        m_description.title = "4-bit model (bitsandbytes)";
        m_description.summary = "A model folder with its linear weights in 4 bits (NF4, double quantisation), a quarter of the size; opens in "
                                "transformers with bitsandbytes, and here for further training with QLoRA.";
        m_description.params = nf4Params();
    }
    const Described& description() const override { return m_description; }

    Result<std::vector<std::string>> write(const ExportInput& input, const fs::path& folder, const Progress& progress) const override {
        const auto option = input.options.find("merge");
        const bool merge = option == input.options.end() || std::get<bool>(option->second);
        ATTUNE_CHECK(merge ? checkMergeable(input.model) : checkApart(input.model));
        ATTUNE_CHECK(prepareFolder(input, folder));
        ATTUNE_ASSIGN(std::vector<WholeTensor> tensors, wholeTensors(input));
        if (!merge)
            for (WholeTensor& tensor : tensors)
                for (WholeTensor::Part& part : tensor.parts)
                    part.place.lora = nullptr;

        const bool packedBase = storesNf4(input.base);
        std::vector<TensorGroup> groups;
        double done = 0;
        const auto total = static_cast<double>(std::max<std::size_t>(1, tensors.size()));
        at::Tensor current; // the tensor being written, one at a time
        PackedWeight weight;
        TensorType computed = TensorType::BF16;
        const auto begin = [&]() -> Status {
            if (progress.cancelled())
                return fail(ErrorCode::Cancelled, "The export was cancelled");
            progress.report(std::min(1.0, done++ / total), "Rounding the weights to 4 bits");
            return {};
        };
        for (const WholeTensor& tensor : tensors) {
            const StoredTensor& stored = tensor.parts.front().stored;
            const bool wasPacked = packedBase && isNf4(input.base, stored);
            if (wasPacked && !merge) {
                groups.push_back(copied(input.base, stored, begin, current));
            } else if (tensor.linear() && tensor.shape.size() == 2 && (wasPacked || (!packedBase && !isRouter(input.model, tensor)))) {
                computed = tensor.type;
                groups.push_back(packed(tensor, stored.layout.transposed || tensor.parts.front().layout.transposed, begin, weight));
            } else {
                groups.push_back({{tensor.name, tensor.type, tensor.shape, [&]() -> Result<std::span<const std::byte>> {
                                       ATTUNE_CHECK(begin());
                                       ATTUNE_ASSIGN(const at::Tensor value, wholeValue(tensor));
                                       ATTUNE_ASSIGN(current, rounded(tensor, value));
                                       return bytesOfTensor(current);
                                   }}});
            }
        }
        for (TensorGroup& group : scoreHeadGroup(input.model))
            groups.push_back(std::move(group));
        ATTUNE_ASSIGN(std::vector<std::string> files, writeShards(folder, groups, shardBytes(input.options, kShardBytes)));
        ATTUNE_ASSIGN(const auto small, writeSmallFiles(input, folder, [&](Json& config) {
                          config["quantization_config"] = quantisation(input, packedBase, merge, computed);
                      }));
        files.insert(files.end(), small.begin(), small.end());
        if (!merge) {
            ATTUNE_ASSIGN(const auto adapter, writePeftAdapter(folder / kAdapterFolder, input.family, input.model, input.baseModelName));
            for (const std::string& file : adapter)
                files.push_back(std::string(kAdapterFolder) + "/" + file);
        }
        return files;
    }

    Result<std::unique_ptr<CausalLm>> reload(const ExportInput& input, const fs::path& folder, const ComputeSettings& settings) const override {
        ATTUNE_ASSIGN(const ModelSource source, ModelSource::open(folder));
        ATTUNE_ASSIGN(std::unique_ptr<CausalLm> model, readModel(source, settings));
        std::error_code error;
        if (fs::exists(folder / kAdapterFolder / kPeftConfigFile, error))
            ATTUNE_CHECK(readPeftAdapter(folder / kAdapterFolder, input.family, *model));
        return model;
    }

private:
    using Begin = std::function<Status()>;

    // Whether there is something to keep beside the base.
    static Status checkApart(CausalLm& model) {
        bool adapter = model.prompt != nullptr;
        for (const LinearPart* part : model.linearParts())
            adapter |= part->lora != nullptr;
        if (!adapter || model.scoreHead)
            return fail(ErrorCode::InvalidArgument,
                        adapter ? "A reward model is written as a whole" : "The run trained the model's own weights: there is no adapter to keep apart",
                        "Leave the option merge on.");
        return {};
    }

    // The weight and the tensors beside it, in bitsandbytes' names. `turned`: the base has it as [in, out]; in 4 bits it is [out, in] everywhere.
    static TensorGroup packed(const WholeTensor& tensor, bool turned, const Begin& begin, PackedWeight& weight) {
        const std::int64_t n = tensor.shape[0] * tensor.shape[1], blocks = (n + kNf4BlockSize - 1) / kNf4BlockSize;
        const std::int64_t nested = (blocks + kNf4NestedBlockSize - 1) / kNf4NestedBlockSize;
        const auto give = [&weight](auto member) {
            return [&weight, member]() -> Result<std::span<const std::byte>> { return bytesOfTensor(member(weight)); };
        };
        return {{tensor.name, TensorType::U8, {(n + 1) / 2, 1},
                 [&tensor, turned, begin, &weight]() -> Result<std::span<const std::byte>> {
                     ATTUNE_CHECK(begin());
                     ATTUNE_ASSIGN(at::Tensor value, wholeValue(tensor));
                     weight.matrix = quantizeNf4(turned ? value.t() : value);
                     std::copy_n(kernels::kNf4Values, 16, weight.codebook.data_ptr<float>());
                     describeState(weight, tensor.type);
                     return bytesOfTensor(weight.matrix.codes);
                 }},
                {tensor.name + ".absmax", TensorType::U8, {blocks}, give([](PackedWeight& w) { return w.matrix.absmax; })},
                {tensor.name + ".nested_absmax", TensorType::F32, {nested}, give([](PackedWeight& w) { return w.matrix.nestedAbsmax; })},
                {tensor.name + ".nested_quant_map", TensorType::F32, {256}, give([](PackedWeight& w) { return w.matrix.nestedMap; })},
                {tensor.name + ".quant_map", TensorType::F32, {16}, give([](PackedWeight& w) { return w.codebook; })},
                {tensor.name + ".quant_state.bitsandbytes__nf4", TensorType::U8, {static_cast<std::int64_t>(kStateBytes)},
                 [&weight]() -> Result<std::span<const std::byte>> { return std::as_bytes(std::span(weight.state)); }}};
    }

    // The weight and what is beside it, byte for byte.
    static TensorGroup copied(const ModelSource& base, const StoredTensor& stored, const Begin& begin, at::Tensor& current) {
        TensorGroup group;
        const auto add = [&](const ModelSource::Found& found) {
            group.push_back({found.tensor->name, found.tensor->type, found.tensor->shape,
                             [found, begin, first = group.empty(), &current]() -> Result<std::span<const std::byte>> {
                                 if (first)
                                     ATTUNE_CHECK(begin());
                                 current = at::empty({static_cast<std::int64_t>(found.tensor->end - found.tensor->begin)}, at::kByte);
                                 ATTUNE_CHECK(found.file->read(*found.tensor, {static_cast<std::byte*>(current.data_ptr()), current.nbytes()}));
                                 return bytesOfTensor(current);
                             }});
        };
        add(stored.found);
        for (const char* ending : kNf4StateEndings)
            if (const auto found = base.find(stored.found.tensor->name + ending))
                add(*found);
        return group;
    }

    // As transformers writes it. Without double quantisation only where a base in 4 bits had none and was copied.
    static Json quantisation(const ExportInput& input, bool packedBase, bool merge, TensorType computed) {
        const Json& before = input.base.config();
        Json config = packedBase && before.contains("quantization_config") ? before["quantization_config"] : Json::object();
        if (packedBase && !merge)
            return config;
        std::set<std::string> skipped;
        for (const auto& layout : input.family.diskTensors("lm_head.weight", input.model.config()))
            skipped.insert(layout.name.substr(0, layout.name.rfind('.')));
        if (input.model.scoreHead)
            skipped.insert("score");
        for (const Block& block : input.model.blocks)
            if (!block.experts.empty() && !block.router.packed)
                skipped.insert(input.family.peftModule(block.router.parts.front().name, input.model.config()));
        const Json known = config.value("llm_int8_skip_modules", Json());
        for (const Json& module : known.is_array() ? known : Json::array())
            if (module.is_string())
                skipped.insert(module.get<std::string>());
        config.update({{"quant_method", "bitsandbytes"},
                       {"load_in_4bit", true},
                       {"load_in_8bit", false},
                       {"_load_in_4bit", true},
                       {"_load_in_8bit", false},
                       {"bnb_4bit_quant_type", "nf4"},
                       {"bnb_4bit_use_double_quant", true},
                       {"bnb_4bit_compute_dtype", torchName(computed)},
                       {"bnb_4bit_quant_storage", "uint8"},
                       {"llm_int8_enable_fp32_cpu_offload", false},
                       {"llm_int8_has_fp16_weight", false},
                       {"llm_int8_skip_modules", skipped},
                       {"llm_int8_threshold", 6.0}});
        return config;
    }

    Described m_description;
};

} // namespace

std::unique_ptr<Exporter> makeNf4Exporter() {
    return std::make_unique<Nf4Exporter>();
}

} // namespace attune
