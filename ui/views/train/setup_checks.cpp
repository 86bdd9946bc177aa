#include "ui/views/train/setup_checks.h"

#include <algorithm>

#include <QCoreApplication>

#include "ui/bridge/qt_convert.h"
#include "ui/views/train/kind_words.h"

namespace attune {

std::vector<Complaint> setupComplaints(const SetupState& state, const RunConfig& config, const Catalog& catalog) {
    const auto words = [](const char* text) { return QCoreApplication::translate("SetupPage", text); };
    using Severity = Complaint::Severity;
    std::vector<Complaint> found;
    const auto add = [&found](Severity severity, const char* field, const QString& message, const QString& hint) {
        found.push_back({severity, field, sstr(message), sstr(hint)});
    };
    if (state.modelError)
        found.push_back({Severity::Error, "model", state.modelError->message, state.modelError->hint});
    else if (state.modelFolder.isEmpty())
        add(Severity::Error, "model", words("No model is chosen."), words("Choose the folder of a base model."));
    else if (state.model && !state.model->hasTokenizer)
        add(Severity::Error, "model", words("%1 has no tokenizer.json.").arg(state.model->name),
            words("Download the model's tokenizer.json into its folder."));
    const DatasetVersion* chosen = state.version;
    if (!chosen) {
        add(Severity::Error, "data", words("No data version is chosen."),
            words("Freeze the data as it is now, here or in Data."));
    } else {
        if (chosen->bySplit[std::size_t(Split::Train)] == 0)
            add(Severity::Error, "data", words("This version has no training rows."),
                words("Split the rows in Data and freeze them again."));
        if (chosen->bySplit[std::size_t(Split::Validation)] == 0)
            add(Severity::Warning, "data", words("There are no validation rows: learning by heart would go unnoticed."),
                words("Set some rows apart in Data."));
    }
    const ObjectiveEntry* objective = findObjectiveEntry(catalog, config.objective.id);
    if (objective && state.rows && !mainKind(state.rows->kinds).empty()) {
        const auto fits = fitObjectives(catalog, state.rows->kinds);
        const bool usable = std::any_of(fits.begin(), fits.end(),
                                        [&](const ObjectiveFit& fit) { return fit.objective == objective && fit.fits(); });
        if (!usable)
            add(Severity::Error, "objective",
                words("%1 learns from %2, but the rows of this version are %3.")
                    .arg(qstr(objective->description.title), kindName(objective->sampleKind), kindName(mainKind(state.rows->kinds))),
                fits.front().fits()
                    ? words("Choose %1, or rows of the other kind.").arg(qstr(fits.front().objective->description.title))
                    : words("Choose other rows."));
    }
    const auto& computer = state.computer;
    if (state.model && state.rows) {
        const std::int64_t limit =
            std::get<std::int64_t>(paramOr(config.training, trainingParams().params, "max_length"));
        const std::int64_t length =
            limit > 0 ? std::min(limit, state.model->config.contextLength) : state.model->config.contextLength;
        if (state.rows->shape.longestTokens > length)
            add(Severity::Warning, "training.max_length",
                words("The longest row has about %1 tokens, %2 fit: the end of long answers is cut.")
                    .arg(number(qint64(state.rows->shape.longestTokens)), number(qint64(length))),
                {});
        if (computer && state.memory.total() > computer->memoryBytes)
            add(Severity::Error, "training.max_length",
                words("The run needs about %1, this computer has %2.")
                    .arg(bytesText(state.memory.total()), bytesText(computer->memoryBytes)),
                words("Choose an adapter method, a shorter maximum length or a smaller model."));
        else if (computer && state.memory.total() > computer->freeMemoryBytes)
            add(Severity::Warning, "training.max_length",
                words("Only %1 of memory are free now.").arg(bytesText(computer->freeMemoryBytes)),
                words("Close other programs before you start."));
        if (computer && computer->freeDiskBytes > 0 &&
            computer->freeDiskBytes < state.memory.optimizer + state.memory.gradients)
            add(Severity::Warning, "training.keep_checkpoints",
                words("Only %1 are free on the disk: a checkpoint may not fit.")
                    .arg(bytesText(computer->freeDiskBytes)),
                {});
    }
    return found;
}

} // namespace attune
