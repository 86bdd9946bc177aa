// The part of TrainView that says how things stand: title, sentence, buttons and the rail.
#include <algorithm>

#include <QPushButton>
#include <QStackedWidget>

#include "ui/bridge/current_project.h"
#include "ui/bridge/qt_convert.h"
#include "ui/bridge/run_bridge.h"
#include "ui/bridge/sweep_driver.h"
#include "ui/theme.h"
#include "ui/views/train/history_page.h"
#include "ui/views/train/live_page.h"
#include "ui/views/train/model_page.h"
#include "ui/views/train/setup_page.h"
#include "ui/views/train/sweep_page.h"
#include "ui/views/train/train_view.h"

namespace attune {

QString TrainView::recipeSentence(const RunConfig& config) const {
    const Catalog& catalog = services().runs->catalog();
    QStringList parts;
    parts << methodWords(config, catalog);
    for (const ObjectiveEntry& objective : catalog.objectives)
        if (objective.description.id == config.objective.id)
            parts << qstr(objective.description.title);
    return parts.join(QStringLiteral(", "));
}

void TrainView::refreshButtons() {
    const bool content = m_outer->currentIndex() == 1;
    const int page = m_stack->currentIndex();
    const bool active = shownIsActive(), live = content && page == LiveIndex;
    const bool stopping = active && services().runs->current().stopping;
    const bool paused = active && !stopping && services().runs->current().state == RunState::Paused;
    const QList<QPushButton*> buttons{m_pause, m_stop, m_useBest, m_continue, m_primary};
    const auto focused =
        std::find_if(buttons.begin(), buttons.end(), [](QPushButton* button) { return button->hasFocus(); });
    m_pause->setVisible(live && active && !stopping);
    m_pause->setText(paused ? tr("Resume") : tr("Pause"));
    m_pause->setIcon(Theme::current().icon(paused ? "play" : "pause"));
    const bool sweeping = content && page == SweepIndex;
    const SweepDriver& sweep = m_sweep->driver();
    m_stop->setVisible(sweeping ? sweep.isActive() : live && active);
    m_stop->setEnabled(sweeping ? !sweep.isStopping() : !stopping);
    m_stop->setText((sweeping ? sweep.isStopping() : stopping) ? tr("Stopping…") : sweeping ? tr("Stop the sweep") : tr("Stop and keep"));
    const bool resumable = live && !active && m_canContinue && m_shownRun > 0;
    m_continue->setVisible(resumable);
    // Between two trials of a sweep nothing trains, and yet no other run may begin.
    const bool idle = !services().runs->isActive() && !m_sweep->driver().isActive() && !m_task;
    m_continue->setEnabled(idle);
    m_useBest->setVisible(resumable && m_live->bestStep() > 0);
    m_useBest->setText(tr("Use step %1").arg(number(m_live->bestStep())));
    m_useBest->setAccessibleName(tr("Use the best checkpoint, step %1").arg(number(m_live->bestStep())));
    m_useBest->setEnabled(idle);
    const bool looking = page == ModelIndex;
    const bool inUse = looking && m_setup->modelFacts() && m_setup->modelFacts()->folder == m_model->path();
    m_primary->setVisible(content && (page == SetupIndex || (looking && m_model->report()) || (sweeping && !sweep.isActive()) || (live && m_shownState == QLatin1String("finished"))));
    m_page->primaryButton(looking ? (inUse ? tr("Go on to New run") : tr("Use this model")) : page == SetupIndex ? tr("Start training") : sweeping ? tr("Start the sweep") : tr("Compare answers"));
    m_primary->setEnabled(looking ? services().project->isOpen() && m_model->report() && m_model->report()->isUsable() : sweeping ? m_sweep->isReady() : page != SetupIndex || (m_setup->isReady() && idle));
    const QString whyNot = m_primary->isEnabled() || live ? QString() : whyNoStart();
    m_primary->setToolTip(whyNot);
    if (focused != buttons.end() &&
        !((*focused)->isVisible() && (*focused)->isEnabled())) // or Qt chooses some other button
        (live && m_primary->isVisible() ? m_primary : m_stack->currentWidget())->setFocus(Qt::OtherFocusReason);
    if (page == LiveIndex && m_shownRun > 0) {
        m_page->setTitle(tr("Train · %1").arg(m_shownName));
        m_page->setSentence(
            stopping
                ? tr("%1. Stopping: the step it is in is finished, then a checkpoint is saved.").arg(m_shownSentence)
            : active ? tr("%1. Training in the background: you can go on working.").arg(m_shownSentence)
                     : tr("%1. State: %2.").arg(m_shownSentence, runStateWord(sstr(m_shownState))));
    } else {
        m_page->setTitle(tr("Train"));
        const QString sentence =
            looking                ? tr("Look at a model before you use it: what it is, what this computer can do with it, and what it answers.")
            : page == SweepIndex   ? tr("Train the recipe several times with other settings, one run after the other, and see which are best.")
            : page == HistoryIndex ? tr("Every run of this project, with its recipe, curves and notes.")
            : page == LiveIndex    ? tr("No run is open.")
                                   : tr("Choose how the model learns; what that needs of this computer stands at the right.");
        m_page->setSentence(whyNot.isEmpty() ? sentence : whyNot); // why a button is grey stands below it
    }
}

QString TrainView::whyNoStart() const {
    const int page = m_stack->currentIndex();
    if (page == ModelIndex)
        return !services().project->isOpen() ? tr("Open or make a project first: the model is chosen for a project.")
               : m_model->report() && !m_model->report()->isUsable() ? tr("This model cannot be used; the reason stands below.")
                                                                       : QString();
    if (m_sweep->driver().isActive())
        return page == SweepIndex ? QString() : tr("A sweep is training, so nothing else can start: one run at a time. It ends by itself, or with Stop the sweep.");
    if (services().runs->isActive())
        return tr("%1 is training, so nothing else can start: one run at a time.").arg(services().runs->current().name);
    if (m_task)
        return tr("A run is being prepared.");
    if (page == SetupIndex)
        return m_setup->isLoading() ? tr("Reading model and data…") : tr("It cannot start yet: what must change stands at the right, under Before you start.");
    return page == SweepIndex ? m_sweep->whyNotReady() : QString();
}

void TrainView::refreshRail() {
    const RunBridge& runs = *services().runs;
    if (runs.isActive()) {
        const bool paused = runs.current().state == RunState::Paused;
        return Q_EMIT stateChanged(StationState::InProgress, runs.current().stopping ? tr("stopping")
                                                             : paused                ? tr("paused")
                                                                                     : tr("running"));
    }
    const RunRow* newest = m_history->model().row(0);
    if (!newest)
        return Q_EMIT stateChanged(StationState::Nothing, {});
    const std::string& state = newest->record.state;
    if (state == "failed" || state == "interrupted")
        return Q_EMIT stateChanged(StationState::Attention, runStateWord(state));
    bool finished = false;
    for (const RunRow& run : m_history->model().rows())
        finished = finished || run.record.state == "finished" || run.record.state == "stopped";
    Q_EMIT stateChanged(finished ? StationState::Done : StationState::Nothing, {});
}

} // namespace attune
