// One option of the decision: name, bar that moves to its score, and the number. A radio-like button, so that keyboard
// and screen reader reach it. GUI thread.
#pragma once

#include <QAbstractButton>
#include <QVariantAnimation>

namespace attune {

class ScoreBar final : public QAbstractButton {
    Q_OBJECT
public:
    explicit ScoreBar(const QString& title, QWidget* parent = nullptr);
    /// score in 0..100; `leads`: drawn in the accent and bold. `known` false: no recommendation yet, the bar is pale.
    void setScore(double score, bool leads, bool known);
    QSize sizeHint() const override;
    QSize minimumSizeHint() const override;

protected:
    void paintEvent(QPaintEvent* event) override;

private:
    double m_score = 50, m_shown = 50;
    bool m_leads = false, m_known = false;
    QVariantAnimation m_move;
};

} // namespace attune
