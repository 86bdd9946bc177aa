// The project's runs: table, curves of the selected ones over each other, notes (undoable), difference of two recipes.
// Asks by signals for what happens to a run. GUI thread; everything from the store comes by tasks.
#pragma once

#include <map>
#include <memory>

#include <QPointer>
#include <QTimer>
#include <QUndoStack>
#include <QWidget>

#include "ui/bridge/task.h"
#include "ui/models/run_table_model.h"
#include "ui/services.h"

class QLabel;
class QPlainTextEdit;
class QPushButton;
class QStackedWidget;
class QTableView;

namespace attune {

class Card;
class CurvesCard;
class MessageArea;
class Project;
class TextDiffView;

class HistoryPage final : public QWidget {
    Q_OBJECT
public:
    HistoryPage(Services& services, MessageArea& messages, QWidget* parent);
    ~HistoryPage() override;

    /// `project` is whose runs these are: notes go there, whichever project is open by then. The selection stays on the
    /// same runs.
    void setRuns(std::shared_ptr<Project> project, std::vector<RunRow> runs);
    void setBusy(bool busy);                ///< a run trains: none can be continued
    const RunTableModel& model() const { return m_model; }
    QUndoStack& undoStack() { return m_undo; }
    void select(const QList<qint64>& runIds);
    CurvesCard& curves() const { return *m_curves; }
    QPlainTextEdit& notes() const { return *m_notes; }

Q_SIGNALS:
    void openWanted(qint64 runId);
    void continueWanted(qint64 runId);
    void compareWanted(qint64 runId);
    void recipeWanted(qint64 runId);

private:
    QWidget* makeTable();
    QWidget* makeDetails();
    QList<qint64> selected() const;
    void showSelection();
    void commitNotes();
    void writeNotes(qint64 runId, const QString& notes);
    friend class NotesCommand;

    Services& m_services;
    MessageArea& m_messages;
    std::weak_ptr<Project> m_project;
    RunTableModel m_model;
    QUndoStack m_undo;
    QTimer m_notesTimer;
    QTableView* m_table;
    QPushButton* m_open;
    QPushButton* m_continue;
    QPushButton* m_compare;
    QPushButton* m_reuse;
    CurvesCard* m_curves;
    Card* m_diffCard;
    TextDiffView* m_diff;
    Card* m_notesCard;
    QPlainTextEdit* m_notes;
    std::map<qint64, QString> m_unwritten; // notes on their way to the store: a snapshot read before may not know them
    qint64 m_notesRun = 0;
    bool m_busy = false;
};

} // namespace attune
