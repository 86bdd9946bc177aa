#include "core/protections/null_space.h"

#include <set>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "core/plan/catalog.h"
#include "core/protections/protection_settings.h"

namespace attune {

namespace {

// A - (A U) U^T: its rows without what lies in the columns of U.
void takeOut(const at::Tensor& a, const at::Tensor& basis) { at::Tensor(a).sub_(at::mm(at::mm(a, basis), basis.t())); }

class NullSpaceConstraint final : public Constraint {
public:
    struct Held {
        at::Tensor a, basis; // [r, in], [in, k]
    };
    explicit NullSpaceConstraint(std::vector<Held> held) : m_held(std::move(held)) {}
    void apply() override {
        at::NoGradGuard noGrad;
        for (const Held& held : m_held)
            takeOut(held.a, held.basis);
    }
    std::vector<at::Tensor> tensors() const override {
        std::vector<at::Tensor> all;
        for (const Held& held : m_held)
            if (all.empty() || !all.back().is_same(held.basis)) // the parts of a layer share it
                all.push_back(held.basis);
        return all;
    }

private:
    std::vector<Held> m_held;
};

} // namespace

NullSpaceProtection::NullSpaceProtection() {
    m_description.id = "null_space";
    m_description.title = "Learn where general text is quiet (null space)";
    m_description.summary = "LoRA's adapters react only to what general text hardly uses, so that they change little else. Needs data.general and often a higher learning rate.";
    ParamSpec share;
    share.key = "quiet_share", share.label = "Quiet share", share.unit = "of the energy";
    share.help = "An adapter may react to the directions that hold this share of the energy of general text's inputs; the others are closed to it.";
    share.defaultValue = m_quietShare, share.min = 1e-6, share.max = 0.9;
    share.ifTooHigh = "The model forgets nearly as much as without.";
    share.ifTooLow = "Little is left to learn with; the task is learned slowly.";
    ParamSpec rows;
    rows.key = "rows", rows.label = "Rows to measure with", rows.unit = "rows";
    rows.help = "So many rows of the general data tell which directions it uses.";
    rows.defaultValue = m_rows, rows.min = 1, rows.max = 20'000;
    rows.ifTooHigh = "The run begins later.";
    rows.ifTooLow = "Directions that general text uses are taken for quiet ones.";
    rows.advanced = true;
    m_description.params = {share, rows};
}

Result<std::unique_ptr<Protection>> NullSpaceProtection::configured(const ParamMap& params) const {
    const auto& specs = m_description.params;
    ATTUNE_CHECK(checkSettings(params, m_description));
    auto made = std::make_unique<NullSpaceProtection>();
    made->m_quietShare = paramDouble(params, specs, "quiet_share");
    made->m_rows = paramInt(params, specs, "rows");
    return made;
}

ProtectionNeeds NullSpaceProtection::needs() const {
    ProtectionNeeds wanted;
    wanted.inputBases = true, wanted.inputRows = m_rows, wanted.quietShare = m_quietShare;
    return wanted;
}

Result<std::unique_ptr<Constraint>> NullSpaceProtection::constraint(CausalLm& model, const InputBases& bases) const {
    at::NoGradGuard noGrad;
    std::vector<NullSpaceConstraint::Held> held;
    std::set<const Parameter*> inAdapters;
    for (Block& block : model.blocks)
        for (Linear* linear : block.linears())
            for (LinearPart& part : linear->parts) {
                if (!part.lora)
                    continue;
                LoraAdapter& lora = *part.lora;
                inAdapters.insert({&lora.a, &lora.b});
                if (lora.startA.defined())
                    return fail(ErrorCode::InvalidArgument, "The protection null_space chooses itself where the adapter's first matrix begins",
                                "Set init: kaiming or gaussian.");
                if (lora.magnitude.value.defined())
                    return fail(ErrorCode::InvalidArgument, "The protection null_space cannot hold the magnitudes of DoRA, which act on everything a layer reads",
                                "Set use_dora: false.");
                if (const auto found = bases.find(linear); found != bases.end())
                    held.push_back({lora.a.value, found->second});
            }
    if (inAdapters.empty())
        return fail(ErrorCode::InvalidArgument, "The protection null_space holds adapters only, and this method trains none",
                    "Choose the method lora or qlora, or another protection: ewc, l2_sp, replay.");
    std::set<const Parameter*> apart{model.scoreHead.get()}; // heads that score or value answers do not change what is written
    if (model.valueHead)
        apart.insert({&model.valueHead->weight, &model.valueHead->bias});
    for (const Parameter* parameter : model.trainable())
        if (!inAdapters.contains(parameter) && !apart.contains(parameter))
            return fail(ErrorCode::InvalidArgument, "The protection null_space holds adapters only, and " + parameter->name + " is trained besides",
                        "Leave modules_to_save and trainable_token_indices empty, or choose another protection.");
    for (const auto& [a, basis] : held) {
        const double before = a.norm().item<double>();
        takeOut(a, basis);
        const double left = a.norm().item<double>();
        if (left > 0)
            at::Tensor(a).mul_(before / left); // as long as it was, so that it learns as fast from the directions that are left
    }
    return std::make_unique<NullSpaceConstraint>(std::move(held));
}

} // namespace attune
