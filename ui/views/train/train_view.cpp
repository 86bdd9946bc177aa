#include "ui/views/train/train_view.h"

#include <algorithm>
#include <utility>

#include <QPushButton>
#include <QStackedWidget>
#include <QUndoGroup>
#include <QVBoxLayout>

#include "core/run/run_folder.h"
#include "core/store/project.h"
#include "ui/bridge/current_project.h"
#include "ui/bridge/qt_convert.h"
#include "ui/bridge/computer_facts.h"
#include "ui/bridge/run_bridge.h"
#include "ui/bridge/sweep_driver.h"
#include "ui/views/train/history_page.h"
#include "ui/views/train/live_page.h"
#include "ui/views/train/model_page.h"
#include "ui/views/train/setup_page.h"
#include "ui/views/train/sweep_page.h"
#include "ui/widgets/card.h"
#include "ui/widgets/empty_state.h"
#include "ui/widgets/message_bar.h"
#include "ui/widgets/progress_strip.h"
#include "ui/widgets/segmented_control.h"

namespace attune {

TrainView::TrainView(Services& services, QWidget* parent) : View(services, parent) {
    m_page = new ViewPage(tr("Train"), {}, this);
    m_pause = m_page->addButton(tr("Pause"), "pause");
    m_stop = m_page->addButton(tr("Stop and keep"), "stop");
    m_continue = m_page->addButton(tr("Continue"), "play");
    m_primary = m_page->primaryButton(tr("Start training"));

    // From the outside in: a widget that gets another parent is styled again with everything in it.
    m_outer = new QStackedWidget(this);
    m_page->setContent(m_outer);
    fill(*this, m_page);
    m_outer->addWidget(makeEmpty());
    auto* content = new QWidget(m_outer);
    m_outer->addWidget(content);
    auto* column = new QVBoxLayout(content);
    column->setContentsMargins(0, 0, 0, 0);
    column->setSpacing(16);
    m_switch = new SegmentedControl({tr("Model"), tr("New run"), tr("Sweep"), tr("Run"), tr("History")}, content);
    m_switch->setAccessibleName(tr("Part of Train that is shown"));
    column->addWidget(m_switch, 0, Qt::AlignLeft);
    m_progress = new ProgressStrip(content);
    column->addWidget(m_progress);
    m_stack = new QStackedWidget(content);
    m_model = new ModelPage(services, m_page->messages(), m_stack);
    m_setup = new SetupPage(services, m_page->messages(), m_stack);
    m_sweep = new SweepPage(services, m_page->messages(), m_stack);
    m_live = new LivePage(services.runs->catalog(), m_page->messages(), m_stack);
    m_history = new HistoryPage(services, m_page->messages(), m_stack);
    m_stack->addWidget(m_model);
    m_stack->addWidget(m_setup);
    m_stack->addWidget(m_sweep);
    m_stack->addWidget(m_live);
    m_stack->addWidget(m_history);
    column->addWidget(m_stack, 1);

    connect(m_switch, &SegmentedControl::indexChanged, this, [this](int index) { showPage(Page(index)); });
    connect(m_primary, &QPushButton::clicked, this, [this] {
        if (m_stack->currentIndex() == SetupIndex)
            start();
        else if (m_stack->currentIndex() == ModelIndex)
            useModel();
        else if (m_stack->currentIndex() == SweepIndex)
            m_sweep->start();
        else
            Q_EMIT openStation(QStringLiteral("compare"), {{QStringLiteral("run"), m_shownRun}});
    });
    connect(m_continue, &QPushButton::clicked, this, [this] { continueRun(m_shownRun); });
    connect(m_setup, &SetupPage::readyChanged, this, &TrainView::refreshButtons);
    connect(m_setup, &SetupPage::factsRead, this, [this] {
        m_factsRead = true;
        refresh();
    });
    connect(m_setup, &SetupPage::dataWanted, this,
            [this] { Q_EMIT openStation(QStringLiteral("data"), {{QStringLiteral("action"), QStringLiteral("import")}}); });
    connect(m_setup, &SetupPage::working, m_progress, &ProgressStrip::follow);
    connect(m_history, &HistoryPage::openWanted, this, [this](qint64 run) { openRun(run); });
    connect(m_history, &HistoryPage::continueWanted, this, &TrainView::continueRun);
    connect(m_history, &HistoryPage::compareWanted, this, [this](qint64 run) {
        Q_EMIT openStation(QStringLiteral("compare"), {{QStringLiteral("run"), run}});
    });
    connect(m_history, &HistoryPage::recipeWanted, this, &TrainView::useRecipeOf);
    connect(m_live, &LivePage::recipeWanted, this, &TrainView::changeRecipe);
    connectRuns();
    connectSweep();
    connectModel();
    connect(services.project, &CurrentProject::changed, this, &TrainView::loadProject);
    connect(services.project, &CurrentProject::contentChanged, this, [this](const QString& what) {
        if (what == QLatin1String("datasets"))
            m_setup->refreshFacts();
        if (what == QLatin1String("runs"))
            readHistory();
    });
    loadProject();
}

QWidget* TrainView::makeEmpty() {
    auto* empty = new EmptyState("train", tr("Nothing to train on yet"),
                                 tr("A model learns from rows of yours. Import them in Data and split them; then "
                                    "choose here how it learns, see what that "
                                    "costs, and watch it while you go on working."),
                                 this);
    empty->setPrimary(tr("Go to Data"));
    connect(empty, &EmptyState::primaryClicked, this, [this] { Q_EMIT openStation(QStringLiteral("data")); });
    if (services().project->hasSample()) {
        empty->setSecondary(tr("Try with the sample"));
        connect(empty, &EmptyState::secondaryClicked, this, [this] { services().project->openSample(); });
    }
    return empty;
}

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

void TrainView::connectSweep() {
    const auto situation = [this] {
        const auto& model = m_setup->modelFacts();
        const auto& rows = m_setup->rowFacts();
        m_sweep->form().setSituation({m_setup->config(), model ? std::optional(model->config) : std::nullopt,
                                      rows ? std::optional(rows->shape) : std::nullopt, services().computer->computer(),
                                      m_setup->hasValidationRows()});
    };
    connect(m_setup, &SetupPage::readyChanged, this, situation);
    connect(m_sweep, &SweepPage::readyChanged, this, &TrainView::refreshButtons);
    connect(m_sweep, &SweepPage::openWanted, this, [this](qint64 run) { openRun(run); });
    connect(m_sweep, &SweepPage::recipeWanted, this, &TrainView::useRecipeOf);
    connect(&m_sweep->driver(), &SweepDriver::trialStarting, this, [this](const RunConfig& config, qint64 run, bool continued) {
        if (continued)
            return openRun(run, false);
        m_live->begin(config);
        m_shownRun = run;
        m_shownName = qstr(config.name);
        m_shownState = QStringLiteral("preparing");
        m_shownSentence = recipeSentence(config);
        m_live->setActive(true);
        refresh();
    });
}

void TrainView::connectModel() {
    connect(m_model, &ModelPage::changed, this, &TrainView::refresh);
    connect(m_setup, &SetupPage::readyChanged, this, [this] {
        // The project's own model is looked at when the page is opened, not before: reading it twice would be for nothing.
        if (m_stack->currentIndex() == ModelIndex && !m_model->hasModel() && m_setup->modelFacts())
            m_model->read(m_setup->modelFacts()->folder);
    });
}

bool TrainView::openFiles(const QStringList& files) {
    if (files.size() != 1 || !ModelPage::isModelPath(files.front()))
        return false;
    m_model->read(files.front());
    showPage(ModelIndex);
    return true;
}

void TrainView::useModel() {
    if (!services().project->isOpen() || !m_model->report() || !m_model->report()->isUsable())
        return;
    m_setup->chooseModel(m_model->path());
    showPage(SetupIndex);
}

void TrainView::useRecipeOf(qint64 run) {
    const RunRow* row = m_history->model().row(m_history->model().indexOf(run));
    const auto config = row ? parseRunConfig(row->record.recipe, services().runs->catalog(), row->record.name)
                            : Result<RunConfig>(fail(ErrorCode::NotFound, "The run is gone."));
    if (!config)
        return m_page->messages().showError("recipe", config.error());
    m_setup->useConfig(*config);
    showPage(SetupIndex);
}

void TrainView::activated() {
    if (services().undo)
        services().undo->setActiveStack(&m_history->undoStack());
    if (services().project->isOpen()) {
        m_setup->refreshFacts();
        readHistory();
    }
}

void TrainView::showRequest(const QVariantMap& request) {
    if (request.contains(QStringLiteral("version"))) {
        m_setup->chooseVersion(request.value(QStringLiteral("version")).toLongLong());
        showPage(SetupIndex);
    }
    if (request.contains(QStringLiteral("assignment")))
        changeRecipe(request.value(QStringLiteral("assignment")).toString());
    if (request.contains(QStringLiteral("model")))
        openFiles({request.value(QStringLiteral("model")).toString()});
    if (request.contains(QStringLiteral("run")))
        openRun(request.value(QStringLiteral("run")).toLongLong());
}

bool TrainView::canClose(QString& reason) {
    if (!services().runs->isActive() && !m_sweep->driver().isActive())
        return true;
    if (m_sweep->driver().isActive()) {
        reason = tr("A sweep is training. Leaving now stops it at its next step; it stays resumable with Continue.");
        return false;
    }
    reason = tr("%1 is training. Leaving now stops it at its next step; it stays resumable with Continue.")
                 .arg(services().runs->current().name);
    return false;
}

void TrainView::loadProject() {
    m_factsRead = false;
    m_page->messages().clear();
    m_history->setRuns(services().project->get(), {});
    m_shownRun = 0;
    m_shownName.clear();
    m_shownState.clear();
    m_live->begin({});
    m_model->clear();
    m_setup->load();
    m_sweep->load();
    showPage(SetupIndex);
    readHistory();
}

void TrainView::readHistory() {
    const auto project = services().project->get();
    if (!project)
        return refresh();
    runTask<std::vector<RunRow>>(
        this, [project, &catalog = services().runs->catalog()](const Progress&) { return readRuns(*project, catalog); },
        [this, project](Result<std::vector<RunRow>> runs) {
            if (project != services().project->get())
                return;
            if (!runs)
                return m_page->messages().showError("runs", runs.error());
            qint64 highest = 0;
            for (const RunRow& run : *runs) {
                highest = std::max<qint64>(highest, run.record.id);
                if (run.record.id == m_shownRun && !shownIsActive()) {
                    m_shownState = qstr(run.record.state);
                    m_canContinue = run.canContinue();
                }
            }
            m_setup->suggestName(tr("Run %1").arg(highest + 1));
            m_history->setRuns(project, std::move(*runs));
            refresh();
        });
}

void TrainView::start() {
    const auto project = services().project->get();
    if (!project || m_task || m_sweep->driver().isActive())
        return;
    m_page->messages().remove("start");
    m_task = runTask<PreparedRun>(
        this,
        [project, engine = services().engine, config = m_setup->config()](const Progress&) {
            return prepareRun(*project, *engine, config);
        },
        [this, project](Result<PreparedRun> run) { launch(std::move(run), project); });
    m_progress->follow(m_task, tr("Preparing the run"));
    refreshButtons();
}

void TrainView::continueRun(qint64 runId) {
    const auto project = services().project->get();
    if (!project || m_task || m_sweep->driver().isActive() || runId <= 0)
        return;
    struct Both {
        PreparedRun run;
        RunTrace trace;
    };
    m_task = runTask<Both>(
        this,
        [project, runId, &catalog = services().runs->catalog()](const Progress&) -> Result<Both> {
            Both both;
            ATTUNE_ASSIGN(both.run, prepareContinuation(*project, catalog, runId));
            ATTUNE_ASSIGN(both.trace, readRunTrace(*project, runId, catalog));
            return both;
        },
        [this, project](Result<Both> both) {
            if (!both)
                return launch(fail(both.error()), project);
            m_live->showTrace(both->trace);
            launch(std::move(both->run), project);
        });
    m_progress->follow(m_task, tr("Preparing to go on"));
    refreshButtons();
}

void TrainView::launch(Result<PreparedRun> run, std::shared_ptr<Project> project) {
    m_task = nullptr;
    if (!run) {
        m_page->messages().showError("start", run.error());
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
        m_page->messages().showError("start", started.error());
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
                return m_page->messages().showError("run", trace.error());
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
    m_page->messages().show("failure", Tone::Bad, tr("%1 failed: %2").arg(m_shownName, qstr(failure.error.message)),
                            qstr(hint), {{tr("Change the recipe"), [this] { showPage(SetupIndex); }}});
}

void TrainView::takeEnd(qint64 runId, RunState state) {
    if (runId == m_shownRun) {
        m_live->setActive(false);
        m_canContinue = state != RunState::Finished;
    }
    services().project->noteChange(QStringLiteral("runs"));
    refresh();
}

void TrainView::changeRecipe(const QString& assignment) {
    RunConfig config = m_setup->config();
    if (const Status changed = setByPath(config, sstr(assignment), services().runs->catalog()); !changed)
        return m_page->messages().showError("recipe", changed.error());
    m_setup->useConfig(config);
    showPage(SetupIndex);
    m_setup->focusField(assignment.section(QLatin1Char('='), 0, 0));
    m_page->messages().show("recipe", Tone::Accent, tr("Changed for the next run: %1.").arg(assignment),
                            tr("The running or earlier run keeps its recipe."));
}

bool TrainView::shownIsActive() const {
    return services().runs->isActive() && services().runs->current().runId == m_shownRun && m_shownRun > 0;
}

void TrainView::showPage(Page page) {
    m_stack->setCurrentIndex(page);
    m_switch->setIndex(page);
    if (page == ModelIndex && !m_model->hasModel() && m_setup->modelFacts())
        m_model->read(m_setup->modelFacts()->folder);
    refresh();
    if (page == LiveIndex && m_pause->isVisible())
        m_pause->setFocus(Qt::OtherFocusReason);
}

void TrainView::refresh() {
    const bool any = m_model->hasModel() || (services().project->isOpen() &&
                                             (m_setup->hasData() || m_history->model().rowCount() > 0 || !m_factsRead));
    m_outer->setCurrentIndex(any ? 1 : 0);
    m_history->setBusy(services().runs->isActive());
    refreshButtons();
    refreshRail();
}

} // namespace attune
