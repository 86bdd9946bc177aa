// The part of MainWindow that is its menus: commands that belong to no station.
#include <QActionGroup>
#include <QApplication>
#include <QFileDialog>
#include <QFileInfo>
#include <QMenu>
#include <QMenuBar>
#include <QMessageBox>
#include <QUndoGroup>

#include "ui/bridge/current_project.h"
#include "ui/help/guide_window.h"
#include "ui/main_window.h"
#include "ui/settings.h"
#include "ui/widgets/command_palette.h"
#include "ui/widgets/rail.h"

namespace attune {
namespace {
const char* const kCopyEnding = ".attune";
} // namespace

void MainWindow::makeMenus() {
    QMenu* file = menuBar()->addMenu(tr("&File"));
    file->addAction(tr("&New project…"), this,
                    [this] {
                        showStation("home", {{"action", "new"}});
                    })
        ->setShortcut(QKeySequence::New);
    file->addAction(tr("&Open project…"), this,
                    [this] {
                        showStation("home", {{"action", "open"}});
                    })
        ->setShortcut(QKeySequence::Open);
    QMenu* recent = file->addMenu(tr("Open &recent"));
    connect(recent, &QMenu::aboutToShow, this, [this, recent] { showRecent(*recent); });
    if (m_services.project->hasSample())
        connect(file->addAction(tr("Try the &sample project")), &QAction::triggered, m_services.project,
                &CurrentProject::openSample);
    file->addSeparator();
    QAction* copy = file->addAction(tr("Save a &copy…"), this, &MainWindow::saveCopy);
    copy->setShortcut(QKeySequence::SaveAs);
    QAction* close = file->addAction(tr("Close &project"), m_services.project, &CurrentProject::close);
    const auto needProject = [this, copy, close] {
        copy->setEnabled(m_services.project->isOpen());
        close->setEnabled(m_services.project->isOpen());
    };
    connect(m_services.project, &CurrentProject::changed, this, needProject);
    needProject();
    file->addSeparator();
    file->addAction(tr("&Quit"), this, &QWidget::close)->setShortcut(QKeySequence::Quit);

    QMenu* edit = menuBar()->addMenu(tr("&Edit"));
    QAction* undo = m_services.undo->createUndoAction(this, tr("Undo"));
    undo->setShortcut(QKeySequence::Undo);
    QAction* redo = m_services.undo->createRedoAction(this, tr("Redo"));
    redo->setShortcut(QKeySequence::Redo);
    edit->addActions({undo, redo});

    QMenu* view = makeViewMenu();
    m_rail->setSettingsMenu(view);

    QMenu* help = menuBar()->addMenu(tr("&Help"));
    QAction* guide = help->addAction(tr("&Guide"));
    guide->setShortcut(QKeySequence::HelpContents);
    connect(guide, &QAction::triggered, this, [this] { showGuide(currentStation()); });
    QAction* palette = help->addAction(tr("&Find a command…"));
    palette->setShortcut(QKeySequence(Qt::CTRL | Qt::Key_K));
    connect(palette, &QAction::triggered, this,
            [this] { (new CommandPalette(findChildren<QAction*>(), this))->show(); });
    help->addAction(tr("&About Attune"), this, &MainWindow::about);
}

QMenu* MainWindow::makeViewMenu() {
    QMenu* view = menuBar()->addMenu(tr("&View"));
    for (std::size_t i = 0; i < m_entries.size(); ++i) {
        QAction* action = view->addAction(m_services.theme->icon(m_entries[i].icon), m_entries[i].label);
        if (i < 9)
            action->setShortcut(QKeySequence(Qt::CTRL | Qt::Key(Qt::Key_1 + int(i))));
        action->setProperty("group", tr("Go to"));
        connect(action, &QAction::triggered, this, [this, id = m_entries[i].id] { showStation(id); });
    }
    const auto choices = [this, view](const QString& group, const QStringList& labels, int current, auto choose) {
        view->addSection(group);
        auto* actions = new QActionGroup(view);
        for (int i = 0; i < labels.size(); ++i) {
            QAction* action = view->addAction(labels[i]);
            action->setCheckable(true);
            action->setChecked(i == current);
            action->setProperty("group", group);
            actions->addAction(action);
            connect(action, &QAction::triggered, this, [choose, i] { choose(i); });
        }
    };
    choices(tr("Theme"), {tr("As the system"), tr("Light"), tr("Dark")}, int(m_services.settings->themeMode()),
            [this](int i) {
                m_services.settings->setThemeMode(static_cast<ThemeMode>(i));
                m_services.theme->setMode(static_cast<ThemeMode>(i));
            });
    choices(tr("Choices shown"), {tr("Guided: the few that matter"), tr("Standard: the usual ones"), tr("Expert: all")},
            int(m_services.settings->depth()), [this](int i) { m_services.settings->setDepth(static_cast<Depth>(i)); });
    return view;
}

void MainWindow::showRecent(QMenu& menu) {
    menu.clear();
    const QStringList recent = m_services.settings->recentProjects();
    for (const QString& folder : recent) {
        QString text = QStringLiteral("%1   %2").arg(QFileInfo(folder).completeBaseName(), QFileInfo(folder).path());
        QAction* action = menu.addAction(text.replace(QLatin1Char('&'), QLatin1String("&&")));
        connect(action, &QAction::triggered, this, [this, folder] { m_services.project->open(folder); });
    }
    if (recent.isEmpty())
        menu.addAction(tr("None yet"))->setEnabled(false);
}

void MainWindow::saveCopy() {
    const QString suggestion = QFileInfo(m_services.project->folder()).path() + '/' +
                               tr("Copy of %1").arg(m_services.project->name()) + kCopyEnding;
    QString folder = QFileDialog::getSaveFileName(this, tr("Save a copy"), suggestion, tr("Attune project (*.attune)"));
    if (folder.isEmpty())
        return;
    if (!folder.endsWith(QLatin1String(kCopyEnding)))
        folder += QLatin1String(kCopyEnding);
    m_services.project->saveCopy(folder);
}

void MainWindow::showGuide(const QString& station) {
    if (!m_guide) {
        QStringList ids;
        for (const ViewEntry& entry : m_entries)
            ids << entry.id;
        m_guide = new GuideWindow(readGuidePages(ids), this);
    }
    m_guide->open(station);
}

void MainWindow::about() {
    QMessageBox::about(this, tr("About Attune"),
                       tr("<h3>Attune %1</h3><p>Fine-tune a language model on private data, see whether it got better, "
                          "and decide with "
                          "evidence. Everything runs on this computer.</p><p>Free software under the GNU General "
                          "Public License, version 3 "
                          "or later. Built with Qt, libtorch, SQLite and QCustomPlot.</p>")
                           .arg(QApplication::applicationVersion()));
}

} // namespace attune
