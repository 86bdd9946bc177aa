#include "ui/views/advisor/score_bar.h"

#include <cmath>

#include <QPainter>

#include "ui/theme.h"

namespace attune {
namespace {

constexpr int kNameWidth = 132, kNumberWidth = 40, kBarHeight = 12, kMoveMilliseconds = 220;

} // namespace

ScoreBar::ScoreBar(const QString& title, QWidget* parent) : QAbstractButton(parent) {
    setText(title);
    setCheckable(true);
    setAutoExclusive(true);
    setFocusPolicy(Qt::StrongFocus);
    setCursor(Qt::PointingHandCursor);
    setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Fixed);
    m_move.setDuration(kMoveMilliseconds);
    m_move.setEasingCurve(QEasingCurve::OutCubic);
    connect(&m_move, &QVariantAnimation::valueChanged, this, [this](const QVariant& value) {
        m_shown = value.toDouble();
        update();
    });
    connect(&Theme::current(), &Theme::changed, this, qOverload<>(&QWidget::update));
}

void ScoreBar::setScore(double score, bool leads, bool known) {
    m_leads = leads;
    m_known = known;
    setAccessibleName(tr("%1: %2 of 100").arg(text()).arg(std::lround(score)));
    if (score != m_score) {
        m_score = score;
        m_move.stop();
        m_move.setStartValue(m_shown);
        m_move.setEndValue(score);
        m_move.start();
    }
    update();
}

QSize ScoreBar::sizeHint() const {
    return {360, std::max(30, fontMetrics().height() + 12)};
}
QSize ScoreBar::minimumSizeHint() const {
    return {kNameWidth + kNumberWidth + 60, sizeHint().height()};
}

void ScoreBar::paintEvent(QPaintEvent*) {
    const Theme& theme = Theme::current();
    const ThemeTokens& t = theme.tokens();
    QPainter painter(this);
    painter.setRenderHint(QPainter::Antialiasing);
    if (isChecked() || underMouse()) {
        painter.setPen(Qt::NoPen);
        painter.setBrush(isChecked() ? t.accentWash : theme.wash(Tone::Neutral));
        painter.drawRoundedRect(QRectF(rect()).adjusted(0.5, 0.5, -0.5, -0.5), 6, 6);
    }
    QFont label = font();
    label.setWeight(m_leads ? QFont::DemiBold : QFont::Normal);
    painter.setFont(label);
    painter.setPen(t.text);
    const int nameWidth = std::max(kNameWidth, painter.fontMetrics().horizontalAdvance(text()) + 16);
    painter.drawText(QRect(8, 0, nameWidth, height()), Qt::AlignVCenter | Qt::AlignLeft, text());
    const QRectF track(nameWidth + 8, (height() - kBarHeight) / 2.0, width() - nameWidth - 8 - kNumberWidth - 8,
                       kBarHeight);
    painter.setPen(Qt::NoPen);
    painter.setBrush(isChecked() ? t.panel : theme.wash(Tone::Neutral));
    painter.drawRoundedRect(track, 4, 4);
    QRectF filled = track;
    filled.setWidth(track.width() * std::clamp(m_shown / 100, 0.0, 1.0));
    QColor color = m_leads ? t.accent : t.muted;
    if (!m_known)
        color.setAlphaF(0.45f);
    painter.setBrush(color);
    painter.drawRoundedRect(filled, 4, 4);
    painter.setPen(QPen(t.muted, 1, Qt::DotLine)); // 50: nothing speaks for or against it
    const double middle = track.left() + track.width() / 2;
    painter.drawLine(QPointF(middle, track.top() - 3), QPointF(middle, track.bottom() + 3));
    painter.setPen(t.text);
    painter.drawText(QRect(width() - kNumberWidth - 8, 0, kNumberWidth, height()), Qt::AlignVCenter | Qt::AlignRight,
                     QString::number(std::lround(m_shown)));
    if (hasFocus()) {
        painter.setPen(QPen(t.accent, 2));
        painter.setBrush(Qt::NoBrush);
        painter.drawRoundedRect(QRectF(rect()).adjusted(1, 1, -1, -1), 6, 6);
    }
}

} // namespace attune
