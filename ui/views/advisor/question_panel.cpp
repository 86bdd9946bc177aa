#include "ui/views/advisor/question_panel.h"

#include <QProgressBar>
#include <QVBoxLayout>

#include "ui/bridge/qt_convert.h"
#include "ui/widgets/option_button.h"

namespace attune {

QuestionPanel::QuestionPanel(const DecisionRules& rules, QWidget* parent) : QWidget(parent), m_rules(rules) {
    auto* outer = new QVBoxLayout(this);
    outer->setContentsMargins(0, 0, 0, 0);
    m_card = new Card(tr("Question"), {}, this);
    outer->addWidget(m_card);
    QVBoxLayout* body = m_card->body();
    body->setSpacing(12);
    // The question scrolls where there is little room, the buttons below stay in reach.
    auto* asked = new QWidget(m_card);
    auto* column = new QVBoxLayout(asked);
    column->setContentsMargins(0, 0, 0, 0);
    column->setSpacing(12);
    body->addWidget(makeScrolling(asked), 1);
    m_question = makeLabel({}, "question", asked);
    column->addWidget(m_question);
    m_choices = new QWidget(asked);
    auto* choices = new QVBoxLayout(m_choices);
    choices->setContentsMargins(0, 0, 0, 0);
    choices->setSpacing(8);
    column->addWidget(m_choices);
    m_fact = makeLabel({}, "body", asked);
    m_fact->setProperty("tone", "accent");
    column->addWidget(m_fact);
    m_help = makeLabel({}, "muted", asked);
    column->addWidget(m_help);
    column->addStretch(1);
    auto* buttons = new QHBoxLayout;
    buttons->setSpacing(8);
    m_back = makeButton(tr("Back"), "secondary", {}, m_card);
    m_skip = makeButton(tr("Skip"), "secondary", {}, m_card);
    m_next = makeButton(tr("Next"), "secondary", {}, m_card);
    buttons->addWidget(m_back);
    buttons->addWidget(m_skip);
    buttons->addStretch(1);
    buttons->addWidget(m_next);
    body->addLayout(buttons);
    m_progress = new QProgressBar(m_card);
    m_progress->setTextVisible(false);
    m_progress->setRange(0, int(m_rules.questions.size()));
    m_progress->setAccessibleName(tr("Answered questions"));
    body->addWidget(m_progress);
    connect(m_back, &QPushButton::clicked, this, [this] { go(-1); });
    connect(m_next, &QPushButton::clicked, this, [this] { go(1); });
    connect(m_skip, &QPushButton::clicked, this, [this] {
        Q_EMIT answered(qstr(m_rules.questions[std::size_t(m_current)].id), {});
        go(1);
    });
    refresh();
}

void QuestionPanel::go(int step) {
    const int count = int(m_rules.questions.size());
    showQuestion(std::clamp(m_current + step, 0, count - 1));
    if (auto* first = m_choices->findChild<OptionButton*>())
        first->setFocus(Qt::OtherFocusReason);
}

void QuestionPanel::showQuestion(int index) {
    m_current = std::clamp(index, 0, int(m_rules.questions.size()) - 1);
    refresh();
}

void QuestionPanel::showFirstOpen() {
    for (std::size_t i = 0; i < m_rules.questions.size(); ++i)
        if (!m_answers.contains(m_rules.questions[i].id))
            return showQuestion(int(i));
    showQuestion(0);
}

void QuestionPanel::setAnswers(const Answers& answers, const std::map<std::string, FactAnswer>& facts) {
    m_answers = answers;
    m_facts = facts;
    refresh();
}

void QuestionPanel::refresh() {
    if (m_rules.questions.empty())
        return;
    const Question& question = m_rules.questions[std::size_t(m_current)];
    const auto given = m_answers.find(question.id);
    const std::string chosen = given == m_answers.end() ? std::string() : given->second;
    const int count = int(m_rules.questions.size());
    m_card->setTitle(tr("Question %1 of %2").arg(m_current + 1).arg(count));
    m_card->setNote(tr("%1 answered").arg(m_answers.size()));
    m_question->setText(qstr(question.text));
    m_help->setText(qstr(question.help));
    const auto fact = m_facts.find(question.id);
    m_fact->setVisible(fact != m_facts.end());
    if (fact != m_facts.end())
        m_fact->setText(fact->second.choice == chosen
                            ? tr("Answered from your project: %1").arg(qstr(fact->second.because))
                            : tr("Your project says: %1").arg(qstr(fact->second.because)));

    // Rebuilt only for another question: while choosing, focus and hover stay.
    if (m_choices->property("question").toString() != qstr(question.id)) {
        m_choices->setProperty("question", qstr(question.id));
        while (QLayoutItem* item = m_choices->layout()->takeAt(0)) {
            delete item->widget();
            delete item;
        }
        for (const AnswerChoice& choice : question.choices) {
            auto* button = new OptionButton(qstr(choice.text), {}, m_choices);
            button->setProperty("choice", qstr(choice.id));
            m_choices->layout()->addWidget(button);
            connect(button, &OptionButton::clicked, this,
                    [this, id = question.id, pick = choice.id] { Q_EMIT answered(qstr(id), qstr(pick)); });
        }
    }
    for (OptionButton* button : m_choices->findChildren<OptionButton*>())
        button->setChosen(!chosen.empty() && button->property("choice").toString() == qstr(chosen));
    m_back->setEnabled(m_current > 0);
    m_next->setEnabled(m_current + 1 < count);
    m_skip->setText(chosen.empty() ? tr("Skip") : tr("Take back"));
    m_progress->setValue(int(m_answers.size()));
}

} // namespace attune
