// Which objectives can learn from the rows at hand. Plain functions over the catalog; any thread.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/plan/catalog.h"

namespace attune {

/// Rows by their kind, a sampleKindId ("chat", "preference" ...).
using KindCounts = std::map<std::string, std::int64_t>;

struct ObjectiveFit {
    const ObjectiveEntry* objective = nullptr;
    std::int64_t usableRows = 0, rows = 0; // of all rows, those it takes
    bool fits() const { return usableRows > 0; }
};
/// Every objective: those that can learn from these rows first, then the others, each in the catalog's order. Without rows
/// nothing is known and none fits.
std::vector<ObjectiveFit> fitObjectives(const Catalog& catalog, const KindCounts& rows);
/// Null when the catalog has no such objective.
const ObjectiveEntry* findObjectiveEntry(const Catalog& catalog, std::string_view id);
/// The kind most rows have, "" without rows.
std::string mainKind(const KindCounts& rows);

} // namespace attune
