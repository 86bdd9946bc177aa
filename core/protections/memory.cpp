#include "core/protections/memory.h"

#include "core/plan/catalog.h"
#include "core/protections/l2_sp.h"
#include "core/protections/protection_settings.h"

namespace attune {

MemoryProtection::MemoryProtection() {
    m_description.id = "memory";
    m_description.title = "Memory of earlier runs";
    m_description.summary = "Rows of this project's earlier runs are mixed in, so that a new task does not push out the old ones.";
    ParamSpec share;
    share.key = "share", share.label = "Share of remembered rows", share.unit = "of the tokens";
    share.help = "Share of each step's tokens that come from earlier runs; 0.1 to 0.3 is usual.";
    share.defaultValue = 0.2, share.min = 0.01, share.max = 0.9;
    share.ifTooHigh = "The new task is learned more slowly.";
    share.ifTooLow = "Earlier tasks fade.";
    ParamSpec rows;
    rows.key = "rows", rows.label = "Size of the memory", rows.unit = "rows";
    rows.help = "So many rows are kept, an equal share of all rows of all runs with this protection.";
    rows.defaultValue = std::int64_t{500}, rows.min = 1, rows.max = 1e6;
    rows.ifTooHigh = "The project keeps many rows of old training data.";
    rows.ifTooLow = "Few old rows are repeated often and learned by heart.";
    ParamSpec file;
    file.key = "file", file.label = "File of the memory";
    file.help = "Where the rows are kept; empty takes replay_memory.jsonl beside the runs. It holds training data in plain text.";
    file.defaultValue = std::string();
    file.advanced = true;
    m_description.params = {share, rows, file, l2SpStrengthParam()};
}

Result<std::unique_ptr<Protection>> MemoryProtection::configured(const ParamMap& params) const {
    const auto& specs = m_description.params;
    ATTUNE_CHECK(checkSettings(params, m_description));
    auto made = std::make_unique<MemoryProtection>();
    made->m_needs.rows = MixedRows::Memory;
    made->m_needs.share = paramDouble(params, specs, "share");
    made->m_needs.memoryRows = paramInt(params, specs, "rows");
    made->m_needs.memoryFile = paramString(params, specs, "file");
    made->m_pull = paramDouble(params, specs, "l2_sp_strength");
    return made;
}

Result<std::unique_ptr<Penalty>> MemoryProtection::penalty(CausalLm& model, const FisherDiagonal*) const { return l2SpPenalty(model, m_pull); }

} // namespace attune
