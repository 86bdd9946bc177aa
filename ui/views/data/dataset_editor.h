// Every change of a dataset as something that can be undone: it puts a command on the undo stack, and the writes run
// one after the other in the background. GUI thread. Reads nothing and shows nothing.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include <QObject>
#include <QPointer>
#include <QUndoStack>

#include "core/base/result.h"
#include "core/store/dataset_store.h"
#include "ui/bridge/task.h"

namespace attune {

class Project;

class DatasetEditor final : public QObject {
    Q_OBJECT
public:
    /// What a change touches: decides what has to be read again.
    enum class Touches { Contents, Rows };

    explicit DatasetEditor(QObject* parent = nullptr);

    /// Forgets the undo stack: its commands belong to the former project.
    void setProject(std::shared_ptr<Project> project);
    QUndoStack& undoStack() { return m_stack; }
    bool isWriting() const { return m_running || !m_waiting.empty(); }

    void updateSample(RowId row, const Sample& sample, const QString& what);
    /// Rewrites many rows in one step; `change` runs in the background.
    void changeSamples(const std::vector<RowId>& rows, std::function<Sample(Sample)> change, const QString& what);
    void deleteRows(const std::vector<RowId>& rows);
    void assignSplits(const std::vector<SplitAssignment>& splits, const QString& what);
    void setTags(RowId row, const std::vector<std::string>& tags);
    void removeDataset(qint64 dataset, const QString& name);

Q_SIGNALS:
    /// After the write reached the disk, also for undo and redo.
    void changed(attune::DatasetEditor::Touches touches);
    void failed(const attune::Error& error);

private:
    friend class StoreCommand;
    /// `forward` is false for undo. Keeps what it needs to go back inside.
    using Change = std::function<Status(DatasetStore&, bool forward)>;
    void push(const QString& text, Touches touches, Change change);
    struct Job {
        Change change;
        bool forward = true;
        Touches touches = Touches::Contents;
    };
    void run(Job job);
    void startNext();

    std::shared_ptr<Project> m_project;
    std::deque<Job> m_waiting;
    bool m_running = false;
    QUndoStack m_stack;
};

} // namespace attune
