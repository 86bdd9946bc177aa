#include "ui/widgets/token_view.h"

#include <algorithm>

#include <QEvent>
#include <QHelpEvent>
#include <QPainter>
#include <QScrollBar>
#include <QToolTip>

#include "ui/bridge/qt_convert.h"
#include "ui/theme.h"

namespace attune {
namespace {

constexpr int kBoxPad = 3, kBoxGap = 1, kLineGap = 4, kMaxBoxText = 60;

/// White space and line ends as signs, so that every token can be seen; long ones shortened.
QString visibleText(const QString& text) {
    QString shown;
    for (const QChar c : text.left(kMaxBoxText)) {
        if (c == QLatin1Char('\n'))
            shown += QChar(0x23ce); // return sign
        else if (c == QLatin1Char('\t'))
            shown += QChar(0x21e5);
        else if (c == QLatin1Char(' '))
            shown += QChar(0x00b7);
        else
            shown += c.isPrint() || c.isSurrogate() || c.isMark() ? c : QChar(0xfffd);
    }
    if (shown.startsWith(QChar(0x00b7)) && shown.size() > 1 && shown[1] != QChar(0x00b7))
        shown[0] = QLatin1Char(' '); // one leading blank is how words begin; marking each would be noise
    if (text.size() > kMaxBoxText)
        shown += QChar(0x2026);
    return shown.isEmpty() ? QString(QChar(0x2205)) : shown;
}

} // namespace

TokenView::TokenView(QWidget* parent) : QAbstractScrollArea(parent) {
    setFrameShape(QFrame::NoFrame);
    setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    setFocusPolicy(Qt::StrongFocus);
    viewport()->setAutoFillBackground(false);
    setAccessibleName(tr("Tokens of the row"));
    QSizePolicy policy(QSizePolicy::Expanding, QSizePolicy::Preferred);
    policy.setHeightForWidth(true);
    setSizePolicy(policy);
    setFont(Theme::current().monospaceFont());
    connect(&Theme::current(), &Theme::changed, viewport(), qOverload<>(&QWidget::update));
}

void TokenView::setTokens(std::vector<Token> tokens, qint64 cutAt) {
    m_tokens = std::move(tokens);
    m_cutAt = cutAt;
    m_shown.clear();
    m_shown.reserve(m_tokens.size());
    for (const Token& token : m_tokens)
        m_shown.push_back(visibleText(token.text));
    setAccessibleDescription(summary());
    relayout();
    updateGeometry();
}

QString TokenView::summary() const {
    const auto trained =
        std::count_if(m_tokens.begin(), m_tokens.end(), [](const Token& token) { return token.trained; });
    const qint64 cut = m_cutAt < 0 ? 0 : qint64(m_tokens.size()) - m_cutAt;
    QString text = tr("%1, %2 learned").arg(counted(qint64(m_tokens.size()), tr("1 token"), tr("%1 tokens")), number(qint64(trained)));
    return text + ", " + (cut > 0 ? tr("%1 beyond the context").arg(number(cut)) : tr("none cut"));
}

int TokenView::lineHeight() const {
    return fontMetrics().height() + 4 + kLineGap;
}

void TokenView::scrollToFirstLearned() {
    const auto learned =
        std::find_if(m_tokens.begin(), m_tokens.end(), [](const Token& token) { return token.trained; });
    if (learned == m_tokens.end())
        return;
    const int line = m_boxes[std::size_t(learned - m_tokens.begin())].top() / lineHeight();
    const int before = std::max(1, viewport()->height() / lineHeight() / 2);
    verticalScrollBar()->setValue((line - before) * lineHeight());
}

int TokenView::layoutTokens(int width, std::vector<QRect>* boxes) const {
    const QFontMetrics metrics(font());
    const int height = lineHeight() - kLineGap;
    int x = 0, y = 2;
    for (std::size_t i = 0; i < m_shown.size(); ++i) {
        const int w = std::min(width, metrics.horizontalAdvance(m_shown[i]) + 2 * kBoxPad);
        if (x > 0 && x + w > width) {
            x = 0;
            y += height + kLineGap;
        }
        if (boxes)
            boxes->push_back(QRect(x, y, w, height));
        x += w + kBoxGap;
        if (m_tokens[i].text.endsWith(QLatin1Char('\n'))) {
            x = 0;
            y += height + kLineGap;
        }
    }
    return y + (x > 0 ? height : 0) + 2;
}

void TokenView::relayout() {
    m_boxes.clear();
    m_boxes.reserve(m_shown.size());
    const int height = layoutTokens(std::max(40, viewport()->width()), &m_boxes);
    verticalScrollBar()->setPageStep(viewport()->height());
    verticalScrollBar()->setSingleStep(lineHeight());
    // Whole lines, so that no sliver of one stands at the top of the end.
    const int hidden = std::max(0, height - viewport()->height());
    verticalScrollBar()->setRange(0, (hidden + lineHeight() - 1) / lineHeight() * lineHeight());
    viewport()->update();
}

QSize TokenView::sizeHint() const {
    return {400, std::min(160, heightForWidth(400))};
}
int TokenView::heightForWidth(int width) const {
    return std::clamp(layoutTokens(std::max(40, width - 12), nullptr) + 4, fontMetrics().height() + 10, 400);
}

void TokenView::resizeEvent(QResizeEvent*) {
    relayout();
}

void TokenView::changeEvent(QEvent* event) {
    if (event->type() == QEvent::FontChange)
        relayout();
    QAbstractScrollArea::changeEvent(event);
}

void TokenView::paintEvent(QPaintEvent*) {
    const ThemeTokens& t = Theme::current().tokens();
    const QColor masked = Theme::current().wash(Tone::Neutral);
    const QColor trainedText = readableTone(t.accent, t.accentWash, t.text);
    const QColor cutText = readableTone(t.bad, t.badWash, t.text);
    QPainter painter(viewport());
    painter.setRenderHint(QPainter::Antialiasing);
    const int top = verticalScrollBar()->value(), bottom = top + viewport()->height();
    auto first =
        std::lower_bound(m_boxes.begin(), m_boxes.end(), top, [](const QRect& box, int y) { return box.bottom() < y; });
    QFont plain = font(), special = font();
    special.setItalic(true);
    for (; first != m_boxes.end() && first->top() <= bottom; ++first) {
        const auto index = std::size_t(first - m_boxes.begin());
        const Token& token = m_tokens[index];
        const QRect box = first->translated(0, -top);
        const bool cut = m_cutAt >= 0 && qint64(index) >= m_cutAt;
        painter.setPen(Qt::NoPen);
        painter.setBrush(cut ? t.badWash : token.trained ? t.accentWash : masked);
        painter.drawRoundedRect(box, 3, 3);
        if (token.trained && !cut && token.loss > 0) { // a thicker foot for what the model finds hard
            const double share = std::min(1.0, token.loss / 6.0);
            painter.setBrush(t.accent);
            painter.drawRect(QRectF(box.left() + 1, box.bottom() - 2 * share, box.width() - 2, 1 + 2 * share));
        }
        painter.setFont(token.special ? special : plain);
        painter.setPen(cut ? cutText : token.trained ? trainedText : t.muted);
        painter.drawText(box.adjusted(kBoxPad, 0, 0, 0), Qt::AlignVCenter | Qt::AlignLeft | Qt::TextSingleLine,
                         m_shown[index]);
        if (cut)
            painter.drawLine(box.left() + 1, box.center().y(), box.right() - 1, box.center().y());
        if (m_cutAt == qint64(index)) {
            painter.setPen(QPen(t.bad, 2, Qt::DashLine));
            painter.drawLine(box.left() - 1, box.top() - 2, box.left() - 1, box.bottom() + 2);
        }
    }
}

bool TokenView::viewportEvent(QEvent* event) {
    if (event->type() != QEvent::ToolTip)
        return QAbstractScrollArea::viewportEvent(event);
    const auto* help = static_cast<QHelpEvent*>(event);
    const QPoint position = help->pos() + QPoint(0, verticalScrollBar()->value());
    for (std::size_t i = 0; i < m_boxes.size(); ++i) {
        if (!m_boxes[i].contains(position))
            continue;
        const Token& token = m_tokens[i];
        QString text =
            tr("Token %1, id %2: %3").arg(i + 1).arg(token.id).arg(token.trained ? tr("learned") : tr("read only"));
        if (token.loss >= 0)
            text += tr(", loss %1").arg(number(token.loss, 3));
        QToolTip::showText(help->globalPos(), text, viewport());
        return true;
    }
    QToolTip::hideText();
    return true;
}

} // namespace attune
