// The decision matrix: options as rows, criteria as columns with editable weights, points as signs, and the sentences
// that moved the chosen option. GUI thread.
#pragma once

#include "core/plan/decision_matrix.h"
#include "ui/widgets/card.h"

class QDoubleSpinBox;
class QTableWidget;

namespace attune {

class MatrixPanel final : public QWidget {
    Q_OBJECT
public:
    explicit MatrixPanel(const DecisionRules& rules, QWidget* parent = nullptr);
    void setAdvice(const Advice& advice);
    void setApproach(Approach approach); ///< whose reasons are listed

Q_SIGNALS:
    void weightChanged(const QString& criterion, double weight);
    void weightsReset();

protected:
    void resizeEvent(QResizeEvent* event) override;

private:
    int headerHeight() const;
    void showReasons();
    void showCells();
    const DecisionRules& m_rules;
    Advice m_advice;
    bool m_hasAdvice = false;
    Approach m_approach = Approach::Prompting;
    Card* m_card;
    QTableWidget* m_table;
    std::vector<QDoubleSpinBox*> m_weights;
    QPushButton* m_reset;
    QLabel* m_reasonTitle;
    QWidget* m_reasons;
};

} // namespace attune
