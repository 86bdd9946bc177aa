#include "ui/views/data/loss_view.h"

#include <algorithm>
#include <utility>

#include <QHBoxLayout>
#include <QLabel>
#include <QPushButton>
#include <QScrollBar>
#include <QTimer>
#include <QVBoxLayout>

#include "ui/bridge/qt_convert.h"
#include "ui/views/data/project_model.h"
#include "ui/views/data/row_tokens.h"
#include "ui/widgets/card.h"
#include "ui/widgets/token_view.h"

namespace attune {

LossView::LossView(ProjectModel& model, QWidget* parent) : QWidget(parent), m_model(model) {
    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(15, 12, 15, 12);
    column->setSpacing(8);
    auto* head = new QHBoxLayout;
    head->setSpacing(8);
    m_title = makeLabel({}, "section", this);
    m_title->setWordWrap(false);
    m_note = new ElidedLabel({}, Qt::ElideRight, this);
    m_note->setProperty("role", "muted");
    head->addWidget(m_title);
    head->addWidget(m_note, 1);
    column->addLayout(head);
    m_message = new QWidget(this);
    auto* message = new QHBoxLayout(m_message);
    message->setContentsMargins(0, 0, 0, 0);
    message->setSpacing(8);
    m_words = makeLabel({}, "muted", m_message);
    QPushButton* choose = makeButton(tr("Choose a model folder…"), "secondary", "folder", m_message);
    m_choose = choose;
    message->addWidget(m_words, 1);
    message->addWidget(m_choose);
    column->addWidget(m_message);
    m_tokens = new TokenView(this);
    column->addWidget(m_tokens, 1);
    connect(choose, &QPushButton::clicked, this, &LossView::chooseModelWanted);
    connect(&model, &ProjectModel::changed, this, &LossView::refresh);
    refresh();
}

void LossView::showSample(const std::optional<StoredSample>& sample) {
    m_sample = sample;
    refresh();
}

void LossView::say(const QString& words, bool offerModel) {
    m_words->setText(words);
    m_choose->setVisible(offerModel);
    m_message->setVisible(!words.isEmpty());
    m_tokens->setVisible(words.isEmpty());
}

void LossView::refresh() {
    if (m_task)
        m_task->cancel();
    m_title->setText(m_sample ? tr("Row %1 as the model sees it").arg(number(qint64(m_sample->sample.sourceRow)))
                              : tr("As the model sees it"));
    m_note->setFullText({});
    const auto format = m_model.format();
    if (!format)
        return say(m_model.isLoading()
                       ? tr("Reading the model's tokenizer…")
                       : tr("Choose the model you want to tune: then each row is shown and counted in its tokens."),
                   !m_model.isLoading());
    if (!m_sample)
        return say(tr("Choose a row in the table."), false);
    m_task = runTask<std::vector<TokenView::Token>>(
        this,
        [format, sample = m_sample->sample](const Progress&) -> Result<std::vector<TokenView::Token>> {
            ATTUNE_ASSIGN(const TokenizedRow row, tokensOf(*format, sample));
            return tokenBoxes(*format, row);
        },
        [this, id = m_sample->rowId, context = m_model.contextLength()](Result<std::vector<TokenView::Token>> tokens) {
            if (!m_sample || m_sample->rowId != id)
                return;
            if (!tokens)
                return say(qstr(tokens.error().message), false);
            const qint64 count = qint64(tokens->size());
            m_tokens->setTokens(std::move(*tokens), context > 0 && count > context ? context : -1);
            m_note->setFullText(
                tr("blue is what it learns to write · %1 · %2").arg(m_tokens->summary(), m_model.name()));
            say({}, false);
            if (id != std::exchange(m_scrolledFor, id)) // what is learned is what one wants to see
                QTimer::singleShot(0, m_tokens, &TokenView::scrollToFirstLearned);
        });
}

} // namespace attune
