#include "ui/widgets/option_button.h"

#include <QPainter>

#include "ui/theme.h"

namespace attune {
namespace {

constexpr int kPad = 10, kMark = 14, kTextLeft = kPad + kMark + 10, kLeastTextWidth = 120;

} // namespace

OptionButton::OptionButton(const QString& text, const QString& note, QWidget* parent)
    : QAbstractButton(parent), m_note(note) {
    setText(text);
    setAccessibleName(text);
    setAccessibleDescription(note);
    setCheckable(true);
    setAutoExclusive(true);
    setFocusPolicy(Qt::StrongFocus);
    setCursor(Qt::PointingHandCursor);
    setAttribute(Qt::WA_Hover);
    QSizePolicy policy(QSizePolicy::Expanding, QSizePolicy::Minimum);
    policy.setHeightForWidth(true);
    setSizePolicy(policy);
    connect(&Theme::current(), &Theme::changed, this, qOverload<>(&QWidget::update));
}

void OptionButton::setChosen(bool chosen) {
    setAutoExclusive(false);
    setChecked(chosen);
    setAutoExclusive(true);
}

QFont OptionButton::noteFont() const {
    QFont small = font();
    small.setPixelSize(12);
    return small;
}

QRect OptionButton::textRect(const QFont& used, const QString& text, int width) const {
    return QFontMetrics(used).boundingRect(QRect(0, 0, std::max(kLeastTextWidth, width - kTextLeft - kPad), 10'000),
                                           Qt::TextWordWrap | Qt::AlignLeft, text);
}

int OptionButton::heightForWidth(int width) const {
    const int note = m_note.isEmpty() ? 0 : textRect(noteFont(), m_note, width).height() + 2;
    return textRect(font(), text(), width).height() + note + 2 * kPad;
}

QSize OptionButton::sizeHint() const {
    return {320, heightForWidth(320)};
}
QSize OptionButton::minimumSizeHint() const {
    const int usedWidth = width() > kTextLeft + kPad + kLeastTextWidth ? width() : 320;
    return {kTextLeft + kPad + kLeastTextWidth, heightForWidth(usedWidth)};
}

void OptionButton::paintEvent(QPaintEvent*) {
    const Theme& theme = Theme::current();
    const ThemeTokens& t = theme.tokens();
    QPainter painter(this);
    painter.setRenderHint(QPainter::Antialiasing);
    const bool focused = hasFocus();
    const double line = focused ? 2 : 1;
    painter.setPen(QPen(focused || isChecked() ? t.accent : underMouse() ? t.control : t.line, line));
    painter.setBrush(isChecked() ? t.accentWash : t.panel);
    painter.drawRoundedRect(QRectF(rect()).adjusted(line / 2, line / 2, -line / 2, -line / 2), 6, 6);

    const int firstLine = QFontMetrics(font()).height();
    const QPointF center(kPad + kMark / 2.0, kPad + firstLine / 2.0);
    painter.setPen(QPen(isChecked() ? t.accent : t.control, 1.4));
    painter.setBrush(t.panel);
    painter.drawEllipse(center, kMark / 2.0, kMark / 2.0);
    if (isChecked()) {
        painter.setPen(Qt::NoPen);
        painter.setBrush(t.accent);
        painter.drawEllipse(center, kMark / 2.0 - 3.5, kMark / 2.0 - 3.5);
    }
    QRect place = textRect(font(), text(), width()).translated(kTextLeft, kPad);
    place.setWidth(width() - kTextLeft - kPad);
    painter.setPen(isEnabled() ? t.text : t.muted);
    painter.drawText(place, Qt::TextWordWrap | Qt::AlignLeft, text());
    if (m_note.isEmpty())
        return;
    painter.setFont(noteFont());
    painter.setPen(t.muted);
    painter.drawText(QRect(kTextLeft, place.bottom() + 3, place.width(), height()), Qt::TextWordWrap | Qt::AlignLeft,
                     m_note);
}

} // namespace attune
