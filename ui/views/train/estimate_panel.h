// Right of the set-up, always in sight: what the run will need against this computer, and what is wrong with the
// recipe, each line jumping to its field. Shows what it is given; computes nothing. GUI thread.
#pragma once

#include <optional>

#include <QWidget>

#include "core/plan/estimate.h"
#include "core/plan/run_config.h"

class QLabel;
class QVBoxLayout;

namespace attune {

class Card;
class FigureLabel;
class StackedBar;

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

Q_SIGNALS:
    void fieldWanted(const QString& field);

private:
    QLabel* m_missing;
    QWidget* m_figures;
    StackedBar* m_bar;
    FigureLabel* m_time;
    FigureLabel* m_steps;
    FigureLabel* m_trainable;
    QLabel* m_note;
    Card* m_complaintCard;
    QVBoxLayout* m_complaints;
};

} // namespace attune
