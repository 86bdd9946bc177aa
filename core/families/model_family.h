// A model family: how one kind of model writes its config and names its tensors. Torch-free data; the network itself is
// built by core/nn from the ModelConfig. A new family is one file and one line in builtin_families.cpp.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/json.h"
#include "core/base/result.h"
#include "core/model_files/model_config.h"
#include "core/model_files/model_source.h"

namespace attune {

class ModelFamily {
public:
    virtual ~ModelFamily() = default;
    virtual std::string id() const = 0;
    virtual bool accepts(std::string_view architecture) const = 0;
    /// Errors: InvalidData (missing or impossible value, named), Unsupported (a key that changes the mathematics,
    /// named).
    virtual Result<ModelConfig> readConfig(const Json& config) const = 0;
    /// Our canonical parameter name -> the tensor name(s) on disk, first one that exists is taken. Canonical names are
    /// the Hugging Face Llama names ("model.layers.0.self_attn.q_proj.weight"); a family may map several canonical
    /// parameters onto row ranges of one stored tensor (GPT-2's c_attn).
    struct DiskTensor {
        std::string name;
        std::int64_t begin = 0, size = -1; // range along the output dimension; -1 = all
        bool transposed = false;           // stored [in, out]
        // Our row i is the stored row rows[i]; begin and size do not count then. Never together with transposed. Used for
        // projections that lie interleaved, and for heads rotated in part: their query and key rows are reordered so that
        // element i still turns with element i + headDim / 2, which leaves every score the same.
        std::vector<std::int64_t> rows = {};
        double offset = 0.0; // ours = stored + offset (Gemma's norms multiply by 1 + weight)
    };
    virtual std::vector<DiskTensor> diskTensors(std::string_view canonicalName, const ModelConfig& config) const = 0;
    /// Where the `count` outputs of a linear layer ("model.layers.0.self_attn.k_proj") stand among the outputs of the
    /// stored layer that holds them, which is what an adapter's B counts as well.
    std::vector<std::int64_t> diskRows(std::string_view canonicalModule, std::int64_t count,
                                       const ModelConfig& config) const;
    /// The name PEFT uses for a linear layer, e.g. "model.layers.0.self_attn.q_proj" (without base_model.model.).
    virtual std::string peftModule(std::string_view canonicalModule, const ModelConfig& config) const = 0;
    /// Stored tensors without a meaning of their own (buffers of old exports, the second copy of a tied head): not an
    /// error when they are there and no parameter asks for them.
    virtual bool ignorable(std::string_view diskName, const ModelConfig& config) const = 0;
};

const std::vector<std::unique_ptr<ModelFamily>>& builtinFamilies();
const ModelFamily* findFamily(std::string_view architecture);
/// config.json + generation_config.json of a folder -> ModelConfig. Errors as readConfig, naming the file.
Result<ModelConfig> readModelConfig(const ModelSource& source);

} // namespace attune
