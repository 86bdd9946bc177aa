// One training method as a row of a table to choose from: when to use it, the memory it needs as a bar against this
// computer, time and quality. Where the room is narrow the parts lie below each other. Behaves as a radio button. Painted;
// GUI thread.
#pragma once

#include <optional>

#include <QAbstractButton>

#include "core/base/param_spec.h"
#include "core/plan/method_costs.h"

namespace attune {

/// Where the columns of the table are, for the rows and their head.
struct MethodColumns {
    bool table = false; // false: the parts lie below each other
    QRect name, memory, time, quality;
    static MethodColumns of(int width);
};

class MethodOption final : public QAbstractButton {
    Q_OBJECT
public:
    MethodOption(const Described& method, QWidget* parent);
    void setChosen(bool chosen);
    /// Nothing while it is not known.
    void setCost(const std::optional<MethodCost>& cost, std::int64_t computerBytes);
    bool hasHeightForWidth() const override { return true; }
    int heightForWidth(int width) const override;
    QSize sizeHint() const override;
    QSize minimumSizeHint() const override;

protected:
    void paintEvent(QPaintEvent* event) override;

private:
    QFont smallFont() const;
    int textHeight(const QFont& font, const QString& text, int width) const;
    void paintMemory(QPainter& painter, const QRect& place) const;
    QString memoryText() const;
    QString timeText() const;
    void describe();

    QString m_note, m_quality, m_costWords;
    std::optional<MethodCost> m_cost;
    std::int64_t m_computer = 0;
};

} // namespace attune
