// Compare: base and tuned model answer the same prompt side by side with the same seed, or all held-out rows at once with scores.
// GUI thread; all model work goes through RunBridge.
#pragma once

#include <vector>

#include <QPointer>

#include "core/eval/before_after.h"
#include "ui/models/finished_runs.h"
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
class Generation;
class IntegrityStrip;
class ProgressStrip;
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
    void setBusy(bool busy);
    const FinishedRun* run() const;

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

    std::vector<FinishedRun> m_runs;
    std::vector<Sample> m_rows;
    BeforeAfter m_evaluation;
    std::vector<Sample> m_measuredRows; // what m_evaluation is about
    quint64 m_selection = 0;            // counts choices of a run: results for an earlier one are dropped
    QPointer<Generation> m_generation;
    QPointer<Task> m_task;
};

} // namespace attune
