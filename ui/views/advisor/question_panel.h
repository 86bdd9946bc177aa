// The wizard: one question at a time with its choices, why it is asked, and what the project already knows. GUI thread.
#pragma once

#include <map>

#include "core/plan/decision_matrix.h"
#include "ui/widgets/card.h"

class QButtonGroup;
class QProgressBar;

namespace attune {

class QuestionPanel final : public QWidget {
    Q_OBJECT
public:
    explicit QuestionPanel(const DecisionRules& rules, QWidget* parent = nullptr);

    /// Shows the answers; `facts` are those that the project gave, by question.
    void setAnswers(const Answers& answers, const std::map<std::string, FactAnswer>& facts);
    void showQuestion(int index);
    void showFirstOpen();
    int current() const { return m_current; }

Q_SIGNALS:
    /// An empty choice takes the answer back ("Skip").
    void answered(const QString& question, const QString& choice);

private:
    void refresh();
    void go(int step);
    const DecisionRules& m_rules;
    Answers m_answers;
    std::map<std::string, FactAnswer> m_facts;
    int m_current = 0;
    Card* m_card;
    QLabel* m_question;
    QLabel* m_help;
    QLabel* m_fact;
    QWidget* m_choices;
    QPushButton* m_back;
    QPushButton* m_skip;
    QPushButton* m_next;
    QProgressBar* m_progress;
};

} // namespace attune
