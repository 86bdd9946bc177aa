#include "core/protections/l2_sp.h"

#include <set>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "core/plan/catalog.h"
#include "core/protections/adapter_pull.h"
#include "core/protections/held_parameters.h"
#include "core/protections/protection_settings.h"

namespace attune {

namespace {

class L2SpPenalty final : public Penalty {
public:
    L2SpPenalty(std::vector<HeldParameter> held, std::vector<LoraAdapter*> adapters, double strength)
        : m_held(std::move(held)), m_adapters(std::move(adapters)), m_strength(strength) {}

    double addGradient() override {
        at::NoGradGuard noGrad;
        double sum = 0;
        for (const HeldParameter& held : m_held)
            sum += pullBack(held, m_strength);
        for (const LoraAdapter* adapter : m_adapters)
            sum += pullAdapter(*adapter, m_strength);
        return 0.5 * m_strength * sum;
    }
    std::vector<at::Tensor> tensors() const override { return startsOf(m_held); }

private:
    std::vector<HeldParameter> m_held;
    std::vector<LoraAdapter*> m_adapters;
    double m_strength;
};

} // namespace

L2SpProtection::L2SpProtection() {
    m_description.id = "l2_sp";
    m_description.title = "Stay near the start (L2-SP)";
    m_description.summary = "A penalty on how far the weights move from where they began. Needs no general data.";
    ParamSpec strength;
    strength.key = "strength", strength.label = "Strength";
    strength.help = "Weight of the penalty: half of this times the squared distance is added to the loss.";
    strength.defaultValue = 0.1, strength.min = 0, strength.max = 1e6;
    strength.ifTooHigh = "The weights hardly move and the task is not learned.";
    strength.ifTooLow = "The model forgets as much as without.";
    m_description.params = {strength};
}

Result<std::unique_ptr<Protection>> L2SpProtection::configured(const ParamMap& params) const {
    ATTUNE_CHECK(checkSettings(params, m_description));
    auto made = std::make_unique<L2SpProtection>();
    made->m_strength = paramDouble(params, m_description.params, "strength");
    return made;
}

Result<std::unique_ptr<Penalty>> L2SpProtection::penalty(CausalLm& model, const FisherDiagonal*) const {
    return l2SpPenalty(model, m_strength);
}

ParamSpec l2SpStrengthParam() {
    ParamSpec strength;
    strength.key = "l2_sp_strength", strength.label = "Pull to the start as well (L2-SP)";
    strength.help = "With the mixed-in rows, half of this times the squared distance of the weights from their start is added to the loss; 0 is off.";
    strength.defaultValue = 0.0, strength.min = 0, strength.max = 1e6;
    strength.ifTooHigh = "The weights hardly move and the task is not learned.";
    strength.ifTooLow = "Only the mixed-in rows hold the model.";
    strength.advanced = true;
    return strength;
}

Result<std::unique_ptr<Penalty>> l2SpPenalty(CausalLm& model, double pull) {
    if (pull == 0)
        return std::unique_ptr<Penalty>();
    std::vector<LoraAdapter*> adapters;
    std::set<const Parameter*> inAdapters;
    for (LinearPart* part : model.linearParts())
        if (part->lora) {
            adapters.push_back(part->lora.get());
            inAdapters.insert({&part->lora->a, &part->lora->b});
        }
    ATTUNE_ASSIGN(std::vector<HeldParameter> held, holdParameters(model, [&](const Parameter& parameter) { return !inAdapters.contains(&parameter); }));
    return std::make_unique<L2SpPenalty>(std::move(held), std::move(adapters), pull);
}

} // namespace attune
