#include "ui/views/compare/answer_pane.h"

#include <QLabel>
#include <QVBoxLayout>

#include "ui/bridge/qt_convert.h"
#include "ui/widgets/card.h"
#include "ui/widgets/text_diff_view.h"

namespace attune {

AnswerPane::AnswerPane(const QString& title, bool left, QWidget* parent) : QFrame(parent), m_left(left) {
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 0);
    auto* card = new Card({}, {}, this);
    auto* head = new QHBoxLayout;
    m_title = makeLabel(title, QStringLiteral("section"), card);
    m_status = makeLabel({}, QStringLiteral("note"), card);
    m_status->setAlignment(Qt::AlignRight | Qt::AlignVCenter);
    head->addWidget(m_title);
    head->addWidget(m_status, 1);
    m_view = new TextDiffView(left ? TextDiffView::Side::Left : TextDiffView::Side::Right, card);
    m_view->setMonospaced(true);
    m_view->setAccessibleName(title);
    m_view->setPlaceholderText(tr("The answer comes here."));
    card->body()->addLayout(head);
    card->body()->addWidget(m_view, 1);
    layout->addWidget(card);
}

void AnswerPane::setTitle(const QString& title) {
    m_title->setText(title);
    m_view->setAccessibleName(title);
}

void AnswerPane::begin() {
    m_text.clear();
    m_finished = false;
    m_view->setPlain({});
    m_status->setText(tr("waiting…"));
}

void AnswerPane::add(const TextGenerated& piece) {
    const QString text = qstr(piece.text);
    m_text += text;
    if (!text.isEmpty())
        m_view->appendPlain(text);
    if (!piece.finished) {
        m_status->setText(tr("writing…"));
        return;
    }
    m_finished = true;
    const QString end = piece.finishReason == "stop" ? tr("ended by itself")
                        : piece.finishReason == "length" ? tr("cut at the longest length")
                                                         : tr("cancelled");
    m_status->setText(tr("%1 · %2 tokens/s · %3").arg(counted(qint64(piece.tokens), tr("1 token"), tr("%1 tokens")), number(piece.tokensPerSecond, 0), end));
}

void AnswerPane::setText(const QString& text) {
    m_text = text;
    m_finished = true;
    m_status->clear();
    m_view->setPlain(text);
}

void AnswerPane::showAgainst(const QString& other, bool compare) {
    if (!compare)
        m_view->setPlain(m_text);
    else
        m_view->setTexts(m_left ? m_text : other, m_left ? other : m_text);
}

} // namespace attune
