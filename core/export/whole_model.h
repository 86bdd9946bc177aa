// The tensors and small files of a complete model folder after training, in the base's layout: what the exporters that write such folders
// share. Engine thread.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/export/exporter.h"
#include "core/export/final_weights.h"
#include "core/model_files/safetensors.h"

namespace attune {

inline constexpr std::uint64_t kShardBytes = 5'000'000'000; // Hugging Face's default

/// The option "shard_gb" of exporters that write folders, and its value in bytes.
ParamSpec shardParam();
std::uint64_t shardBytes(const ParamMap& options, std::uint64_t fallback);

/// A tensor to be written and the parameters that make it up.
struct WholeTensor {
    struct Part {
        ParameterPlace place;
        StoredTensor stored;            // where the base has it
        ModelFamily::DiskTensor layout; // where the written tensor has it
    };
    std::string name;
    TensorType type = TensorType::F32; // of the base; of a base in 4 bits what its codes were rounded from
    std::vector<std::int64_t> shape;
    std::vector<Part> parts;
    bool linear() const; // the weight of a linear layer of a block
};

/// The tensors of the base, in its order (buffers nothing reads are left out); for a GGUF base and for a model with more blocks than its
/// base those that its family's folders have. A reward model's score head is not among them. Errors: InvalidData (the base's folder changed).
Result<std::vector<WholeTensor>> wholeTensors(const ExportInput& input);

/// The tensor's numbers in f32, its whole shape. Errors: Numerical (NaN or infinite numbers), and those of finalValue.
Result<at::Tensor> wholeValue(const WholeTensor& tensor);
/// `value` in the tensor's type: the one rounding. Errors: Numerical (too large for the type).
Result<at::Tensor> rounded(const WholeTensor& tensor, const at::Tensor& value);

/// Tensors that have to stand in one file.
using TensorGroup = std::vector<TensorToWrite>;

/// The score head, if the model has one, as a tensor to be written.
std::vector<TensorGroup> scoreHeadGroup(const CausalLm& model);

/// Writes model.safetensors, or several files of about `limit` bytes with their index. Calls `bytes` of each tensor once, in order. Returns
/// the files' names.
Result<std::vector<std::string>> writeShards(const fs::path& folder, const std::vector<TensorGroup>& groups, std::uint64_t limit);

/// config.json for what the model has become (a reward model, more blocks, weights no longer in 4 bits), changed further by `change`, and
/// the tokenizer's and licence files of the base. Returns the files' names.
Result<std::vector<std::string>> writeSmallFiles(const ExportInput& input, const fs::path& folder, const std::function<void(Json&)>& change = {});

/// Creates the folder. Errors: InvalidArgument (the base's own folder), Io.
Status prepareFolder(const ExportInput& input, const fs::path& folder);

} // namespace attune
