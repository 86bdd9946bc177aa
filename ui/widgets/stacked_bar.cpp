#include "ui/widgets/stacked_bar.h"

#include <algorithm>

#include <QEvent>
#include <QPainter>
#include <QPainterPath>

#include "ui/theme.h"

namespace attune {
namespace {

constexpr int kBarHeight = 14, kGap = 8, kSwatch = 10, kLegendGap = 16;

} // namespace

StackedBar::StackedBar(QWidget* parent) : QWidget(parent) {
    QSizePolicy policy(QSizePolicy::Preferred, QSizePolicy::Minimum);
    policy.setHeightForWidth(true);
    setSizePolicy(policy);
    connect(&Theme::current(), &Theme::changed, this, qOverload<>(&QWidget::update));
}

void StackedBar::setParts(std::vector<Part> parts, double limit, const QString& limitText) {
    m_parts = std::move(parts);
    m_limit = limit;
    m_limitText = limitText;
    QStringList words;
    for (const Part& part : m_parts)
        words << legendText(part);
    words << limitText;
    setAccessibleName(words.join(", "));
    updateGeometry();
    update();
}

bool StackedBar::exceedsLimit() const {
    double sum = 0;
    for (const Part& part : m_parts)
        sum += part.value;
    return m_limit > 0 && sum > m_limit;
}

QString StackedBar::legendText(const Part& part) const {
    return part.text.isEmpty() ? part.label : part.label + QLatin1Char(' ') + part.text;
}

// Told apart by lightness, not by hue: the order in bar and legend is the same.
QColor StackedBar::partColor(std::size_t index) const {
    const ThemeTokens& t = Theme::current().tokens();
    const double share = std::min(0.78, 0.24 * double(index));
    const auto mix = [share](double a, double b) { return float(a * (1 - share) + b * share); };
    return QColor::fromRgbF(mix(t.accent.redF(), t.panel.redF()), mix(t.accent.greenF(), t.panel.greenF()),
                            mix(t.accent.blueF(), t.panel.blueF()));
}

int StackedBar::layoutLegend(int width, std::vector<QRect>* places) const {
    const QFontMetrics metrics(font());
    const int lineHeight = metrics.height() + 4;
    int x = 0, y = kBarHeight + kGap;
    for (std::size_t i = 0; i <= m_parts.size(); ++i) {
        const bool limit = i == m_parts.size();
        if (limit && m_limitText.isEmpty())
            break;
        const QString text = limit ? m_limitText : legendText(m_parts[i]);
        const int needed = kSwatch + 6 + metrics.horizontalAdvance(text);
        if (x > 0 && x + needed > width) {
            x = 0;
            y += lineHeight;
        }
        if (places)
            places->push_back(QRect(x, y, needed, lineHeight));
        x += needed + kLegendGap;
    }
    return y + lineHeight;
}

int StackedBar::heightForWidth(int width) const {
    return layoutLegend(std::max(width, 80), nullptr);
}
QSize StackedBar::sizeHint() const {
    return {360, heightForWidth(360)};
}
QSize StackedBar::minimumSizeHint() const {
    return {160, heightForWidth(width() > 0 ? width() : 360)};
}

void StackedBar::changeEvent(QEvent* event) {
    if (event->type() == QEvent::FontChange)
        updateGeometry();
    QWidget::changeEvent(event);
}

void StackedBar::paintEvent(QPaintEvent*) {
    const ThemeTokens& t = Theme::current().tokens();
    QPainter painter(this);
    painter.setRenderHint(QPainter::Antialiasing);
    double sum = 0;
    for (const Part& part : m_parts)
        sum += std::max(0.0, part.value);
    const bool over = exceedsLimit();
    const double whole = m_limit > 0 ? std::max(m_limit, sum) * (over ? 1.02 : 1.0) : std::max(sum, 1e-9);
    const QRectF bar(0, 0, width(), kBarHeight);
    QPainterPath shape;
    shape.addRoundedRect(bar, 5, 5);
    painter.fillPath(shape, Theme::current().wash(Tone::Neutral));
    painter.save();
    painter.setClipPath(shape);
    double x = 0;
    for (std::size_t i = 0; i < m_parts.size(); ++i) {
        const double w = bar.width() * std::max(0.0, m_parts[i].value) / whole;
        painter.fillRect(QRectF(x, 0, w, kBarHeight), partColor(i));
        if (i > 0 && w > 2)
            painter.fillRect(QRectF(x, 0, 1, kBarHeight), t.panel);
        x += w;
    }
    const double limitX = m_limit > 0 ? bar.width() * m_limit / whole : 0;
    if (over) // hatched beyond the limit: visible without colour too
        painter.fillRect(QRectF(limitX, 0, x - limitX, kBarHeight), QBrush(t.bad, Qt::BDiagPattern));
    painter.restore();
    if (over) {
        painter.setPen(QPen(t.bad, 2));
        painter.drawLine(QPointF(limitX, -1), QPointF(limitX, kBarHeight + 3));
    }

    std::vector<QRect> places;
    layoutLegend(width(), &places);
    for (std::size_t i = 0; i < places.size(); ++i) {
        const bool limit = i == m_parts.size();
        const QRect& place = places[i];
        const QRectF swatch(place.x(), place.y() + (place.height() - kSwatch) / 2.0, kSwatch, kSwatch);
        painter.setPen(Qt::NoPen);
        if (limit) {
            painter.setPen(QPen(over ? t.bad : t.muted, 2));
            painter.drawLine(QPointF(swatch.center().x(), swatch.top()), QPointF(swatch.center().x(), swatch.bottom()));
        } else {
            painter.setBrush(partColor(i));
            painter.drawRoundedRect(swatch, 2, 2);
        }
        painter.setPen(limit ? (over ? t.bad : t.muted) : t.text);
        painter.drawText(place.adjusted(kSwatch + 6, 0, 4, 0), Qt::AlignVCenter | Qt::AlignLeft,
                         limit ? m_limitText : legendText(m_parts[i]));
    }
}

} // namespace attune
