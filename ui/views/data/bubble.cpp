#include "ui/views/data/bubble.h"

#include <cmath>

#include <QAbstractTextDocumentLayout>
#include <QHBoxLayout>
#include <QKeyEvent>
#include <QLabel>
#include <QPainter>
#include <QTextBlock>
#include <QVBoxLayout>

#include "ui/theme.h"
#include "ui/widgets/card.h"

namespace attune {
namespace {

constexpr qsizetype kLongest =
    200'000;                // characters that can be edited in a bubble; a longer text is shown from its beginning
constexpr int kIndent = 24; // by which the two sides of a conversation stand apart

/// As it was put in: toPlainText() would turn no-break spaces into spaces.
QString plainText(const QPlainTextEdit& edit) {
    return edit.document()
        ->toRawText()
        .replace(QChar::ParagraphSeparator, QLatin1Char('\n'))
        .replace(QChar::LineSeparator, QLatin1Char('\n'));
}

} // namespace

BubbleEdit::BubbleEdit(QWidget* parent) : QPlainTextEdit(parent) {
    setProperty("flat", true);
    setFrameShape(QFrame::NoFrame);
    setTabChangesFocus(true);
    setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    setVerticalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    setWordWrapMode(QTextOption::WrapAtWordBoundaryOrAnywhere);
    setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Fixed);
    viewport()->setAutoFillBackground(false);
    document()->setDocumentMargin(0);
    connect(this, &QPlainTextEdit::textChanged, this, &BubbleEdit::fitHeight);
}

bool BubbleEdit::event(QEvent* event) {
    // With nothing to take back in this text, Ctrl+Z belongs to the data set's own undo.
    if (event->type() == QEvent::ShortcutOverride) {
        auto* key = static_cast<QKeyEvent*>(event);
        if ((key->matches(QKeySequence::Undo) && !document()->isUndoAvailable()) ||
            (key->matches(QKeySequence::Redo) && !document()->isRedoAvailable())) {
            event->ignore();
            return true;
        }
    }
    return QPlainTextEdit::event(event);
}

void BubbleEdit::keyPressEvent(QKeyEvent* event) {
    const bool enter = event->key() == Qt::Key_Return || event->key() == Qt::Key_Enter;
    if (enter && (event->modifiers() & Qt::ControlModifier))
        return Q_EMIT leave(true);
    if (event->key() == Qt::Key_Escape)
        return Q_EMIT leave(false);
    QPlainTextEdit::keyPressEvent(event);
}

void BubbleEdit::focusOutEvent(QFocusEvent* event) {
    QPlainTextEdit::focusOutEvent(event);
    if (event->reason() != Qt::PopupFocusReason && event->reason() != Qt::MenuBarFocusReason)
        Q_EMIT leave(true);
}

void BubbleEdit::resizeEvent(QResizeEvent* event) {
    QPlainTextEdit::resizeEvent(event);
    if (event->size().width() != event->oldSize().width())
        fitHeight();
}

void BubbleEdit::fitHeight() {
    const int most = m_maximumLines * fontMetrics().lineSpacing();
    double height = 0;
    for (QTextBlock block = document()->begin(); block.isValid() && height <= most; block = block.next())
        height += document()->documentLayout()->blockBoundingRect(block).height();
    setVerticalScrollBarPolicy(height > most ? Qt::ScrollBarAsNeeded : Qt::ScrollBarAlwaysOff);
    const int wanted =
        int(std::ceil(std::min<double>(std::max<double>(height, fontMetrics().lineSpacing()), most))) + 8;
    if (wanted == m_height)
        return;
    m_height = wanted;
    setFixedHeight(wanted);
    updateGeometry();
}

QSize BubbleEdit::sizeHint() const {
    return {160, std::max(m_height, fontMetrics().lineSpacing() + 8)};
}

Bubble::Bubble(const QString& title, const QString& text, bool learned, bool monospaced, bool editable, QWidget* parent)
    : QWidget(parent), m_learned(learned) {
    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(12 + (learned ? kIndent : 0), 8, 12 + (learned ? 0 : kIndent), 8);
    column->setSpacing(2);
    auto* head = new QHBoxLayout;
    head->setContentsMargins(1, 0, 1, 0); // the editor's own border
    QLabel* role = makeLabel(title, "note", this);
    role->setWordWrap(false);
    head->addWidget(role, 1);
    if (learned) {
        QLabel* note = makeLabel(tr("learned"), "note", this);
        note->setWordWrap(false);
        note->setProperty("tone", "accent");
        note->setToolTip(tr("The model is trained to write this. Everything else it only reads."));
        head->addWidget(note);
    }
    column->addLayout(head);
    m_edit = new BubbleEdit(this);
    m_edit->setFont(monospaced ? Theme::current().monospaceFont() : Theme::current().bodyFont());
    m_edit->setAccessibleName(title);
    const bool whole = text.size() <= kLongest;
    m_edit->setPlainText(whole ? text : text.left(kLongest));
    m_shown = plainText(*m_edit);
    m_edit->setReadOnly(!editable || !whole);
    if (!editable)
        m_edit->setTextInteractionFlags(Qt::TextSelectableByMouse | Qt::TextSelectableByKeyboard);
    column->addWidget(m_edit);
    if (!whole)
        column->addWidget(makeLabel(tr("Only the beginning is shown: the text has %1 million characters.")
                                        .arg(double(text.size()) / 1e6, 0, 'f', 1),
                                    "note", this));
    role->setBuddy(m_edit);
    connect(m_edit, &BubbleEdit::leave, this, [this](bool keep) {
        if (m_edit->isReadOnly())
            return;
        if (!keep) {
            m_edit->setPlainText(m_shown);
        } else if (const QString now = plainText(*m_edit); now != m_shown) {
            m_shown = now;
            Q_EMIT edited(now);
        }
    });
}

void Bubble::paintEvent(QPaintEvent*) {
    const Theme& theme = Theme::current();
    QPainter painter(this);
    painter.setRenderHint(QPainter::Antialiasing);
    painter.setPen(Qt::NoPen);
    painter.setBrush(theme.wash(m_learned ? Tone::Accent : Tone::Neutral));
    painter.drawRoundedRect(QRectF(rect()).adjusted(m_learned ? kIndent : 0, 0, m_learned ? 0 : -kIndent, 0), 8, 8);
}

} // namespace attune
