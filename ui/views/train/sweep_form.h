// What a sweep tries: knobs with their values, grid or random or successive halving, and how trials are compared; below it
// how many runs that makes and how long they take. Reads nothing and starts nothing. GUI thread.
#pragma once

#include <optional>
#include <vector>

#include <QTimer>
#include <QWidget>

#include "core/plan/sweep.h"

class QComboBox;
class QLabel;
class QLineEdit;
class QSpinBox;
class QVBoxLayout;

namespace attune {

class Card;
class FigureLabel;
class SegmentedControl;

/// What the recipe and its cost are judged by; model and rows may be missing while they are read.
struct SweepSituation {
    RunConfig base;
    std::optional<ModelConfig> model;
    std::optional<DataShape> data;
    std::optional<Computer> computer;
    bool validationRows = false;
};

class SweepForm final : public QWidget {
    Q_OBJECT
public:
    SweepForm(const Catalog& catalog, QWidget* parent);

    /// The recipe every trial starts from. Knobs it does not have are said to be missing.
    void setSituation(const SweepSituation& situation);
    const RunConfig& base() const { return m_situation.base; }
    /// The plan as it stands; empty while something is wrong (then the form says what).
    std::optional<SweepPlan> plan() const { return m_plan; }
    void settle(); ///< what was changed a moment ago counts now, so that no sweep starts as it stood before
    void setKnob(int row, const QString& path, const QString& values); ///< adds rows as needed
    void setKind(SweepKind kind, int trials);

Q_SIGNALS:
    void changed();

private:
    struct Row {
        QWidget* box;
        QComboBox* knob;
        QLineEdit* values;
        QLabel* complaint;
        QString suggested; // as long as that stands there it follows the recipe
    };
    void addRow(const QString& path = {});
    void removeRow(QWidget* box);
    void fillKnobs(QComboBox* box, const QString& path) const;
    QString suggestion(const QString& path) const;
    void check(); ///< reads the form, shows complaints, count and time
    void showKind();

    const Catalog& m_catalog;
    SweepSituation m_situation;
    std::optional<SweepPlan> m_plan;
    std::vector<Row> m_rows;
    bool m_begun = false; // the first rows are suggested, later ones are the user's
    QTimer m_soon;
    QVBoxLayout* m_rowLayout;
    SegmentedControl* m_kind;
    QLabel* m_kindWords;
    QLabel* m_trialsLabel;
    QSpinBox* m_trials;
    QComboBox* m_metric;
    FigureLabel* m_count;
    FigureLabel* m_steps;
    FigureLabel* m_time;
    QLabel* m_summary;
};

} // namespace attune
