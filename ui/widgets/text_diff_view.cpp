#include "ui/widgets/text_diff_view.h"

#include <QScrollBar>
#include <QTextCursor>

#include "ui/theme.h"
#include "ui/widgets/card.h"

namespace attune {

TextDiffView::TextDiffView(Side side, QWidget* parent) : QTextEdit(parent), m_side(side) {
    setReadOnly(true);
    setAcceptRichText(false);
    setUndoRedoEnabled(false);
    setProperty("flat", true);
    beginAtEdge(*this);
    setTabChangesFocus(true);
    setAccessibleName(side == Side::Left    ? tr("Answer on the left")
                      : side == Side::Right ? tr("Answer on the right")
                                            : tr("Differences between the answers"));
    connect(&Theme::current(), &Theme::changed, this, &TextDiffView::render);
}

void TextDiffView::setTexts(const QString& left, const QString& right) {
    m_left = left;
    m_right = right;
    m_compares = true;
    render();
}

void TextDiffView::setPlain(const QString& text) {
    m_left = m_right = text;
    m_compares = false;
    render();
}

void TextDiffView::appendPlain(const QString& piece) {
    m_left += piece;
    m_right = m_left;
    m_compares = false;
    QScrollBar* bar = verticalScrollBar();
    const bool atEnd = bar->value() >= bar->maximum() - 4;
    QTextCursor cursor(document());
    cursor.movePosition(QTextCursor::End);
    cursor.insertText(piece, QTextCharFormat());
    if (atEnd)
        bar->setValue(bar->maximum());
}

void TextDiffView::setMonospaced(bool monospaced) {
    m_monospaced = monospaced;
    render();
}

void TextDiffView::render() {
    const Theme& theme = Theme::current();
    document()->setDefaultFont(m_monospaced ? theme.monospaceFont() : theme.bodyFont());
    clear();
    QTextCursor cursor(document());
    if (!m_compares) {
        cursor.insertText(m_side == Side::Right ? m_right : m_left, QTextCharFormat());
        return;
    }
    const ThemeTokens& tokens = theme.tokens();
    QTextCharFormat removed, added;
    removed.setBackground(tokens.badWash);
    removed.setForeground(readableTone(tokens.bad, tokens.badWash, tokens.text));
    removed.setFontStrikeOut(true);
    added.setBackground(tokens.goodWash);
    added.setForeground(readableTone(tokens.good, tokens.goodWash, tokens.text));
    added.setFontUnderline(true);
    cursor.beginEditBlock();
    for (const DiffPiece& piece : wordDiff(m_left, m_right)) {
        if (piece.kind == DiffPiece::Kind::Same)
            cursor.insertText(piece.text, QTextCharFormat());
        else if (piece.kind == DiffPiece::Kind::OnlyLeft && m_side != Side::Right)
            cursor.insertText(piece.text, removed);
        else if (piece.kind == DiffPiece::Kind::OnlyRight && m_side != Side::Left)
            cursor.insertText(piece.text, added);
    }
    cursor.endEditBlock();
    moveCursor(QTextCursor::Start);
}

} // namespace attune
