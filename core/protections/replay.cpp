#include "core/protections/replay.h"

#include "core/plan/catalog.h"
#include "core/protections/l2_sp.h"
#include "core/protections/protection_settings.h"

namespace attune {

ReplayProtection::ReplayProtection() {
    m_description.id = "replay";
    m_description.title = "Replay of general data";
    m_description.summary = "Part of every step is general text: the surest way to keep what the model could. Needs data.general.";
    ParamSpec share;
    share.key = "share", share.label = "Share of general data", share.unit = "of the tokens";
    share.help = "Share of each step's tokens that come from the general data; 0.1 to 0.2 is usual.";
    share.defaultValue = m_share, share.min = 0.01, share.max = 0.9;
    share.ifTooHigh = "Training takes longer and the task is learned more slowly.";
    share.ifTooLow = "The model forgets nearly as much as without.";
    m_description.params = {share, l2SpStrengthParam()};
}

Result<std::unique_ptr<Protection>> ReplayProtection::configured(const ParamMap& params) const {
    ATTUNE_CHECK(checkSettings(params, m_description));
    auto made = std::make_unique<ReplayProtection>();
    made->m_share = paramDouble(params, m_description.params, "share");
    made->m_pull = paramDouble(params, m_description.params, "l2_sp_strength");
    return made;
}

Result<std::unique_ptr<Penalty>> ReplayProtection::penalty(CausalLm& model, const FisherDiagonal*) const { return l2SpPenalty(model, m_pull); }

ProtectionNeeds ReplayProtection::needs() const {
    ProtectionNeeds wanted;
    wanted.rows = MixedRows::General, wanted.share = m_share;
    return wanted;
}

} // namespace attune
