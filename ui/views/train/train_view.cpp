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
#include "ui/views/train/field_words.h"
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
    m_useBest = m_page->addButton(tr("Use the best"), "check");
    m_useBest->setToolTip("<p>" + tr("Trains no more: the best checkpoint by validation becomes the run's result, ready to compare and export.").toHtmlEscaped() + "</p>");
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
    makePages(services);
    column->addWidget(m_stack, 1);
    connectPages();
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

// Each page below its own messages: what is said about a run does not stand above the set-up of the next one.
void TrainView::makePages(Services& services) {
    const auto add = [this](Page page, auto make) {
        auto* box = new QWidget(m_stack);
        auto* column = new QVBoxLayout(box);
        column->setContentsMargins(0, 0, 0, 0);
        column->setSpacing(16);
        m_areas[page] = new MessageArea(box);
        column->addWidget(m_areas[page]);
        auto* made = make(*m_areas[page], box);
        column->addWidget(made, 1);
        m_stack->addWidget(box);
        return made;
    };
    m_model = add(ModelIndex, [&](MessageArea& area, QWidget* box) { return new ModelPage(services, area, box); });
    m_setup = add(SetupIndex, [&](MessageArea& area, QWidget* box) { return new SetupPage(services, area, box); });
    m_sweep = add(SweepIndex, [&](MessageArea& area, QWidget* box) { return new SweepPage(services, area, box); });
    m_live = add(LiveIndex, [&](MessageArea& area, QWidget* box) { return new LivePage(services.runs->catalog(), area, box); });
    m_history = add(HistoryIndex, [&](MessageArea& area, QWidget* box) { return new HistoryPage(services, area, box); });
}

void TrainView::connectPages() {
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
    connect(m_history, &HistoryPage::continueWanted, this, [this](qint64 run) { continueRun(run); });
    connect(m_history, &HistoryPage::compareWanted, this, [this](qint64 run) {
        Q_EMIT openStation(QStringLiteral("compare"), {{QStringLiteral("run"), run}});
    });
    connect(m_history, &HistoryPage::recipeWanted, this, &TrainView::useRecipeOf);
    connect(m_live, &LivePage::recipeWanted, this, &TrainView::changeRecipe);
    connect(m_live, &LivePage::useBestWanted, this, &TrainView::useBest);
    connect(m_live, &LivePage::goOnWanted, this, &TrainView::goOnFromBest);
    connect(m_live, &LivePage::newRunWanted, this, [this] { showPage(SetupIndex); });
    connect(m_live, &LivePage::historyWanted, this, [this] { showPage(HistoryIndex); });
    connect(m_useBest, &QPushButton::clicked, this, &TrainView::useBest);
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
        return messagesOf(HistoryIndex).showError("recipe", config.error());
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
    for (MessageArea* area : m_areas)
        area->clear();
    m_history->setRuns(services().project->get(), {});
    m_shownRun = 0;
    m_shownName.clear();
    m_shownState.clear();
    m_afterStop = AfterStop::Nothing;
    m_live->clear();
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

void TrainView::changeRecipe(const QString& assignment) {
    RunConfig config = m_setup->config();
    if (const Status changed = setByPath(config, sstr(assignment), services().runs->catalog()); !changed)
        return messagesOf(LiveIndex).showError("recipe", changed.error());
    m_setup->useConfig(config);
    showPage(SetupIndex);
    m_setup->focusField(assignment.section(QLatin1Char('='), 0, 0));
    messagesOf(SetupIndex).show("recipe", Tone::Accent, tr("Changed for the next run: %1.").arg(assignmentWords(assignment, config, services().runs->catalog())),
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
