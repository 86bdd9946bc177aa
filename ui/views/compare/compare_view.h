// Compare: base and tuned model answer the same prompt side by side with the same seed, or all held-out rows at once with scores.
// GUI thread; all model work goes through RunBridge.
#pragma once

#include <vector>

#include <QPointer>

#include "ui/models/finished_runs.h"
#include "ui/models/kept_evaluation.h"
#include "ui/models/run_evidence.h"
#include "ui/views/view.h"

class QCheckBox;
class QComboBox;
class QDoubleSpinBox;
class QLabel;
class QPlainTextEdit;
class QPushButton;
class QSpinBox;
class QStackedWidget;
class QTableWidget;

namespace attune {

class AnswerPane;
class Card;
class Generation;
class IntegrityStrip;
class ProgressStrip;
class ReasonList;
class ScoreTable;
class SegmentedControl;
class Task;

class CompareView final : public View {
    Q_OBJECT
public:
    CompareView(Services& services, QWidget* parent = nullptr);

    void activated() override;
    void showRequest(const QVariantMap& request) override; // {"run": id}
    bool canClose(QString& reason) override;

private:
    QWidget* buildControls();
    QWidget* buildPrompt();
    QWidget* buildRows();
    void refresh();
    void runChanged();
    void loadRows();
    void showRow(int row);
    void answer();
    void showDifference();
    void generationEnded(const Error* error);
    void measure();
    void showEvaluation();
    void readMeasured(); ///< what was measured of this run before, and what speaks for and against it
    void showJudgement(const RunJudgement& judgement);
    void setBusy(bool busy);
    const FinishedRun* run() const;

    static constexpr std::size_t kMostRows = 500; // test rows that are measured at once
    ViewPage* m_page;
    QStackedWidget* m_stack; // empty, content
    QStackedWidget* m_pages; // one prompt, held-out rows
    SegmentedControl* m_mode;
    QComboBox* m_run;
    IntegrityStrip* m_integrity;
    ProgressStrip* m_progress;
    QPushButton* m_primary;
    QPlainTextEdit* m_prompt;
    QSpinBox* m_row;
    QLabel* m_expected;
    QDoubleSpinBox* m_temperature;
    QSpinBox *m_maxTokens, *m_seed;
    QCheckBox* m_compare;
    AnswerPane *m_base, *m_tuned;
    ScoreTable* m_scores;
    QTableWidget* m_answers;
    QLabel* m_noScores;
    QLabel* m_about; // when, on which rows and of which model the scores are
    Card* m_judgement;
    ReasonList* m_reasons;
    QLabel* m_noAnswers;

    std::vector<FinishedRun> m_runs;
    std::vector<Sample> m_rows;
    KeptEvaluation m_measured;          // what stands on the page of test rows; time 0 and no scores = nothing
    quint64 m_selection = 0;            // counts choices of a run: results for an earlier one are dropped
    QPointer<Generation> m_generation;
    quint64 m_reading = 0;              // counts readings of what was measured: an older one is dropped
    QPointer<Task> m_task;
};

} // namespace attune
