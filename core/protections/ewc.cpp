#include "core/protections/ewc.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "core/plan/catalog.h"
#include "core/protections/held_parameters.h"
#include "core/protections/protection_settings.h"

namespace attune {

namespace {

class EwcPenalty final : public Penalty {
public:
    EwcPenalty(std::vector<HeldParameter> held, double strength) : m_held(std::move(held)), m_strength(strength) {}
    double addGradient() override {
        at::NoGradGuard noGrad;
        double sum = 0;
        for (const HeldParameter& held : m_held)
            sum += pullBack(held, m_strength);
        return 0.5 * m_strength * sum;
    }
    std::vector<at::Tensor> tensors() const override { return startsOf(m_held); }

private:
    std::vector<HeldParameter> m_held;
    double m_strength;
};

} // namespace

EwcProtection::EwcProtection() {
    m_description.id = "ewc";
    m_description.title = "Hold important weights (EWC)";
    m_description.summary = "A penalty that holds the weights general text depends on and leaves the others free. Needs data.general.";
    ParamSpec strength;
    strength.key = "strength", strength.label = "Strength";
    strength.help = "Weight of the penalty against the task's loss.";
    strength.defaultValue = 1000.0, strength.min = 0, strength.max = 1e9;
    strength.ifTooHigh = "The weights hardly move and the task is not learned.";
    strength.ifTooLow = "The model forgets as much as without.";
    ParamSpec rows;
    rows.key = "rows", rows.label = "Rows to measure with", rows.unit = "rows";
    rows.help = "So many rows of the general data tell which weights matter.";
    rows.defaultValue = std::int64_t{200}, rows.min = 1, rows.max = 20'000;
    rows.ifTooHigh = "The run begins later.";
    rows.ifTooLow = "The measurement is rough.";
    rows.advanced = true;
    m_description.params = {strength, rows};
}

Result<std::unique_ptr<Protection>> EwcProtection::configured(const ParamMap& params) const {
    const auto& specs = m_description.params;
    ATTUNE_CHECK(checkSettings(params, m_description));
    auto made = std::make_unique<EwcProtection>();
    made->m_strength = paramDouble(params, specs, "strength");
    made->m_rows = paramInt(params, specs, "rows");
    return made;
}

ProtectionNeeds EwcProtection::needs() const {
    ProtectionNeeds wanted;
    wanted.fisher = true, wanted.fisherRows = m_rows;
    return wanted;
}

Result<std::unique_ptr<Penalty>> EwcProtection::penalty(CausalLm& model, const FisherDiagonal* fisher) const {
    const std::vector<Parameter*> trained = model.trainable();
    if (!fisher || fisher->size() != trained.size())
        return fail(ErrorCode::Internal, "EWC got no Fisher matrix for what is trained");
    ATTUNE_ASSIGN(std::vector<HeldParameter> held, holdParameters(model, [](const Parameter&) { return true; }));
    std::size_t next = 0;
    for (std::size_t i = 0; i < trained.size(); ++i)
        if (next < held.size() && held[next].parameter == trained[i])
            held[next++].weight = (*fisher)[i];
    return std::make_unique<EwcPenalty>(std::move(held), m_strength);
}

} // namespace attune
