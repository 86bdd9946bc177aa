#include "ui/views/train/method_option.h"

#include <algorithm>

#include <QPainter>
#include <QPainterPath>

#include "ui/bridge/qt_convert.h"
#include "ui/theme.h"

namespace attune {
namespace {

constexpr int kMethodPad = 10, kMethodMark = 14, kMethodText = kMethodPad + kMethodMark + 10, kColumnGap = 20, kMemoryBar = 8;
constexpr int kMethodTableWidth = 640, kMethodTimeWidth = 76, kMethodLineGap = 3, kMethodLeastWidth = 260;

Tone toneOfFit(MemoryFit fit) {
    return fit == MemoryFit::Fits ? Tone::Good : fit == MemoryFit::Tight ? Tone::Careful : Tone::Bad;
}

QString fitWord(MemoryFit fit) {
    return fit == MemoryFit::Fits    ? MethodOption::tr("✓ fits")
           : fit == MemoryFit::Tight ? MethodOption::tr("! tight")
                                     : MethodOption::tr("✕ too large");
}

} // namespace

MethodColumns MethodColumns::of(int width) {
    MethodColumns columns;
    columns.table = width >= kMethodTableWidth;
    const int left = kMethodText, right = width - kMethodPad;
    if (!columns.table) {
        columns.name = columns.memory = columns.quality = QRect(left, 0, std::max(80, right - left), 0);
        return columns;
    }
    const int room = right - left - kMethodTimeWidth - 3 * kColumnGap;
    const int name = room * 42 / 100, memory = room * 27 / 100, quality = room - name - memory;
    columns.name = QRect(left, 0, name, 0);
    columns.memory = QRect(left + name + kColumnGap, 0, memory, 0);
    columns.time = QRect(columns.memory.right() + 1 + kColumnGap, 0, kMethodTimeWidth, 0);
    columns.quality = QRect(columns.time.right() + 1 + kColumnGap, 0, quality, 0);
    return columns;
}

MethodOption::MethodOption(const Described& method, QWidget* parent)
    : QAbstractButton(parent), m_note(qstr(method.summary)), m_quality(qstr(method.quality)), m_costWords(qstr(method.cost)) {
    setText(qstr(method.title));
    setCheckable(true);
    setAutoExclusive(true);
    setFocusPolicy(Qt::StrongFocus);
    setCursor(Qt::PointingHandCursor);
    setAttribute(Qt::WA_Hover);
    QSizePolicy policy(QSizePolicy::Expanding, QSizePolicy::Minimum);
    policy.setHeightForWidth(true);
    setSizePolicy(policy);
    connect(&Theme::current(), &Theme::changed, this, qOverload<>(&QWidget::update));
    describe();
}

void MethodOption::setChosen(bool chosen) {
    setAutoExclusive(false);
    setChecked(chosen);
    setAutoExclusive(true);
}

void MethodOption::setCost(const std::optional<MethodCost>& cost, std::int64_t computerBytes) {
    m_cost = cost;
    m_computer = computerBytes;
    describe();
    updateGeometry();
    update();
}

QString MethodOption::memoryText() const {
    return m_cost ? bytesText(m_cost->memory.total()) : tr("–");
}

QString MethodOption::timeText() const {
    return m_cost && m_cost->time.seconds > 0 ? durationText(m_cost->time.seconds) : tr("–");
}

void MethodOption::describe() {
    setAccessibleName(text());
    QStringList words{m_note};
    if (m_cost)
        words << tr("Memory %1, %2.").arg(memoryText(), fitWord(m_cost->fit)) << tr("Time %1.").arg(timeText());
    words << m_costWords << m_quality;
    setAccessibleDescription(words.join(QLatin1Char(' ')));
    setToolTip(m_costWords.isEmpty() ? QString() : "<p>" + m_costWords.toHtmlEscaped() + "</p>");
}

QFont MethodOption::smallFont() const {
    QFont small = font();
    small.setPixelSize(12);
    return small;
}

int MethodOption::textHeight(const QFont& used, const QString& text, int width) const {
    if (text.isEmpty())
        return 0;
    return QFontMetrics(used).boundingRect(QRect(0, 0, std::max(60, width), 10'000), Qt::TextWordWrap | Qt::AlignLeft, text).height();
}

int MethodOption::heightForWidth(int width) const {
    const MethodColumns columns = MethodColumns::of(width);
    const int line = QFontMetrics(font()).height(), small = QFontMetrics(smallFont()).height();
    const int name = textHeight(font(), text(), columns.name.width()) + kMethodLineGap + textHeight(smallFont(), m_note, columns.name.width());
    const int memory = line + kMethodLineGap + kMemoryBar + kMethodLineGap + small;
    const int quality = textHeight(smallFont(), m_quality, columns.quality.width());
    if (columns.table)
        return std::max({name, memory, quality}) + 2 * kMethodPad;
    return name + 2 * kMethodLineGap + memory + 2 * kMethodLineGap + quality + 2 * kMethodPad;
}

QSize MethodOption::sizeHint() const {
    return {480, heightForWidth(480)};
}
QSize MethodOption::minimumSizeHint() const {
    return {kMethodLeastWidth, heightForWidth(std::max(width(), kMethodLeastWidth))};
}

void MethodOption::paintMemory(QPainter& painter, const QRect& place) const {
    const ThemeTokens& t = Theme::current().tokens();
    const QFontMetrics metrics(font());
    painter.setFont(font());
    painter.setPen(m_cost ? t.text : t.muted);
    painter.drawText(QRect(place.x(), place.y(), place.width(), metrics.height()), Qt::AlignLeft | Qt::AlignVCenter, memoryText());
    if (!m_cost)
        return;
    const QColor color = Theme::current().color(toneOfFit(m_cost->fit));
    const QRectF bar(place.x(), place.y() + metrics.height() + kMethodLineGap, place.width(), kMemoryBar);
    QPainterPath shape;
    shape.addRoundedRect(bar, 4, 4);
    painter.fillPath(shape, Theme::current().wash(Tone::Neutral));
    const double whole = std::max(double(m_computer), 1.0), share = double(m_cost->memory.total()) / whole;
    painter.save();
    painter.setClipPath(shape);
    QRectF filled = bar;
    filled.setWidth(std::max(3.0, bar.width() * std::min(1.0, share)));
    painter.fillRect(filled, m_cost->fit == MemoryFit::Fits ? t.accent : color);
    if (m_cost->fit == MemoryFit::TooLarge) // visible without colour too
        painter.fillRect(filled, QBrush(t.panel, Qt::BDiagPattern));
    painter.restore();
    painter.setFont(smallFont());
    painter.setPen(readableTone(color, isChecked() ? t.accentWash : t.panel, t.text));
    painter.drawText(QRect(place.x(), int(bar.bottom()) + kMethodLineGap, place.width(), QFontMetrics(smallFont()).height()),
                     Qt::AlignLeft | Qt::AlignVCenter, fitWord(m_cost->fit));
}

void MethodOption::paintEvent(QPaintEvent*) {
    const ThemeTokens& t = Theme::current().tokens();
    QPainter painter(this);
    painter.setRenderHint(QPainter::Antialiasing);
    const bool focused = hasFocus();
    const double line = focused ? 2 : 1;
    painter.setPen(QPen(focused || isChecked() ? t.accent : underMouse() ? t.control : t.line, line));
    painter.setBrush(isChecked() ? t.accentWash : t.panel);
    painter.drawRoundedRect(QRectF(rect()).adjusted(line / 2, line / 2, -line / 2, -line / 2), 6, 6);
    const int first = QFontMetrics(font()).height(), small = QFontMetrics(smallFont()).height();
    const QPointF center(kMethodPad + kMethodMark / 2.0, kMethodPad + first / 2.0);
    painter.setPen(QPen(isChecked() ? t.accent : t.control, 1.4));
    painter.setBrush(t.panel);
    painter.drawEllipse(center, kMethodMark / 2.0, kMethodMark / 2.0);
    if (isChecked()) {
        painter.setPen(Qt::NoPen);
        painter.setBrush(t.accent);
        painter.drawEllipse(center, kMethodMark / 2.0 - 3.5, kMethodMark / 2.0 - 3.5);
    }

    const MethodColumns columns = MethodColumns::of(width());
    const auto write = [&](const QFont& used, const QColor& ink, QRect place, int y, const QString& words) {
        const int high = textHeight(used, words, place.width());
        painter.setFont(used);
        painter.setPen(ink);
        painter.drawText(QRect(place.x(), y, place.width(), high), Qt::TextWordWrap | Qt::AlignLeft, words);
        return y + high;
    };
    int y = write(font(), t.text, columns.name, kMethodPad, text());
    y = write(smallFont(), t.muted, columns.name, y + kMethodLineGap, m_note);
    if (columns.table) {
        paintMemory(painter, columns.memory.translated(0, kMethodPad));
        write(font(), m_cost ? t.text : t.muted, columns.time, kMethodPad, timeText());
        write(smallFont(), t.muted, columns.quality, kMethodPad + (first - small) / 2, m_quality);
        return;
    }
    y += 2 * kMethodLineGap;
    paintMemory(painter, columns.memory.translated(0, y));
    painter.setFont(font());
    painter.setPen(m_cost ? t.text : t.muted);
    painter.drawText(QRect(columns.memory.x(), y, columns.memory.width(), first), Qt::AlignRight | Qt::AlignVCenter, timeText());
    y += first + kMethodLineGap + kMemoryBar + kMethodLineGap + small + 2 * kMethodLineGap;
    write(smallFont(), t.muted, columns.quality, y, m_quality);
}

} // namespace attune
