// The runs of a project as a table, newest first: name, state, method, best validation loss, steps, when. A value
// snapshot read by a task (readRuns, any thread); the model itself belongs to the GUI thread. Changes nothing.
#pragma once

#include <vector>

#include <QAbstractTableModel>

#include "core/plan/run_config.h"
#include "core/store/run_store.h"

namespace attune {

class Project;

struct RunRow {
    RunRecord record;
    QString method;           // title, with its main knob: "LoRA r 16"
    QString folder;           // absolute
    bool canContinue() const; ///< it ended before its time and left its folder
};

Result<std::vector<RunRow>> readRuns(Project& project, const Catalog& catalog);
/// "LoRA r 16": the method's title with its main knob.
QString methodWords(const RunConfig& config, const Catalog& catalog);
/// "finished", "interrupted" ... in words for a state id of the store.
QString runStateWord(const std::string& state);

class RunTableModel final : public QAbstractTableModel {
    Q_OBJECT
public:
    enum Column { Name, State, Method, BestLoss, Steps, When, Notes, ColumnCount };
    explicit RunTableModel(QObject* parent = nullptr);

    void setRows(std::vector<RunRow> rows);
    const std::vector<RunRow>& rows() const { return m_rows; }
    const RunRow* row(int index) const;
    int indexOf(qint64 runId) const; ///< -1 when unknown
    void setNotes(qint64 runId, const QString& notes);

    int rowCount(const QModelIndex& parent = {}) const override;
    int columnCount(const QModelIndex& parent = {}) const override;
    QVariant data(const QModelIndex& index, int role) const override;
    QVariant headerData(int section, Qt::Orientation orientation, int role) const override;

private:
    QString cell(const RunRow& row, int column) const;
    std::vector<RunRow> m_rows;
};

} // namespace attune
