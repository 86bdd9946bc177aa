#include "core/protections/ewc.h"

#include <map>
#include <set>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "core/plan/catalog.h"
#include "core/protections/adapter_pull.h"
#include "core/protections/held_parameters.h"
#include "core/protections/protection_settings.h"

namespace attune {

namespace {

// An adapter with the Fisher matrix of its weight in two factors.
struct HeldAdapter {
    const LoraAdapter* adapter = nullptr;
    at::Tensor rows, columns; // rows_i * columns_j
};

class EwcPenalty final : public Penalty {
public:
    EwcPenalty(std::vector<HeldParameter> held, std::vector<HeldAdapter> adapters, double strength)
        : m_held(std::move(held)), m_adapters(std::move(adapters)), m_strength(strength) {}
    double addGradient() override {
        at::NoGradGuard noGrad;
        double sum = 0;
        for (const HeldParameter& held : m_held)
            sum += pullBack(held, m_strength);
        for (const HeldAdapter& held : m_adapters)
            sum += pullAdapter(*held.adapter, m_strength, held.rows, held.columns);
        return 0.5 * m_strength * sum;
    }
    std::vector<at::Tensor> tensors() const override { return startsOf(m_held); }

private:
    std::vector<HeldParameter> m_held;
    std::vector<HeldAdapter> m_adapters;
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
    std::map<const Parameter*, at::Tensor> ofParameter;
    for (std::size_t i = 0; i < trained.size(); ++i)
        ofParameter[trained[i]] = (*fisher)[i];
    std::vector<HeldAdapter> adapters;
    std::set<const Parameter*> inAdapters;
    for (const LinearPart* part : model.linearParts())
        if (part->lora) {
            const LoraAdapter& lora = *part->lora;
            const at::Tensor &rows = ofParameter.at(&lora.b), &columns = ofParameter.at(&lora.a);
            const double all = rows.sum(at::kDouble).item<double>();
            adapters.push_back({&lora, rows, all > 0 ? columns / all : columns}); // no gradient at all: rows are zero
            inAdapters.insert({&lora.a, &lora.b});
        }
    ATTUNE_ASSIGN(std::vector<HeldParameter> held, holdParameters(model, [&](const Parameter& parameter) { return !inAdapters.contains(&parameter); }));
    for (HeldParameter& one : held)
        one.weight = ofParameter.at(one.parameter);
    return std::make_unique<EwcPenalty>(std::move(held), std::move(adapters), m_strength);
}

} // namespace attune
