// What is wrong with a run as far as model folder, data version and this computer tell; checkRunConfig judges the
// recipe itself. Plain function over what was read before; touches no file.
#pragma once

#include <optional>
#include <vector>

#include "ui/views/train/setup_facts.h"

namespace attune {

struct SetupState {
    QString modelFolder; // "" = none chosen
    const std::optional<ModelFacts>& model;
    const std::optional<Error>& modelError;
    const DatasetVersion* version; // null = none
    const std::optional<RowFacts>& rows;
    const std::optional<Computer>& computer;
    const MemoryEstimate& memory; // zero while model, rows or computer are unknown
};
std::vector<Complaint> setupComplaints(const SetupState& state, const RunConfig& config, const Catalog& catalog);

} // namespace attune
