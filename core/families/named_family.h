// A family described by tables: how its tensors are called on disk, where that differs from our canonical names. Families
// derive from it and add what is stored differently (fused projections, reordered rows, norms without their 1).
#pragma once

#include <utility>
#include <vector>

#include "core/families/model_family.h"

namespace attune {

/// Canonical name -> name on disk; what is not listed has the same name.
struct FamilyNames {
    std::string_view body = "model.";                                // in front of all but the head
    std::string_view layers = "model.layers.";                       // in front of a layer's number
    std::vector<std::pair<std::string_view, std::string_view>> outside = {}; // modules: {"model.norm", "model.final_layernorm"}
    std::vector<std::pair<std::string_view, std::string_view>> inLayer = {}; // modules of a layer, without its prefix
    std::string_view experts = "mlp.experts.";                       // in front of an expert's number
    std::vector<std::pair<std::string_view, std::string_view>> inExpert = {}; // modules of an expert, without its prefix
};

class NamedFamily : public ModelFamily {
public:
    std::vector<DiskTensor> diskTensors(std::string_view canonicalName, const ModelConfig& config) const override;
    std::string peftModule(std::string_view canonicalModule, const ModelConfig& config) const override;
    bool ignorable(std::string_view diskName, const ModelConfig& config) const override;

protected:
    explicit NamedFamily(FamilyNames names = {}) : m_names(std::move(names)) {}
    /// Says where in the stored tensor a parameter lies. module: "self_attn.q_proj" of any layer, or "model.norm"; linear
    /// layers are asked for weight and bias alike.
    virtual void locate(std::string_view module, const ModelConfig& config, DiskTensor& tensor) const;

private:
    std::string diskModule(std::string_view canonicalModule) const;
    FamilyNames m_names;
};

/// Stored rows of `heads` heads that begin at `begin` and follow each other at `stride`, in the order in which we keep them:
/// with `rotated` and heads that are rotated in part, reordered as DiskTensor::rows says.
std::vector<std::int64_t> headRows(const ModelConfig& config, std::int64_t heads, std::int64_t begin, std::int64_t stride,
                                   bool rotated);

/// For separate projections: reorders the rows of q_proj and k_proj where heads are rotated in part.
void locateRotatedHeads(std::string_view module, const ModelConfig& config, ModelFamily::DiskTensor& tensor);

/// For norms that multiply by 1 + weight.
void locateNormsWithoutOne(std::string_view module, ModelFamily::DiskTensor& tensor);

} // namespace attune
