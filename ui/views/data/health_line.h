// One line of a panel: what, how many, and a verdict as a chip. A line that can show its rows is a button. GUI thread.
#pragma once

#include <QAbstractButton>

#include "ui/theme.h"

namespace attune {

class HealthLine final : public QAbstractButton {
    Q_OBJECT
public:
    explicit HealthLine(const QString& what, QWidget* parent);
    /// `verdict` empty: no chip. `opens`: the line can be clicked.
    void setState(const QString& figure, const QString& verdict, Tone tone, bool opens);
    QString figure() const { return m_figure; }
    QSize sizeHint() const override;
    QSize minimumSizeHint() const override { return {120, sizeHint().height()}; }

protected:
    void paintEvent(QPaintEvent* event) override;

private:
    QString m_figure, m_verdict;
    Tone m_tone = Tone::Neutral;
};

} // namespace attune
