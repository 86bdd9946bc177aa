// The part of SetupPage that checks a run with two real steps and makes it fit into the memory.
#include <algorithm>
#include <utility>

#include "core/plan/fit_recipe.h"
#include "core/run/engine.h"
#include "core/run/project_run.h"
#include "core/store/project.h"
#include "ui/bridge/computer_facts.h"
#include "ui/bridge/current_project.h"
#include "ui/bridge/qt_convert.h"
#include "ui/bridge/run_bridge.h"
#include "ui/views/train/estimate_panel.h"
#include "ui/views/train/field_words.h"
#include "ui/views/train/setup_page.h"
#include "ui/widgets/message_bar.h"

namespace attune {
namespace {

QString changeText(const FitChange& change, const RunConfig& config, const Catalog& catalog) {
    const auto shown = [](const std::string& value) { return value == "0" ? SetupPage::tr("automatic") : qstr(value); };
    return SetupPage::tr("%1: %2 → %3. %4")
        .arg(fieldLabel(qstr(change.field), config, catalog), shown(change.before),
             shown(change.after), qstr(change.why));
}

// The same run whatever it is called.
RunConfig withoutName(RunConfig config) {
    config.name.clear();
    return config;
}

} // namespace

std::optional<StepMeasurement> SetupPage::measured() const {
    return m_measured && withoutName(config()) == m_measuredRecipe ? m_measured : std::nullopt;
}

void SetupPage::check() {
    const auto project = m_services.project->get();
    if (!project || m_check || m_services.runs->isActive())
        return;
    m_messages.remove("check");
    const RunConfig recipe = config();
    m_check = m_services.runs->engineTask<StepMeasurement>(
        this,
        [project, recipe](Engine& engine, std::stop_token stop) -> Result<StepMeasurement> {
            ATTUNE_ASSIGN(const TrainRequest request, prepareCheck(*project, engine, recipe));
            return engine.measureSteps(request, stop, [](const TrainingEvent&) {});
        },
        [this, recipe](Result<StepMeasurement> measured) { takeMeasurement(std::move(measured), recipe); });
    Q_EMIT working(m_check, tr("Two steps over the longest rows"));
    touch();
}

void SetupPage::takeMeasurement(Result<StepMeasurement> measured, const RunConfig& of) {
    m_check = nullptr;
    touch();
    if (!measured) {
        if (measured.error().code == ErrorCode::OutOfMemory)
            return m_messages.show("check", Tone::Bad, tr("The check ran out of memory: this run does not fit."),
                                   tr("Fit changes as little as possible so that it does."), {{tr("Fit"), [this] { fit(); }}});
        return m_messages.showError("check", measured.error());
    }
    m_measured = *measured;
    m_measuredRecipe = withoutName(of);
    const auto& computer = m_services.computer->computer();
    const bool tight = computer && computer->memoryBytes > 0 && measured->peakBytes > computer->memoryBytes * 9 / 10;
    m_messages.show("check", tight ? Tone::Careful : Tone::Good,
                    tight ? tr("The check took nearly all of this computer's memory: %1.").arg(bytesText(measured->peakBytes))
                          : tr("The check went well: %1 of memory at most, %2 for the whole run.")
                                .arg(bytesText(measured->peakBytes), durationText(measured->runSeconds)),
                    tight                                 ? tr("Other programs may slow the run down or end it.")
                    : measured->otherLoad >= kBusyComputer ? tr("Other programs kept the processors busy meanwhile: on a quiet computer it goes faster.")
                                                           : QString());
}

void SetupPage::fit() {
    const auto& computer = m_services.computer->computer();
    if (!m_model || !m_rows || !computer)
        return;
    const RunConfig before = config();
    const auto known = measured();
    const double share = known && known->predictedPeakBytes > 0 ? double(known->peakBytes) / double(known->predictedPeakBytes) : 1;
    const FittedRecipe fitted = fitRecipe(m_model->config, before, m_services.runs->catalog(), m_rows->shape, *computer, share);
    m_messages.remove("check");
    if (fitted.changes.empty())
        return m_messages.show("fit", fitted.fits ? Tone::Good : Tone::Bad,
                               fitted.fits ? tr("It fits as it is: %1 of the %2 that may be used.")
                                                 .arg(bytesText(fitted.before.total()), bytesText(fitted.limit))
                                           : tr("Nothing makes this model fit into %1.").arg(bytesText(fitted.limit)),
                               fitted.fits ? QString() : tr("Choose a smaller model, or close other programs."));
    QStringList lines;
    for (const FitChange& change : fitted.changes)
        lines << changeText(change, fitted.config, m_services.runs->catalog());
    useConfig(fitted.config);
    m_messages.show("fit", fitted.fits ? Tone::Accent : Tone::Careful,
                    fitted.fits ? tr("Changed so that it fits: %1 instead of %2.")
                                      .arg(bytesText(fitted.after.total()), bytesText(fitted.before.total()))
                                : tr("Smaller, but still too large: %1 of the %2 that may be used.")
                                      .arg(bytesText(fitted.after.total()), bytesText(fitted.limit)),
                    lines.join(QLatin1Char('\n')), {{tr("Undo"), [this, before] {
                                                          m_messages.remove("fit");
                                                          useConfig(before);
                                                      }}});
}

} // namespace attune
