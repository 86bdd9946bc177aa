#include "ui/views/train/model_trial.h"

#include <QHBoxLayout>
#include <QLineEdit>
#include <QPlainTextEdit>
#include <QPushButton>
#include <QVBoxLayout>

#include "ui/bridge/qt_convert.h"
#include "ui/bridge/run_bridge.h"
#include "ui/widgets/card.h"
#include "ui/widgets/message_bar.h"

namespace attune {
namespace {
constexpr int kTrialTokens = 120;
} // namespace

ModelTrial::ModelTrial(RunBridge& runs, MessageArea& messages, QWidget* parent) : QWidget(parent), m_runs(runs), m_messages(messages) {
    auto* outer = new QVBoxLayout(this);
    outer->setContentsMargins(0, 0, 0, 0);
    auto* card = new Card(tr("Try a prompt"), tr("as it is, before any training"), this);
    outer->addWidget(card);
    auto* line = new QHBoxLayout;
    line->setSpacing(8);
    m_prompt = new QLineEdit(card);
    m_prompt->setAccessibleName(tr("Prompt to try"));
    m_prompt->setPlaceholderText(tr("Ask it something of your work"));
    m_try = makeButton(tr("Answer"), "secondary", "play", card);
    line->addWidget(m_prompt, 1);
    line->addWidget(m_try);
    card->body()->addLayout(line);
    m_note = makeLabel({}, "note", card);
    card->body()->addWidget(m_note);
    m_answer = new QPlainTextEdit(card);
    m_answer->setReadOnly(true);
    m_answer->setTabChangesFocus(true);
    m_answer->setAccessibleName(tr("The model's answer"));
    m_answer->setMinimumHeight(84);
    m_answer->setMaximumHeight(140);
    card->body()->addWidget(m_answer);
    connect(m_try, &QPushButton::clicked, this, &ModelTrial::tryPrompt);
    connect(m_prompt, &QLineEdit::returnPressed, this, &ModelTrial::tryPrompt);
    connect(m_prompt, &QLineEdit::textChanged, this, &ModelTrial::refresh);
    connect(&runs, &RunBridge::runStarted, this, &ModelTrial::refresh);
    connect(&runs, &RunBridge::runEnded, this, &ModelTrial::refresh);
    refresh();
}

void ModelTrial::setModel(const QString& path) {
    if (m_generation) {
        m_generation->disconnect(this);
        m_generation->cancel();
        m_generation = nullptr;
    }
    m_path = path;
    m_answer->clear();
    refresh();
}

void ModelTrial::refresh() {
    const bool busy = m_runs.isActive();
    setVisible(!m_path.isEmpty());
    m_prompt->setEnabled(!m_path.isEmpty());
    m_try->setEnabled(m_generation || (!m_path.isEmpty() && !busy && !m_prompt->text().trimmed().isEmpty()));
    m_try->setText(m_generation ? tr("Stop") : tr("Answer"));
    m_note->setText(m_generation ? tr("Loading and answering…")
                    : busy       ? tr("%1 is training; the model answers when it has ended.").arg(m_runs.current().name)
                                 : tr("The likeliest words, up to %1 tokens.").arg(kTrialTokens));
}

void ModelTrial::tryPrompt() {
    if (m_generation) {
        m_generation->cancel();
        return;
    }
    const QString text = m_prompt->text().trimmed();
    if (m_path.isEmpty() || text.isEmpty() || m_runs.isActive())
        return;
    GenerateRequest request;
    request.model = sstr(m_path);
    request.prompts.push_back(Prompt{.messages = {{"user", sstr(text)}}});
    request.sampling.maxTokens = kTrialTokens;
    m_answer->clear();
    m_messages.remove("prompt");
    m_generation = m_runs.generate(std::move(request), this);
    connect(m_generation, &Generation::textGenerated, this, [this](const QVector<TextGenerated>& pieces) {
        for (const TextGenerated& piece : pieces) {
            m_answer->moveCursor(QTextCursor::End);
            m_answer->insertPlainText(qstr(piece.text));
        }
    });
    connect(m_generation, &Generation::finished, this, [this] {
        m_generation = nullptr;
        if (m_answer->toPlainText().trimmed().isEmpty())
            m_answer->setPlainText(tr("(an empty answer)"));
        refresh();
    });
    connect(m_generation, &Generation::failed, this, [this](const Error& error) {
        m_generation = nullptr;
        m_messages.showError("prompt", error);
        refresh();
    });
    refresh();
}

} // namespace attune
