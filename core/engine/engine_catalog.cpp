#include "core/engine/engine_catalog.h"

#include "core/data/sample.h"
#include "core/export/exporter.h"
#include "core/methods/method.h"
#include "core/objectives/policy_objective.h"
#include "core/optim/optimizer.h"
#include "core/protections/protection.h"

namespace attune {

namespace {

// Rows of other answers are as many as the samples' own, and the reference is asked for both.
ForwardPasses forwardPassesOf(const Objective& objective, const ParamMap& settings) {
    const auto configured = objective.configured(settings);
    const ObjectiveNeeds needs = configured ? (*configured)->needs() : objective.needs();
    return {(needs.mismatched ? 1 : 0) + (needs.partners ? 1 : 0), needs.reference ? (needs.mismatched ? 2 : 1) : 0};
}

ObjectiveEntry entryOfObjective(const Objective& objective) {
    ObjectiveEntry entry{objective.description(), objective.sampleKind()};
    for (const SampleKind kind : {SampleKind::Chat, SampleKind::Text, SampleKind::Preference, SampleKind::Unpaired, SampleKind::PromptOnly})
        if (objective.accepts(sampleKindId(kind)))
            entry.kinds.push_back(sampleKindId(kind));
    const ObjectiveNeeds needs = objective.needs();
    if (!needs.trainOnSetting)
        entry.unusedTraining.push_back("train_on");
    if (needs.scoreHead) // it writes nothing that could be watched
        entry.unusedTraining.insert(entry.unusedTraining.end(), {"sample_prompts", "sample_max_tokens"});
    entry.ownAnswers = objective.policy() != nullptr;
    entry.scoreHead = needs.scoreHead;
    entry.rowsPerSample = needs.rowsPerSample;
    entry.metrics = objective.metrics();
    if (!entry.ownAnswers)
        entry.forwardPasses = [&objective](const ParamMap& settings) { return forwardPassesOf(objective, settings); };
    entry.valueHead = objective.policy() && objective.policy()->plan().valueHead;
    return entry;
}

} // namespace

const Catalog& engineCatalog() {
    static const Catalog catalog = [] {
        Catalog made;
        for (const auto& method : builtinMethods())
            made.methods.push_back({method->description(), method->producesAdapter()});
        for (const auto& objective : builtinObjectives())
            made.objectives.push_back(entryOfObjective(*objective));
        for (const auto& kind : builtinOptimizers())
            made.optimizers.push_back({kind.description, kind.stateBytes});
        for (const auto& kind : builtinSchedules())
            made.schedules.push_back(kind.description);
        for (const auto& protection : builtinProtections()) {
            const auto configured = protection->configured({}); // the defaults are valid
            const ProtectionNeeds needs = configured ? (*configured)->needs() : ProtectionNeeds();
            const Protection::Copies copies = protection->copies();
            made.protections.push_back({protection->description(), needs.rows == MixedRows::General || needs.fisher || needs.inputBases, copies.ofWeights,
                                        copies.ofAdapters, needs.rows != MixedRows::None, copies.inputBases});
        }
        for (const auto& exporter : builtinExporters())
            made.exporters.push_back(exporter->description());
        return made;
    }();
    return catalog;
}

} // namespace attune
