// What the Data station's header buttons and keys do: paste, freeze, export, choose the data set or the model.
#include <QApplication>
#include <QClipboard>
#include <QFileDialog>
#include <QFileInfo>
#include <QMenu>
#include <QMimeData>
#include <QTemporaryFile>
#include <QUrl>

#include "core/store/project.h"
#include "ui/bridge/current_project.h"
#include "ui/bridge/qt_convert.h"
#include "ui/models/sample_table_model.h"
#include "ui/settings.h"
#include "ui/views/data/data_view.h"
#include "ui/views/data/export_rows.h"
#include "ui/views/data/import_page.h"
#include "ui/views/data/pasted_rows.h"
#include "ui/views/data/project_model.h"
#include "ui/views/data/workspace.h"
#include "ui/widgets/message_bar.h"
#include "ui/widgets/progress_strip.h"

namespace attune {

void DataView::paste() {
    const QMimeData* data = QApplication::clipboard()->mimeData();
    if (!data)
        return;
    QStringList files;
    for (const QUrl& url : data->urls())
        if (url.isLocalFile())
            files << url.toLocalFile();
    if (!files.isEmpty()) {
        openFiles(files);
        return;
    }
    if (!m_project || m_import->isImporting() || !data->hasText())
        return;
    auto file = writePastedRows(data->text());
    if (!file) {
        m_page->messages().showError("import", file.error());
        return;
    }
    m_pasted = std::move(*file);
    m_filesLeft.clear();
    inspect(m_pasted->fileName(), tr("Pasted rows"));
}

void DataView::freeze() {
    if (!m_project || m_freezeTask)
        return;
    const int former = m_workspace->versions().empty() ? 0 : m_workspace->versions().front().number;
    m_freezeTask = runTask<DatasetVersion>(
        this,
        [project = m_project, dataset = m_workspace->datasetId()](const Progress&) {
            return project->datasets().freeze(dataset);
        },
        [this, former, project = m_project](Result<DatasetVersion> version) {
            m_freezeTask = nullptr;
            if (project != m_project)
                return;
            updateHeader();
            if (!version)
                return say(version.error());
            const MessageAction train{tr("Train on it"), [this, id = qint64(version->id)] {
                                          Q_EMIT openStation("train", {{"version", id}});
                                      }};
            if (version->number == former)
                m_page->messages().show(
                    "done", Tone::Accent,
                    tr("Nothing changed since version %1; it stays the one to train on.").arg(former), {}, {train});
            else
                m_page->messages().show(
                    "done", Tone::Good,
                    tr("Version %1 is frozen: %2, hash %3.")
                        .arg(version->number)
                        .arg(counted(qint64(m_workspace->statistics().rows), tr("1 row"), tr("%1 rows")), qstr(version->hash).left(12)),
                    tr("Later edits do not touch it."), {train});
            m_workspace->reload();
            m_noting = true;
            services().project->noteChange(QStringLiteral("datasets"));
            m_noting = false;
        });
    updateHeader();
}

void DataView::fillDatasetMenu() {
    m_datasetMenu->clear();
    for (const DatasetInfo& info : m_datasets) {
        QAction* action = m_datasetMenu->addAction(tr("%1 (%2)")
                                                       .arg(qstr(info.name), counted(qint64(info.rows), tr("1 row"), tr("%1 rows")))
                                                       .replace(QLatin1Char('&'), QLatin1String("&&")));
        action->setCheckable(true);
        action->setChecked(info.id == m_workspace->datasetId());
        connect(action, &QAction::triggered, this, [this, id = info.id] { m_workspace->setDataset(m_project, id); });
    }
    m_datasetMenu->addSeparator();
    connect(m_datasetMenu->addAction(tr("Remove this data set")), &QAction::triggered, this, [this] {
        for (const DatasetInfo& info : m_datasets)
            if (info.id == m_workspace->datasetId())
                m_editor->removeDataset(info.id, qstr(info.name));
    });
}

void DataView::chooseModel() {
    const QString folder = QFileDialog::getExistingDirectory(
        this, tr("The model's folder (config.json, tokenizer.json, model.safetensors)"),
        services().settings->lastFolder("model"));
    if (folder.isEmpty())
        return;
    services().settings->setLastFolder("model", QFileInfo(folder).path());
    m_model->choose(folder);
}

void DataView::exportRows() {
    const QString file = QFileDialog::getSaveFileName(
        this, tr("Export the rows that are shown"),
        services().settings->lastFolder("export") + QStringLiteral("/rows.jsonl"), tr("JSON Lines (*.jsonl)"));
    if (file.isEmpty() || !m_project)
        return;
    services().settings->setLastFolder("export", QFileInfo(file).path());
    m_exportTask = runTask<std::int64_t>(
        this,
        [project = m_project, ids = m_workspace->tableModel().rows(), path = fspath(file)](const Progress& progress) {
            return attune::exportRows(*project, ids, path, progress);
        },
        [this, file](Result<std::int64_t> rows) {
            m_exportTask = nullptr;
            updateHeader();
            if (!rows)
                return say(rows.error());
            m_page->messages().show("done", Tone::Good, tr("%1 written to %2.").arg(counted(qint64(*rows), tr("1 row"), tr("%1 rows")), file));
        });
    m_progress->follow(m_exportTask, tr("Exporting rows"));
    updateHeader();
}

} // namespace attune
