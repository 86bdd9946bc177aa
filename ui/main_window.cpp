#include "ui/main_window.h"

#include <cmath>

#include <QApplication>
#include <QCloseEvent>
#include <QDragEnterEvent>
#include <QFileInfo>
#include <QHBoxLayout>
#include <QLabel>
#include <QMenu>
#include <QMessageBox>
#include <QMimeData>
#include <QStackedWidget>
#include <QStatusBar>
#include <QTimer>
#include <QUndoGroup>

#include "ui/bridge/computer_facts.h"
#include "ui/bridge/current_project.h"
#include "ui/bridge/qt_convert.h"
#include "ui/bridge/run_bridge.h"
#include "ui/settings.h"
#include "ui/widgets/card.h"
#include "ui/widgets/rail.h"

namespace attune {
namespace {

const char* const kProjectEnding = ".attune";
constexpr int kAskAgainMilliseconds = 500;

} // namespace

MainWindow::MainWindow(Services& services, std::vector<ViewEntry> entries)
    : m_services(services), m_entries(std::move(entries)), m_views(m_entries.size(), nullptr) {
    setWindowIcon(QIcon(":/icons/attune-app.svg"));
    setAcceptDrops(true);
    setMinimumSize(800, 560);
    auto* central = new QWidget(this);
    auto* layout = new QHBoxLayout(central);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->setSpacing(0);
    m_rail = new Rail(central);
    m_stack = new QStackedWidget(central);
    layout->addWidget(m_rail);
    layout->addWidget(m_stack, 1);
    setCentralWidget(central);
    for (std::size_t i = 0; i < m_entries.size(); ++i)
        m_rail->addStation(m_entries[i].label, m_entries[i].icon, QStringLiteral("Ctrl+%1").arg(i + 1));
    connect(m_rail, &Rail::stationClicked, this, [this](int index) { showStation(m_entries[std::size_t(index)].id); });

    makeMenus();
    makeStatusBar();
    connect(services.project, &CurrentProject::changed, this, &MainWindow::showProject);
    connect(services.project, &CurrentProject::failed, this, [this] { showStation("home"); });
    // "Try with the sample" inside the sample: what it lacks there is a trained model.
    connect(services.project, &CurrentProject::sampleIsOpen, this, [this] { showStation("train"); });
    connect(services.computer, &ComputerFacts::loadChanged, this, &MainWindow::showLoad);
    connect(services.computer, &ComputerFacts::changed, this, &MainWindow::showLoad);
    connect(services.runs, &RunBridge::runStarted, this, &MainWindow::showRun);
    connect(services.runs, &RunBridge::stepsFinished, this, &MainWindow::showRun);
    connect(services.runs, &RunBridge::stateChanged, this, &MainWindow::showRun);
    connect(services.runs, &RunBridge::stopRequested, this, &MainWindow::showRun);
    showProject();
    showLoad();
    showRun();
    if (!restoreGeometry(services.settings->windowGeometry()))
        resize(1440, 900);
    if (!m_entries.empty())
        showStation(m_entries.front().id);
    central->setFocus(Qt::OtherFocusReason); // Tab begins at the rail; no control looks chosen before
}

int MainWindow::indexOf(const QString& id) const {
    for (std::size_t i = 0; i < m_entries.size(); ++i)
        if (m_entries[i].id == id)
            return int(i);
    return -1;
}

View* MainWindow::ensureView(int index) {
    View*& view = m_views[std::size_t(index)];
    if (view)
        return view;
    view = m_entries[std::size_t(index)].create(m_services, m_stack);
    m_stack->addWidget(view);
    connect(view, &View::stateChanged, this,
            [this, index](StationState state, const QString& text) { m_rail->setState(index, state, text); });
    connect(view, &View::helpWanted, this, [this, index] { showGuide(m_entries[std::size_t(index)].id); });
    connect(view, &View::openStation, this,
            [this](const QString& id, const QVariantMap& request) { showStation(id, request); });
    return view;
}

View* MainWindow::view(const QString& id) {
    const int index = indexOf(id);
    return index < 0 ? nullptr : ensureView(index);
}

QString MainWindow::currentStation() const {
    return m_current < 0 ? QString() : m_entries[std::size_t(m_current)].id;
}

bool MainWindow::showStation(const QString& id, const QVariantMap& request) {
    const int index = indexOf(id);
    if (index < 0)
        return false;
    View* view = ensureView(index);
    m_stack->setCurrentWidget(view);
    m_rail->setCurrent(index);
    m_current = index;
    m_services.settings->setLastStation(id);
    m_services.undo->setActiveStack(nullptr); // a view with something to undo activates its own stack
    view->activated();
    if (!request.isEmpty())
        view->showRequest(request);
    return true;
}

// One view per turn of the event loop, so that the window answers while they are made; their states then show in the
// rail.
void MainWindow::createRemainingViews() {
    for (std::size_t i = 0; i < m_views.size(); ++i) {
        if (m_views[i])
            continue;
        ensureView(int(i));
        QTimer::singleShot(0, this, &MainWindow::createRemainingViews);
        return;
    }
}

void MainWindow::restore(bool reopenLast) {
    const QString project = m_services.settings->lastProject(), station = m_services.settings->lastStation();
    if (reopenLast && !project.isEmpty() && QFileInfo::exists(project)) {
        m_services.project->open(project);
        showStation(station);
    }
    QTimer::singleShot(0, this, &MainWindow::createRemainingViews);
}

void MainWindow::makeStatusBar() {
    const auto label = [this](const QString& name) {
        QLabel* made = makeLabel({}, "note", this);
        made->setWordWrap(false);
        made->setAccessibleName(name);
        return made;
    };
    m_modelLabel = label(tr("Model"));
    m_cpuLabel = label(tr("Processor"));
    m_memoryLabel = label(tr("Memory"));
    m_runLabel = label(tr("Current run"));
    for (QLabel* made : {m_modelLabel, m_cpuLabel, m_memoryLabel})
        statusBar()->addWidget(made);
    QLabel* network = label(tr("Network"));
    network->setText(tr("Network: not used"));
    network->setToolTip(tr("Attune reads and writes only on this computer. It sends nothing and asks for nothing."));
    statusBar()->addPermanentWidget(network);
    statusBar()->addPermanentWidget(m_runLabel);
    statusBar()->setSizeGripEnabled(false);
}

void MainWindow::showProject() {
    CurrentProject& project = *m_services.project;
    setWindowTitle(project.isOpen() ? tr("%1 – Attune").arg(project.name()) : tr("Attune"));
    m_rail->setProject(project.name(), QFileInfo(project.folder()).path());
    m_services.settings->setLastProject(project.folder());
    if (project.isOpen())
        m_services.settings->addRecentProject(project.folder());
    else if (m_current > 0)
        showStation(m_entries.front().id);
    if (m_current >= 0 && m_views[std::size_t(m_current)])
        m_views[std::size_t(m_current)]->activated();
}

void MainWindow::showLoad() {
    const ComputerFacts& facts = *m_services.computer;
    const std::optional<Computer>& computer = facts.computer();
    const QString cores =
        computer ? (computer->cores == 1 ? tr("CPU 1 core") : tr("CPU %1 cores").arg(computer->cores)) : tr("CPU");
    m_cpuLabel->setText(facts.cpuShare() < 0 ? cores
                                             : tr("%1 %2 %").arg(cores).arg(std::lround(facts.cpuShare() * 100)));
    m_memoryLabel->setText(
        computer ? tr("Memory %1 of %2").arg(bytesText(facts.residentBytes()), bytesText(computer->memoryBytes))
                 : tr("Memory %1").arg(bytesText(facts.residentBytes())));
}

void MainWindow::showRun() {
    const RunBridge::Current& run = m_services.runs->current();
    m_modelLabel->setText(run.model);
    m_modelLabel->setVisible(!run.model.isEmpty()); // Compare may use one all the same
    if (!m_services.runs->isActive()) {
        const bool failed = run.runId > 0 && run.state == RunState::Failed;
        m_runLabel->setText(run.runId == 0 ? tr("No run")
                            : failed       ? tr("%1: failed").arg(run.name)
                                           : tr("%1: ended").arg(run.name));
        return;
    }
    if (run.stopping) {
        m_runLabel->setText(tr("%1: stopping").arg(run.name));
        return;
    }
    if (run.state == RunState::Preparing || run.lastStep.totalSteps == 0) {
        m_runLabel->setText(tr("%1: preparing").arg(run.name));
        return;
    }
    QString text = tr("%1: step %2 of %3")
                       .arg(run.name, number(qint64(run.lastStep.step)), number(qint64(run.lastStep.totalSteps)));
    if (run.state == RunState::Paused)
        text += QStringLiteral(" · ") + tr("paused");
    else if (run.lastStep.secondsLeft >= 0)
        text += QStringLiteral(" · ") + tr("%1 left").arg(durationText(run.lastStep.secondsLeft));
    m_runLabel->setText(text);
}

QStringList MainWindow::whyNotClose() {
    QStringList reasons;
    for (View* view : m_views) {
        QString reason;
        if (view && !view->canClose(reason))
            reasons << reason;
    }
    return reasons;
}

void MainWindow::closeEvent(QCloseEvent* event) {
    if (const QStringList reasons = whyNotClose(); !reasons.isEmpty()) {
        QMessageBox box(QMessageBox::Question, tr("Quit Attune?"), reasons.join(QStringLiteral("\n\n")),
                        QMessageBox::NoButton, this);
        box.setTextFormat(Qt::PlainText);
        QAbstractButton* quit = box.addButton(tr("Quit"), QMessageBox::AcceptRole);
        QPushButton* stay = box.addButton(tr("Go on working"), QMessageBox::RejectRole);
        box.setDefaultButton(stay);
        box.setEscapeButton(stay);
        // What it asks about may end while it asks: then there is nothing left to ask.
        QTimer ended;
        connect(&ended, &QTimer::timeout, &box, [this, &box] {
            if (whyNotClose().isEmpty())
                box.reject();
        });
        ended.start(kAskAgainMilliseconds);
        box.exec();
        if (box.clickedButton() != quit && !whyNotClose().isEmpty())
            return event->ignore();
    }
    m_services.settings->setWindowGeometry(saveGeometry());
    event->accept();
}

void MainWindow::dragEnterEvent(QDragEnterEvent* event) {
    if (event->mimeData()->hasUrls())
        event->acceptProposedAction();
}

void MainWindow::dropEvent(QDropEvent* event) {
    QStringList files;
    for (const QUrl& url : event->mimeData()->urls())
        if (url.isLocalFile())
            files << url.toLocalFile();
    if (files.isEmpty())
        return;
    event->acceptProposedAction();
    if (files.size() == 1 && files.front().endsWith(QLatin1String(kProjectEnding)) && QFileInfo(files.front()).isDir())
        return m_services.project->open(files.front());
    // A model is one wherever it is dropped. Anything else: the station in front first, which may want the file itself;
    // otherwise rows are what files are for.
    if (View* train = view("train"); train && train->openFiles(files)) {
        if (currentStation() != QLatin1String("train"))
            showStation("train");
        return;
    }
    if (m_current >= 0 && ensureView(m_current)->openFiles(files))
        return;
    if (View* data = view("data"); data && showStation("data"))
        data->openFiles(files);
}

} // namespace attune
