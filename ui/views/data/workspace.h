// The rows of one dataset: table with search at the left and the loss view below it, at the right an overview (health,
// splits, versions) or the row in full. Keeps all of it current after edits. GUI thread; queries and checks are tasks.
#pragma once

#include <memory>
#include <optional>

#include <QPointer>
#include <QTimer>
#include <QWidget>

#include "core/store/dataset_store.h"
#include "ui/bridge/task.h"
#include "ui/views/data/dataset_editor.h"
#include "ui/views/data/health_check.h"
#include "ui/views/data/health_panel.h"

class QLabel;
class QSplitter;
class QStackedWidget;

namespace attune {

class FilterBar;
class LossView;
class ProblemsPanel;
class Project;
class ProjectModel;
class RowInspector;
class RowTable;
class SampleTableModel;
class SegmentedControl;
class SplitPanel;
class VersionsCard;

class Workspace final : public QWidget {
    Q_OBJECT
public:
    Workspace(DatasetEditor& editor, ProjectModel& model, QWidget* parent);

    void setDataset(std::shared_ptr<Project> project, qint64 datasetId);
    qint64 datasetId() const { return m_dataset; }
    const DatasetStatistics& statistics() const { return m_statistics; }
    const std::vector<DatasetVersion>& versions() const { return m_versions; }
    /// Reads everything of the dataset again.
    void reload();
    void focusSearch();
    void openSplit();
    void showProblems();
    /// What the table shows now.
    SampleQuery query() const;
    bool isChecking() const { return m_healthTask != nullptr; }
    QPointer<Task> healthTask() const { return m_healthTask; }
    bool isReading() const { return m_idsTask != nullptr || m_factsTask != nullptr; }

    RowTable& table() const { return *m_table; }
    SampleTableModel& tableModel() const { return *m_rows; }
    RowInspector& inspector() const { return *m_inspector; }
    SplitPanel& splits() const { return *m_splits; }
    FilterBar& filters() const { return *m_filters; }
    const std::optional<HealthReport>& health() const { return m_health; }

Q_SIGNALS:
    void factsChanged(); ///< statistics() and versions()
    void checkStarted(attune::Task* task);
    void failed(const attune::Error& error);
    void chooseModelWanted();
    void trainWanted(qint64 versionId);

private:
    enum Side { Overview, Row };
    QWidget* makeLeft();
    QWidget* makeSide();
    void readRows();
    void readFacts();
    void check();
    void takeEdit(DatasetEditor::Touches touches);
    void showFinding(HealthFinding finding);
    void closeFinding();
    void fixFinding();
    void openRow(bool edit);
    void deleteRows(const std::vector<RowId>& rows);
    void showSide(Side side);
    void showEmptyWords();

    DatasetEditor& m_editor;
    ProjectModel& m_model;
    std::shared_ptr<Project> m_project;
    qint64 m_dataset = 0;
    DatasetStatistics m_statistics;
    std::vector<DatasetVersion> m_versions;
    std::optional<HealthReport> m_health;
    std::optional<HealthFinding> m_finding;
    SampleOrder m_order = SampleOrder::Imported;
    bool m_descending = false, m_checkAgain = false, m_checkWhenSettled = false;
    QPointer<Task> m_idsTask, m_factsTask, m_healthTask;
    QTimer m_checkSoon;

    SampleTableModel* m_rows;
    FilterBar* m_filters;
    RowTable* m_table;
    QStackedWidget* m_tableStack;
    QLabel* m_noRows;
    ProblemsPanel* m_problems;
    LossView* m_loss;
    SegmentedControl* m_tabs;
    QStackedWidget* m_side;
    HealthPanel* m_healthPanel;
    SplitPanel* m_splits;
    VersionsCard* m_versionsCard;
    RowInspector* m_inspector;
};

} // namespace attune
