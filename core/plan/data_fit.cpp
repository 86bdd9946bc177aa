#include "core/plan/data_fit.h"

#include <algorithm>

namespace attune {

std::vector<ObjectiveFit> fitObjectives(const Catalog& catalog, const KindCounts& rows) {
    std::vector<ObjectiveFit> fits;
    for (const ObjectiveEntry& objective : catalog.objectives) {
        ObjectiveFit fit{&objective};
        for (const auto& [kind, count] : rows) {
            fit.rows += count;
            fit.usableRows += objective.takes(kind) ? count : 0;
        }
        fits.push_back(fit);
    }
    std::stable_partition(fits.begin(), fits.end(), [](const ObjectiveFit& fit) { return fit.fits(); });
    return fits;
}

const ObjectiveEntry* findObjectiveEntry(const Catalog& catalog, std::string_view id) {
    for (const ObjectiveEntry& objective : catalog.objectives)
        if (objective.description.id == id)
            return &objective;
    return nullptr;
}

std::string mainKind(const KindCounts& rows) {
    const auto most = std::max_element(rows.begin(), rows.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
    return most == rows.end() || most->second == 0 ? std::string() : most->first;
}

} // namespace attune
