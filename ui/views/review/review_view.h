// Review: a person judges base against tuned answers blind, one pair a screen, by keyboard; and what the votes say so far. GUI thread.
#pragma once

#include <optional>
#include <vector>

#include <QElapsedTimer>
#include <QPointer>

#include "ui/models/finished_runs.h"
#include "ui/views/review/interim_result.h"
#include "ui/views/review/stored_review.h"
#include "ui/views/view.h"

class QComboBox;
class QLabel;
class QLineEdit;
class QPlainTextEdit;
class QProgressBar;
class QPushButton;
class QSpinBox;
class QStackedWidget;

namespace attune {

class Card;
class FigureLabel;
class ProgressStrip;
class Task;

class ReviewView final : public View {
    Q_OBJECT
public:
    ReviewView(Services& services, QWidget* parent = nullptr);

    void activated() override;
    void showRequest(const QVariantMap& request) override; // {"run": id}
    bool canClose(QString& reason) override;

private:
    QWidget* buildStart();
    QWidget* buildPair();
    QWidget* buildResults();
    void refresh();
    void prepare();
    void openReview(std::int64_t id);
    void showNext();
    void showItem(std::size_t index);
    void judge(SideVerdict verdict);
    void undo();
    void takeLostVote(std::int64_t review, const Error& error);
    void showStats();
    void showResult();
    void exportCsv();
    void showButtons();
    void publishState();

    ViewPage* m_page;
    QPushButton *m_export, *m_new;
    QStackedWidget* m_stack; // empty, start, pair
    ProgressStrip* m_progress;
    QComboBox *m_run, *m_stored;
    QSpinBox* m_count;
    QPushButton* m_begin;
    QWidget* m_pair;
    Card* m_resultCard;
    QLabel *m_prompt, *m_expected, *m_done, *m_bias;
    QPlainTextEdit *m_left, *m_right;
    QLineEdit* m_note;
    QProgressBar* m_bar;
    FigureLabel *m_winRate, *m_votes, *m_more;

    std::vector<FinishedRun> m_runs;
    std::optional<StoredReview> m_review;
    InterimResult m_result;
    std::size_t m_index = 0;
    QElapsedTimer m_shown;
    QPointer<Task> m_task, m_undo; // preparing a review; taking a verdict back
};

} // namespace attune
