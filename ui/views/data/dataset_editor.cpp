#include "ui/views/data/dataset_editor.h"

#include <QUndoCommand>

#include "core/store/project.h"
#include "ui/bridge/qt_convert.h"
#include "ui/views/data/data_words.h"

namespace attune {

class StoreCommand final : public QUndoCommand {
public:
    StoreCommand(DatasetEditor& editor, const QString& text, DatasetEditor::Touches touches,
                 DatasetEditor::Change change)
        : QUndoCommand(text), m_editor(editor), m_touches(touches), m_change(std::move(change)) {}
    void redo() override { m_editor.run({m_change, true, m_touches}); }
    void undo() override { m_editor.run({m_change, false, m_touches}); }

private:
    DatasetEditor& m_editor;
    DatasetEditor::Touches m_touches;
    DatasetEditor::Change m_change;
};

DatasetEditor::DatasetEditor(QObject* parent) : QObject(parent) {}

void DatasetEditor::setProject(std::shared_ptr<Project> project) {
    if (project == m_project)
        return;
    m_project = std::move(project);
    m_waiting.clear();
    m_stack.clear();
}

void DatasetEditor::push(const QString& text, Touches touches, Change change) {
    if (m_project)
        m_stack.push(new StoreCommand(*this, text, touches, std::move(change)));
}

void DatasetEditor::run(Job job) {
    m_waiting.push_back(std::move(job));
    startNext();
}

void DatasetEditor::startNext() {
    if (m_running || m_waiting.empty() || !m_project)
        return;
    m_running = true;
    Job job = std::move(m_waiting.front());
    m_waiting.pop_front();
    runTask<bool>(
        this,
        [project = m_project, change = job.change, forward = job.forward](const Progress&) -> Result<bool> {
            ATTUNE_CHECK(change(project->datasets(), forward));
            return true;
        },
        [this, touches = job.touches, project = m_project](Result<bool> done) {
            m_running = false;
            if (project == m_project) {
                if (!done)
                    Q_EMIT failed(done.error());
                Q_EMIT changed(touches); // after a failure too: what is shown must be what is stored
            }
            startNext();
        });
}

void DatasetEditor::updateSample(RowId row, const Sample& sample, const QString& what) {
    auto before = std::make_shared<std::optional<Sample>>();
    push(what, Touches::Contents, [row, sample, before](DatasetStore& store, bool forward) -> Status {
        if (!forward && !*before)
            return {}; // the edit itself had failed
        ATTUNE_ASSIGN(StoredSample former, store.update(row, forward ? sample : **before));
        if (forward)
            *before = std::move(former.sample);
        return {};
    });
}

void DatasetEditor::changeSamples(const std::vector<RowId>& rows, std::function<Sample(Sample)> change, const QString& what) {
    auto before = std::make_shared<std::vector<StoredSample>>(); // what was written over, also after an error half way
    push(what, Touches::Contents, [rows, change = std::move(change), before](DatasetStore& store, bool forward) -> Status {
        if (!forward) {
            for (const StoredSample& former : *before)
                ATTUNE_CHECK(store.update(former.rowId, former.sample));
            return {};
        }
        before->clear();
        for (const RowId row : rows) {
            ATTUNE_ASSIGN(const StoredSample stored, store.sample(row));
            ATTUNE_ASSIGN(StoredSample former, store.update(row, change(stored.sample)));
            before->push_back(std::move(former));
        }
        return {};
    });
}

void DatasetEditor::deleteRows(const std::vector<RowId>& rows) {
    auto deleted = std::make_shared<std::vector<RowId>>();
    push(tr("Delete %1").arg(rowsText(qint64(rows.size()))), Touches::Rows,
         [rows, deleted](DatasetStore& store, bool forward) -> Status {
             ATTUNE_ASSIGN(std::vector<RowId> moved, store.setDeleted(forward ? rows : *deleted, forward));
             if (forward)
                 *deleted = std::move(moved);
             return {};
         });
}

void DatasetEditor::assignSplits(const std::vector<SplitAssignment>& splits, const QString& what) {
    auto before = std::make_shared<std::vector<SplitAssignment>>();
    push(what, Touches::Rows, [splits, before](DatasetStore& store, bool forward) -> Status {
        ATTUNE_ASSIGN(std::vector<SplitAssignment> former, store.assignSplits(forward ? splits : *before));
        if (forward)
            *before = std::move(former);
        return {};
    });
}

void DatasetEditor::setTags(RowId row, const std::vector<std::string>& tags) {
    auto before = std::make_shared<std::vector<TagAssignment>>();
    push(tr("Change tags"), Touches::Contents, [row, tags, before](DatasetStore& store, bool forward) -> Status {
        const std::vector<TagAssignment> wanted{{row, tags}};
        ATTUNE_ASSIGN(std::vector<TagAssignment> former, store.setTags(forward ? wanted : *before));
        if (forward)
            *before = std::move(former);
        return {};
    });
}

void DatasetEditor::removeDataset(qint64 dataset, const QString& name) {
    push(tr("Remove %1").arg(name), Touches::Rows,
         [dataset](DatasetStore& store, bool forward) { return store.setRemoved(dataset, forward); });
}

} // namespace attune
