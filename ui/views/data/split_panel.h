// How many rows are in which split, and, on demand in the same card, the form that divides them anew. Computes the
// division in the background and hands it on; it writes nothing. GUI thread.
#pragma once

#include <memory>
#include <vector>

#include <QPointer>
#include <QWidget>

#include "core/data/split.h"
#include "core/store/dataset_store.h"
#include "ui/bridge/task.h"

class QComboBox;
class QDoubleSpinBox;
class QLabel;
class QPushButton;
class QSpinBox;
class QStackedWidget;

namespace attune {

class Card;
class HealthLine;
class Project;
class SegmentedControl;

class SplitPanel final : public QWidget {
    Q_OBJECT
public:
    explicit SplitPanel(QWidget* parent);

    void setDataset(std::shared_ptr<Project> project, qint64 datasetId);
    void showStatistics(const DatasetStatistics& statistics);
    /// Shows the form with its first field focused.
    void openForm();
    bool isFormOpen() const;
    /// What the form says now.
    SplitOptions options() const;
    /// Computes the division; divided() or failed() follow.
    void apply();

Q_SIGNALS:
    void divided(const std::vector<attune::SplitAssignment>& splits, const QString& what);
    void splitClicked(attune::Split split); ///< a line of the counts
    void failed(const attune::Error& error);

private:
    QWidget* makeCounts();
    QWidget* makeForm();
    void closeForm();
    void foretell();

    std::shared_ptr<Project> m_project;
    qint64 m_dataset = 0, m_rows = 0;
    QPointer<Task> m_task;
    Card* m_card;
    QWidget *m_counts, *m_form;
    HealthLine* m_lines[4];
    QPushButton *m_open, *m_apply;
    SegmentedControl* m_unit;
    QDoubleSpinBox *m_validation, *m_test;
    QSpinBox *m_validationRows, *m_testRows, *m_seed;
    QComboBox *m_group, *m_stratify;
    QLabel* m_foretold;
};

} // namespace attune
