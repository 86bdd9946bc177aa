#include "ui/views/data/health_line.h"

#include <QPainter>

namespace attune {
namespace {

constexpr int kMargin = 8, kChipPad = 8, kGap = 10;

QFont smallFont() {
    QFont font = Theme::current().bodyFont();
    font.setPixelSize(12);
    return font;
}

} // namespace

HealthLine::HealthLine(const QString& what, QWidget* parent) : QAbstractButton(parent) {
    setText(what);
    setAttribute(Qt::WA_Hover);
    setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Fixed);
    setState(QStringLiteral("–"), {}, Tone::Neutral, false);
}

void HealthLine::setState(const QString& figure, const QString& verdict, Tone tone, bool opens) {
    m_figure = figure;
    m_verdict = verdict;
    m_tone = tone;
    setEnabled(opens);
    setFocusPolicy(opens ? Qt::StrongFocus : Qt::NoFocus);
    setCursor(opens ? Qt::PointingHandCursor : Qt::ArrowCursor);
    setAccessibleName(
        QStringLiteral("%1: %2%3").arg(text(), figure, verdict.isEmpty() ? QString() : QStringLiteral(", ") + verdict));
    update();
}

QSize HealthLine::sizeHint() const {
    return {240, std::max(30, QFontMetrics(Theme::current().bodyFont()).height() + 14)};
}

void HealthLine::paintEvent(QPaintEvent*) {
    const Theme& theme = Theme::current();
    const ThemeTokens& t = theme.tokens();
    QPainter painter(this);
    painter.setRenderHint(QPainter::Antialiasing);
    if (isEnabled() && underMouse()) {
        painter.setPen(Qt::NoPen);
        painter.setBrush(theme.wash(Tone::Neutral));
        painter.drawRoundedRect(rect().adjusted(0, 1, 0, -2), 4, 4);
    }
    painter.fillRect(QRect(0, height() - 1, width(), 1), t.line);
    int right = width() - kMargin;
    if (!m_verdict.isEmpty()) {
        const QFont font = smallFont();
        const QFontMetrics metrics(font);
        const QRect chip(right - metrics.horizontalAdvance(m_verdict) - 2 * kChipPad,
                         (height() - metrics.height() - 4) / 2, metrics.horizontalAdvance(m_verdict) + 2 * kChipPad,
                         metrics.height() + 4);
        const QColor wash = theme.wash(m_tone);
        painter.setPen(Qt::NoPen);
        painter.setBrush(wash);
        painter.drawRoundedRect(chip, chip.height() / 2.0, chip.height() / 2.0);
        painter.setFont(font);
        painter.setPen(readableTone(theme.color(m_tone), wash, t.text));
        painter.drawText(chip, Qt::AlignCenter, m_verdict);
        // Figures share one column, whatever word stands behind them.
        right -= std::max(chip.width(), metrics.horizontalAdvance(QStringLiteral("blocks")) + 2 * kChipPad) + kGap;
    }
    const QFont body = theme.bodyFont();
    const QFontMetrics metrics(body);
    painter.setFont(body);
    painter.setPen(t.text);
    const int figureWidth = metrics.horizontalAdvance(m_figure);
    painter.drawText(QRect(right - figureWidth, 0, figureWidth, height()), Qt::AlignVCenter | Qt::AlignRight, m_figure);
    right -= figureWidth + kGap;
    painter.drawText(QRect(kMargin, 0, right - kMargin, height()), Qt::AlignVCenter | Qt::AlignLeft,
                     metrics.elidedText(text(), Qt::ElideRight, right - kMargin));
    if (hasFocus()) {
        painter.setPen(QPen(t.accent, 2));
        painter.setBrush(Qt::NoBrush);
        painter.drawRoundedRect(rect().adjusted(1, 1, -1, -2), 4, 4);
    }
}

} // namespace attune
