#include "core/engine/engine_catalog.h"

#include "core/export/exporter.h"
#include "core/methods/method.h"
#include "core/objectives/policy_objective.h"
#include "core/optim/optimizer.h"

namespace attune {

const Catalog& engineCatalog() {
    static const Catalog catalog = [] {
        Catalog made;
        for (const auto& method : builtinMethods())
            made.methods.push_back({method->description(), method->producesAdapter()});
        for (const auto& objective : builtinObjectives())
            made.objectives.push_back({objective->description(), objective->sampleKind(), objective->policy() != nullptr,
                                       objective->needs().scoreHead, objective->policy() && objective->policy()->plan().valueHead});
        for (const auto& kind : builtinOptimizers())
            made.optimizers.push_back({kind.description, kind.stateBytes});
        for (const auto& kind : builtinSchedules())
            made.schedules.push_back(kind.description);
        for (const auto& exporter : builtinExporters())
            made.exporters.push_back(exporter->description());
        return made;
    }();
    return catalog;
}

} // namespace attune
