#include "ui/views/data/data_view.h"

#include <algorithm>

#include <QFileDialog>
#include <QFileInfo>
#include <QMenu>
#include <QPushButton>
#include <QShortcut>
#include <QStackedWidget>
#include <QTemporaryFile>
#include <QUndoGroup>
#include <QVBoxLayout>

#include "core/store/project.h"
#include "ui/bridge/current_project.h"
#include "ui/bridge/qt_convert.h"
#include "ui/settings.h"
#include "ui/views/data/data_words.h"
#include "ui/views/data/import_page.h"
#include "ui/views/data/project_model.h"
#include "ui/views/data/workspace.h"
#include "ui/widgets/empty_state.h"
#include "ui/widgets/message_bar.h"
#include "ui/widgets/progress_strip.h"

namespace attune {

DataView::DataView(Services& services, QWidget* parent) : View(services, parent) {
    m_model = new ProjectModel(services, this);
    m_editor = new DatasetEditor(this);
    services.undo->addStack(&m_editor->undoStack());

    m_page = new ViewPage(tr("Data"), {}, this);
    m_datasetButton = m_page->addButton({}, "data");
    m_datasetButton->setProperty("menu", true);
    m_datasetMenu = new QMenu(m_datasetButton);
    m_datasetButton->setMenu(m_datasetMenu);
    m_importButton = m_page->addButton(tr("Import…"), "import");
    m_exportButton = m_page->addButton(tr("Export…"), "export");
    m_cancelButton = m_page->addButton(tr("Cancel"));
    m_primary = m_page->primaryButton(tr("Import"));

    auto* content = new QWidget(this);
    auto* column = new QVBoxLayout(content);
    column->setContentsMargins(0, 0, 0, 0);
    column->setSpacing(16);
    m_progress = new ProgressStrip(content);
    m_stack = new QStackedWidget(content);
    m_empty =
        new EmptyState("data", tr("No rows yet"),
                       tr("Bring the examples your model should learn from: what is asked and what it should answer. "
                          "JSON, JSON Lines and "
                          "CSV files can be chosen, dropped here, or pasted as text. Nothing leaves this computer."),
                       m_stack);
    m_import = new ImportPage(m_stack);
    m_workspace = new Workspace(*m_editor, *m_model, m_stack);
    m_stack->addWidget(new QWidget(m_stack));
    m_stack->addWidget(m_empty);
    m_stack->addWidget(m_import);
    m_stack->addWidget(m_workspace);
    column->addWidget(m_progress);
    column->addWidget(m_stack, 1);
    m_page->setContent(content);
    fill(*this, m_page);
    connectParts();
    makeShortcuts();
    takeProject();
}

DataView::~DataView() {
    disconnect(services().project, nullptr, this, nullptr);
}

void DataView::connectParts() {
    connect(m_empty, &EmptyState::primaryClicked, this, [this] {
        if (m_project)
            chooseFile();
        else
            Q_EMIT openStation("home", {{"action", "new"}});
    });
    connect(m_empty, &EmptyState::secondaryClicked, services().project, &CurrentProject::openSample);
    connect(m_importButton, &QPushButton::clicked, this, &DataView::chooseFile);
    connect(m_exportButton, &QPushButton::clicked, this, &DataView::exportRows);
    connect(m_cancelButton, &QPushButton::clicked, this, &DataView::leaveImport);
    connect(m_primary, &QPushButton::clicked, this, &DataView::primaryClicked);
    connect(m_datasetMenu, &QMenu::aboutToShow, this, &DataView::fillDatasetMenu);

    connect(m_import, &ImportPage::ready, this, [this] {
        m_failed = false;
        showPage(Page::Import);
    });
    connect(m_import, &ImportPage::mappingChanged, this, &DataView::updateHeader);
    connect(m_import, &ImportPage::imported, this, &DataView::takeImported);
    connect(m_import, &ImportPage::failed, this, [this](const Error& error, const QString& file) {
        if (error.code != ErrorCode::Cancelled) {
            m_failed = true;
            m_page->messages().showError("import", error, {{tr("Choose another file…"), [this] { chooseFile(); }}});
        } else if (m_current == Page::Import) {
            m_page->messages().show(
                "import", Tone::Accent,
                tr("The import of %1 was cancelled. Nothing of it was kept.").arg(QFileInfo(file).fileName()));
        }
        updateHeader();
    });

    connect(m_workspace, &Workspace::factsChanged, this, &DataView::updateHeader);
    connect(m_workspace, &Workspace::failed, this, &DataView::say);
    connect(m_workspace, &Workspace::chooseModelWanted, this, &DataView::chooseModel);
    connect(m_workspace, &Workspace::trainWanted, this, [this](qint64 version) {
        Q_EMIT openStation("train", {{"version", version}});
    });
    connect(m_workspace, &Workspace::checkStarted, this,
            [this](Task* task) { m_progress->follow(task, tr("Checking the rows")); });
    connect(m_editor, &DatasetEditor::failed, this, &DataView::say);
    connect(m_editor, &DatasetEditor::changed, this, [this](DatasetEditor::Touches touches) {
        if (touches == DatasetEditor::Touches::Rows)
            refresh(); // a data set may have been removed or brought back
        m_noting = true;
        services().project->noteChange(QStringLiteral("datasets"));
        m_noting = false;
    });
    connect(m_model, &ProjectModel::failed, this, [this](const Error& error) {
        m_page->messages().showError("model", error, {{tr("Choose a model folder…"), [this] { chooseModel(); }}});
    });
    connect(m_model, &ProjectModel::changed, this, [this] {
        if (m_model->format())
            m_page->messages().remove("model");
    });
    connect(services().project, &CurrentProject::changed, this, &DataView::takeProject);
    connect(services().project, &CurrentProject::contentChanged, this, [this](const QString& what) {
        if (what == QLatin1String("settings"))
            m_model->refresh();
        if (what == QLatin1String("datasets") && !m_noting)
            refresh();
    });
}

void DataView::makeShortcuts() {
    const auto add = [this](const QKeySequence& keys, auto run) {
        auto* shortcut = new QShortcut(keys, this);
        shortcut->setContext(Qt::WidgetWithChildrenShortcut);
        connect(shortcut, &QShortcut::activated, this, run);
    };
    add(QKeySequence::Paste, [this] { paste(); });
    add(QKeySequence::Find, [this] {
        if (m_current == Page::Rows)
            m_workspace->focusSearch();
    });
}

void DataView::activated() {
    services().undo->setActiveStack(&m_editor->undoStack());
    m_model->refresh();
    if (m_project)
        refresh();
}

void DataView::showRequest(const QVariantMap& request) {
    if (const qint64 dataset = request.value("dataset").toLongLong(); dataset != 0 && m_project)
        m_workspace->setDataset(m_project, dataset);
    if (request.value("action").toString() == QLatin1String("import"))
        chooseFile();
}

bool DataView::canClose(QString& reason) {
    if (!m_import->isImporting() && !m_exportTask)
        return true;
    reason = m_exportTask ? tr("Rows are being exported. Leaving now ends that; the file will not be there.")
                          : tr("Rows are being imported. Leaving now ends the import, and nothing of it is kept.");
    return false;
}

void DataView::takeProject() {
    m_project = services().project->get();
    m_page->messages().clear();
    m_failed = false;
    m_filesLeft.clear();
    m_import->cancel();
    m_editor->setProject(m_project);
    m_datasets.clear();
    m_workspace->setDataset(m_project, 0);
    m_empty->setPrimary(m_project ? tr("Import…") : tr("New project…"),
                        m_project ? QStringLiteral("import") : QStringLiteral("new"));
    m_empty->setSecondary(services().project->hasSample() ? tr("Try with the sample") : QString());
    m_model->refresh();
    if (m_project)
        refresh();
    showPage(m_project ? Page::Loading : Page::Empty);
}

void DataView::refresh() {
    if (!m_project)
        return;
    m_listTask = runTask<std::vector<DatasetInfo>>(
        this, [project = m_project](const Progress&) { return project->datasets().list(); },
        [this, project = m_project](Result<std::vector<DatasetInfo>> datasets) {
            if (project != m_project)
                return;
            m_listTask = nullptr;
            if (!datasets) {
                say(datasets.error());
                return showPage(Page::Empty);
            }
            m_datasets = std::move(*datasets);
            const auto shown = std::find_if(m_datasets.begin(), m_datasets.end(), [this](const DatasetInfo& info) {
                return info.id == m_workspace->datasetId();
            });
            m_workspace->setDataset(m_project, shown != m_datasets.end() ? shown->id
                                               : m_datasets.empty()      ? 0
                                                                         : m_datasets.front().id);
            if (m_current != Page::Import)
                showPage(m_datasets.empty() ? Page::Empty : Page::Rows);
        });
}

void DataView::showPage(Page page) {
    m_current = page;
    m_stack->setCurrentIndex(int(page));
    updateHeader();
}

void DataView::updateHeader() {
    const bool rows = m_current == Page::Rows, import = m_current == Page::Import;
    const DatasetStatistics& statistics = m_workspace->statistics();
    const bool split = statistics.bySplit[std::size_t(Split::Train)] > 0;
    for (QPushButton* button : {m_datasetButton, m_importButton, m_exportButton})
        button->setVisible(rows);
    m_exportButton->setEnabled(statistics.rows > 0 && !m_exportTask);
    m_cancelButton->setVisible(import);
    m_primary->setVisible(rows || import);
    QString sentence = tr("The rows your model learns from, and those that will judge it.");
    if (import) {
        const QString name = QFileInfo(m_import->file()).fileName();
        sentence = tr("Check that each column of %1 plays the right part, then import. Nothing is written before.")
                       .arg(m_pasted ? tr("the pasted rows") : name);
        m_primary->setText(m_import->isImporting() ? tr("Importing…") : tr("Import"));
        m_primary->setEnabled(m_import->canStart());
    } else if (rows) {
        const int next = m_workspace->versions().empty() ? 1 : m_workspace->versions().front().number + 1;
        sentence =
            split ? tr("Look through the rows, settle what the health check found, then freeze a version to train on.")
                  : tr("Look through the rows, then split them: some to learn from, some that stay untouched to judge "
                       "by.");
        m_primary->setText(split ? tr("Freeze version %1").arg(next) : tr("Split the rows…"));
        m_primary->setEnabled(statistics.rows > 0 && !m_freezeTask);
        for (const DatasetInfo& info : m_datasets)
            if (info.id == m_workspace->datasetId())
                m_datasetButton->setText(fontMetrics()
                                             .elidedText(qstr(info.name), Qt::ElideRight, 220)
                                             .replace(QLatin1Char('&'), QLatin1String("&&")));
        m_datasetButton->setAccessibleName(tr("Data set %1").arg(m_datasetButton->text()));
    }
    m_page->setSentence(sentence);

    const QString text = statistics.rows > 0 ? counted(qint64(statistics.rows), tr("1 row"), tr("%1 rows")) : QString();
    if (m_failed)
        Q_EMIT stateChanged(StationState::Attention, text);
    else if (m_import->isImporting())
        Q_EMIT stateChanged(StationState::InProgress, tr("importing"));
    else if (statistics.rows == 0)
        Q_EMIT stateChanged(StationState::Nothing, {});
    else
        Q_EMIT stateChanged(m_workspace->versions().empty() ? StationState::InProgress : StationState::Done, text);
}

void DataView::primaryClicked() {
    if (m_current == Page::Import) {
        m_page->messages().remove("import");
        m_import->start(m_project);
    } else if (m_current == Page::Rows && m_workspace->statistics().bySplit[std::size_t(Split::Train)] == 0) {
        m_workspace->openSplit();
    } else if (m_current == Page::Rows) {
        freeze();
    }
}

void DataView::say(const Error& error) {
    if (error.code != ErrorCode::Cancelled)
        m_page->messages().showError("data", error);
}

void DataView::chooseFile() {
    const QStringList files =
        QFileDialog::getOpenFileNames(this, tr("Import rows"), services().settings->lastFolder("import"),
                                      tr("Rows (*.jsonl *.json *.ndjson *.csv *.tsv);;All files (*)"));
    if (files.isEmpty())
        return;
    services().settings->setLastFolder("import", QFileInfo(files.front()).path());
    openFiles(files);
}

bool DataView::openFiles(const QStringList& files) {
    QStringList readable;
    for (const QString& file : files)
        if (!QFileInfo(file).isDir())
            readable << file;
    if (readable.isEmpty())
        return false;
    if (!m_project) {
        m_page->messages().show("import", Tone::Careful, tr("Open or make a project first: rows are kept in it."), {},
                                {{tr("New project…"), [this] {
                                      Q_EMIT openStation("home", {{"action", "new"}});
                                  }}});
        return true;
    }
    if (m_import->isImporting()) {
        m_filesLeft += readable;
        return true;
    }
    m_filesLeft = readable.mid(1);
    m_pasted.reset();
    inspect(readable.front());
    return true;
}

void DataView::inspect(const QString& file, const QString& name) {
    m_page->messages().remove("import");
    m_page->messages().remove("done");
    m_failed = false;
    m_import->open(file, name);
}

void DataView::nextFile() {
    m_pasted.reset();
    if (!m_filesLeft.isEmpty())
        inspect(m_filesLeft.takeFirst());
}

void DataView::leaveImport() {
    if (m_import->isImporting())
        return m_import->cancel();
    m_page->messages().remove("import");
    m_failed = false;
    showPage(m_datasets.empty() ? Page::Empty : Page::Rows);
    nextFile();
}

void DataView::takeImported(const ImportedDataset& dataset) {
    QString words = tr("%1 imported.").arg(rowsText(dataset.summary.rows));
    for (const std::string& more : {unjudgedInWords(dataset.summary), toolFaultsInWords(dataset.summary)})
        if (!more.empty())
            words += ' ' + qstr(more);
    if (dataset.summary.problems > 0)
        m_page->messages().show("done", Tone::Careful,
                                words + ' ' +
                                    tr("Set aside because unreadable: %1.").arg(rowsText(dataset.summary.problems)),
                                {}, {{tr("Show them"), [this] { m_workspace->showProblems(); }}});
    else
        m_page->messages().show("done", dataset.summary.toolFaults > 0 ? Tone::Careful : Tone::Good, words);
    m_current = Page::Loading;
    m_workspace->setDataset(m_project, dataset.datasetId);
    refresh();
    m_noting = true;
    services().project->noteChange(QStringLiteral("datasets"));
    m_noting = false;
    nextFile();
}

} // namespace attune
