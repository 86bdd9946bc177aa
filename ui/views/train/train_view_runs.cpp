// The part of TrainView that starts runs, goes on with them and opens those of the past, and that hears what a run says.
#include <utility>

#include <QPushButton>
#include <QStackedWidget>
#include <QTimer>

#include "core/run/engine.h"
#include "core/run/run_folder.h"
#include "core/store/project.h"
#include "ui/bridge/current_project.h"
#include "ui/bridge/qt_convert.h"
#include "ui/bridge/run_bridge.h"
#include "ui/bridge/sweep_driver.h"
#include "ui/views/train/live_page.h"
#include "ui/views/train/setup_page.h"
#include "ui/views/train/sweep_page.h"
#include "ui/views/train/train_view.h"
#include "ui/widgets/message_bar.h"
#include "ui/widgets/progress_strip.h"

namespace attune {
namespace {
constexpr double kSlower = 1.0 / 3; // of the learning rate, when a run goes on from the best of another
} // namespace

void TrainView::connectRuns() {
    RunBridge* runs = services().runs;
    // A page that shows another run is not disturbed by the one that trains.
    const auto pass = [this, runs](auto signal, auto slot) {
        connect(runs, signal, this, [this, slot](const auto& value) {
            if (m_shownRun == services().runs->current().runId)
                (m_live->*slot)(value);
        });
    };
    pass(&RunBridge::stepsFinished, &LivePage::takeSteps);
    pass(&RunBridge::evalsFinished, &LivePage::takeEvals);
    pass(&RunBridge::samplesGenerated, &LivePage::takeSamples);
    pass(&RunBridge::memoryReported, &LivePage::takeMemory);
    pass(&RunBridge::checkpointSaved, &LivePage::takeCheckpoint);
    pass(&RunBridge::warningRaised, &LivePage::takeWarning);
    pass(&RunBridge::runFailed, &LivePage::takeFailure);
    connect(runs, &RunBridge::stepsFinished, this, [this](const QVector<StepFinished>& steps) {
        if (m_openingRun > 0 && m_openingRun == services().runs->current().runId)
            m_missed += steps;
    });
    connect(runs, &RunBridge::runFailed, this, [this](const RunFailed& failure) {
        // The failure of a sweep's trial stands in the sweep's table; the sweep goes on.
        if (m_shownRun == services().runs->current().runId && !m_sweep->driver().isActive())
            takeFailure(failure);
    });
    connect(runs, &RunBridge::stateChanged, this, [this](const StateChanged& state) {
        if (m_shownRun == services().runs->current().runId) {
            m_shownState = qstr(runStateId(state.state));
            m_live->takeState(state);
        }
        refreshButtons();
        refreshRail();
    });
    connect(runs, &RunBridge::runEnded, this, &TrainView::takeEnd);
    connect(runs, &RunBridge::stopRequested, this, [this] {
        if (shownIsActive())
            m_live->setActive(true, true);
        refreshButtons();
        refreshRail();
    });
    connect(m_pause, &QPushButton::clicked, this, [this, runs] {
        if (runs->current().state == RunState::Paused)
            runs->resume();
        else
            runs->pause();
    });
    connect(m_stop, &QPushButton::clicked, this, [this, runs] {
        if (m_stack->currentIndex() == SweepIndex)
            m_sweep->driver().stop();
        else
            runs->stop();
    });
    connect(m_live, &LivePage::stopWanted, runs, &RunBridge::stop);
}

void TrainView::start() {
    const auto project = services().project->get();
    if (!project || m_task || m_sweep->driver().isActive())
        return;
    messagesOf(SetupIndex).remove("start");
    m_task = runTask<PreparedRun>(
        this,
        [project, engine = services().engine, config = m_setup->config()](const Progress&) {
            return prepareRun(*project, *engine, config);
        },
        [this, project](Result<PreparedRun> run) { launch(std::move(run), project); });
    m_progress->follow(m_task, tr("Preparing the run"));
    refreshButtons();
}

void TrainView::continueRun(qint64 runId, bool takeBest) {
    const auto project = services().project->get();
    if (!project || m_task || m_sweep->driver().isActive() || runId <= 0)
        return;
    struct Both {
        PreparedRun run;
        RunTrace trace;
    };
    m_task = runTask<Both>(
        this,
        [project, runId, takeBest, &catalog = services().runs->catalog()](const Progress&) -> Result<Both> {
            Both both;
            ATTUNE_ASSIGN(both.run, prepareContinuation(*project, catalog, runId, takeBest));
            ATTUNE_ASSIGN(both.trace, readRunTrace(*project, runId, catalog));
            return both;
        },
        [this, project](Result<Both> both) {
            if (!both)
                return launch(fail(both.error()), project);
            m_live->showTrace(both->trace);
            launch(std::move(both->run), project);
        });
    m_progress->follow(m_task, takeBest ? tr("Preparing the result") : tr("Preparing to go on"));
    refreshButtons();
}

void TrainView::useBest() {
    if (shownIsActive())
        return stopThen(AfterStop::UseBest);
    continueRun(m_shownRun, true);
}

void TrainView::goOnFromBest() {
    if (shownIsActive())
        return stopThen(AfterStop::GoOn);
    startFurtherRun(m_shownRun);
}

void TrainView::stopThen(AfterStop next) {
    m_afterStop = next;
    services().runs->stop();
}

void TrainView::startFurtherRun(qint64 runId) {
    const auto project = services().project->get();
    if (!project || m_task || m_sweep->driver().isActive() || runId <= 0)
        return;
    m_task = runTask<PreparedRun>(
        this,
        [project, runId, engine = services().engine](const Progress&) -> Result<PreparedRun> {
            ATTUNE_ASSIGN(const RunConfig config, furtherRunConfig(*project, engine->catalog(), runId, kSlower));
            return prepareRun(*project, *engine, config);
        },
        [this, project](Result<PreparedRun> run) { launch(std::move(run), project); });
    m_progress->follow(m_task, tr("Preparing the run"));
    refreshButtons();
}

void TrainView::launch(Result<PreparedRun> run, std::shared_ptr<Project> project) {
    m_task = nullptr;
    if (!run) {
        // Where the user is looking: a run is also continued from its own page and from the history.
        messagesOf(Page(m_stack->currentIndex())).showError("start", run.error());
        return refresh();
    }
    const RunConfig config = run->request.config;
    if (!run->request.resume)
        m_live->begin(config);
    m_shownRun = run->id;
    m_shownName = qstr(config.name);
    m_shownState = QStringLiteral("preparing");
    m_shownSentence = recipeSentence(config);
    if (const Status started = services().runs->start(std::move(run->request), project, run->id); !started) {
        messagesOf(Page(m_stack->currentIndex())).showError("start", started.error());
        runTask<bool>(
            this,
            [project, id = run->id, why = started.error().message](const Progress&) -> Result<bool> {
                ATTUNE_CHECK(project->runs().setState(id, "failed", why));
                return true;
            },
            [this](Result<bool>) { readHistory(); });
        return refresh();
    }
    m_live->setActive(true);
    services().project->noteChange(QStringLiteral("runs"));
    showPage(LiveIndex);
    refresh();
}

void TrainView::openRun(qint64 runId, bool show) {
    const auto project = services().project->get();
    if (!project)
        return;
    if (runId == m_shownRun)
        return show ? showPage(LiveIndex) : m_live->setActive(true);
    m_openingRun = runId;
    m_missed.clear();
    const QPointer<Task> task = runTask<RunTrace>(
        this,
        [project, runId, &catalog = services().runs->catalog()](const Progress&) {
            return readRunTrace(*project, runId, catalog);
        },
        [this, runId, show](Result<RunTrace> trace) {
            if (runId != m_openingRun)
                return; // another one was asked for meanwhile
            m_openingRun = 0;
            if (!trace)
                return messagesOf(Page(m_stack->currentIndex())).showError("run", trace.error());
            const RunRecord& record = trace->row.record;
            m_shownRun = record.id;
            m_shownName = qstr(record.name);
            m_shownState = qstr(record.state);
            m_shownSentence = trace->configKnown ? recipeSentence(trace->config) : QString();
            m_canContinue = trace->row.canContinue();
            m_live->showTrace(*trace);
            m_live->setActive(shownIsActive(), services().runs->current().stopping);
            m_missed.removeIf([known = m_live->lastStep()](const StepFinished& step) { return step.step <= known; });
            m_live->takeSteps(std::exchange(m_missed, {}));
            if (record.state == "failed")
                takeFailure({{ErrorCode::Internal, record.error, {}}});
            if (show)
                showPage(LiveIndex);
            else
                refresh();
        });
    m_progress->follow(task, tr("Reading the run"));
}

void TrainView::takeFailure(const RunFailed& failure) {
    const std::string hint = failure.error.hint.empty()
                                 ? sstr(tr("Continue from its last checkpoint, or change the recipe and start anew."))
                                 : failure.error.hint;
    messagesOf(LiveIndex).show("failure", Tone::Bad, tr("%1 failed: %2").arg(m_shownName, qstr(failure.error.message)),
                            qstr(hint), {{tr("Change the recipe"), [this] { showPage(SetupIndex); }}});
}

void TrainView::takeEnd(qint64 runId, RunState state) {
    if (runId == m_shownRun) {
        m_live->setActive(false);
        m_canContinue = state != RunState::Finished;
    }
    services().project->noteChange(QStringLiteral("runs"));
    refresh();
    const AfterStop next = std::exchange(m_afterStop, AfterStop::Nothing);
    if (runId != m_shownRun || state != RunState::Stopped || next == AfterStop::Nothing)
        return;
    // After every listener heard of the end: then the bridge takes another run.
    QTimer::singleShot(0, this, [this, runId, next] {
        if (next == AfterStop::UseBest)
            continueRun(runId, true);
        else
            startFurtherRun(runId);
    });
}

} // namespace attune
