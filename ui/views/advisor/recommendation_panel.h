// What follows from the answers so far: a bar for each option, how close it was, what would change it, cost and next
// steps. GUI thread.
#pragma once

#include <array>

#include "core/plan/decision_matrix.h"
#include "ui/widgets/card.h"

namespace attune {

class ScoreBar;
class FlowLayout;

class RecommendationPanel final : public QWidget {
    Q_OBJECT
public:
    explicit RecommendationPanel(const DecisionRules& rules, QWidget* parent = nullptr);
    void setAdvice(const Advice& advice);

Q_SIGNALS:
    void approachChosen(attune::Approach approach); // whose reasons to show
    void questionWanted(const QString& question);
    void stationWanted(const QString& station);

private:
    QString verdict(const Advice& advice) const;
    QString flips(const Advice& advice) const;
    const DecisionRules& m_rules;
    Card* m_card;
    std::array<ScoreBar*, kApproachCount> m_bars;
    QLabel* m_verdict;
    QLabel* m_flips;
    QLabel* m_cost[3];
    QWidget* m_costs;
    QWidget* m_steps;
    FlowLayout* m_stepButtons;
};

} // namespace attune
