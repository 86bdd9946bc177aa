// The Advisor: questions on the left, the live decision matrix on the right. Decides nothing itself
// (core/plan/decision_matrix does) and keeps answers, weights and the report in the project. GUI thread.
#pragma once

#include <map>

#include "core/plan/decision_matrix.h"
#include "ui/views/view.h"

namespace attune {

class QuestionPanel;
class RecommendationPanel;
class MatrixPanel;

class AdvisorView final : public View {
    Q_OBJECT
public:
    AdvisorView(Services& services, QWidget* parent);
    void activated() override;
    /// {"scenario": id} answers as in that scenario; {"answers": {question: choice}}.
    void showRequest(const QVariantMap& request) override;

private:
    void load();
    void keep();
    void learnFacts();
    void takeFacts(const ProjectFacts& facts);
    void answer(const std::string& question, const std::string& choice);
    void useScenario(const Scenario& scenario);
    void refresh();
    void saveReport();
    void writeReport(const QString& folder);

    const DecisionRules& m_rules;
    Answers m_answers;
    Weights m_weights;
    std::map<std::string, FactAnswer> m_facts;
    std::map<std::string, bool> m_byHand; // questions the person decided (also by skipping): facts leave them alone
    Advice m_advice;
    bool m_hasAdvice = false;
    bool m_startedAnew = false; // a scenario, or no answers: what the project kept is replaced, also when it is read later
    quint64 m_request = 0;      // counts projects: what was read of an earlier one is dropped
    ViewPage* m_page;
    QuestionPanel* m_questions;
    RecommendationPanel* m_recommendation;
    MatrixPanel* m_matrix;
};

} // namespace attune
