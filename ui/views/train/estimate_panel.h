// Right of the set-up, always in sight: what the run will need against this computer, and what is wrong with the
// recipe, each line jumping to its field. Shows what it is given; computes nothing. GUI thread.
#pragma once

#include <optional>

#include <QWidget>

#include "core/plan/estimate.h"
#include "core/plan/run_config.h"
#include "core/run/step_measurement.h"

class QLabel;
class QPushButton;
class QVBoxLayout;

namespace attune {

class Card;
class FigureLabel;
class StackedBar;

/// From this share of the processors on other programs count: measured times are too long then.
inline constexpr double kBusyComputer = 0.15;

/// Everything the panel shows about cost.
struct RunEstimate {
    MemoryEstimate memory;
    TimeEstimate time;
    qint64 trainable = 0, parameters = 0;
    std::string precision;
    bool tokensEstimated = false;
};

class EstimatePanel final : public QWidget {
    Q_OBJECT
public:
    explicit EstimatePanel(QWidget* parent = nullptr);

    /// Nothing known yet: `why` says what is missing.
    void showMissing(const QString& why);
    void showEstimate(const RunEstimate& estimate, const Computer& computer);
    void showComplaints(const std::vector<Complaint>& complaints);
    /// What a check measured for the recipe as it is takes the place of the estimate; nothing: it was not checked.
    void showMeasured(const std::optional<StepMeasurement>& measured);
    /// Whether Check and Fit can be used now, else why not.
    void setCheckable(bool check, bool fit, const QString& why);

Q_SIGNALS:
    void checkWanted();
    void fitWanted();
    void fieldWanted(const QString& field);

private:
    double m_memoryBytes = 0; // of the computer
    QLabel* m_missing;
    QWidget* m_figures;
    StackedBar* m_bar;
    FigureLabel* m_time;
    FigureLabel* m_steps;
    FigureLabel* m_trainable;
    QLabel* m_note;
    QLabel* m_measured;
    QPushButton* m_check;
    QPushButton* m_fit;
    Card* m_costCard;
    Card* m_complaintCard;
    QVBoxLayout* m_complaints;
};

} // namespace attune
