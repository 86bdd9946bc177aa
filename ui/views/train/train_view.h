// The Train station: set up a run, watch it, look back at earlier ones. Joins the pages to the RunBridge and the
// project; each page draws itself. GUI thread.
#pragma once

#include "core/run/project_run.h"
#include "ui/bridge/task.h"
#include "ui/views/train/run_trace.h"
#include "ui/views/view.h"

class QStackedWidget;

namespace attune {

class EmptyState;
class HistoryPage;
class LivePage;
class MessageArea;
class ModelPage;
class ProgressStrip;
class SegmentedControl;
class SetupPage;
class SweepPage;

class TrainView final : public View {
    Q_OBJECT
public:
    TrainView(Services& services, QWidget* parent);

    void activated() override;
    /// {"version": id} sets up a run on that data; {"run": id} shows a run; {"assignment": "training.epochs=1"} changes
    /// the recipe; {"model": path} looks at a model.
    void showRequest(const QVariantMap& request) override;
    bool canClose(QString& reason) override;
    bool openFiles(const QStringList& files) override; ///< a model

    SetupPage& setup() const { return *m_setup; }
    LivePage& live() const { return *m_live; }
    HistoryPage& history() const { return *m_history; }
    SweepPage& sweep() const { return *m_sweep; }
    ModelPage& model() const { return *m_model; }
    enum Page { ModelIndex, SetupIndex, SweepIndex, LiveIndex, HistoryIndex };
    void showPage(Page page);
    void openRun(qint64 runId, bool show = true);
    /// takeBest: no step more; its best checkpoint becomes the result.
    void continueRun(qint64 runId, bool takeBest = false);
    /// Of the run that is shown, stopped first where it still trains: its best checkpoint becomes the result, or begins a new
    /// run at a third of the learning rate.
    void useBest();
    void goOnFromBest();
    void start();

private:
    QWidget* makeEmpty();
    void makePages(Services& services);
    void connectPages();
    void connectRuns();
    void connectSweep();
    void connectModel();
    void useModel();
    void loadProject();
    void readHistory();
    void launch(Result<PreparedRun> run, std::shared_ptr<Project> project);
    void takeFailure(const RunFailed& failure);
    void takeEnd(qint64 runId, RunState state);
    void refresh();
    void refreshButtons();
    void refreshRail();
    void changeRecipe(const QString& assignment);
    void useRecipeOf(qint64 runId);
    QString recipeSentence(const RunConfig& config) const;
    QString whyNoStart() const; ///< "" = the primary button of New run or Sweep can be used
    bool shownIsActive() const;
    MessageArea& messagesOf(Page page) const { return *m_areas[page]; }
    enum class AfterStop { Nothing, UseBest, GoOn };
    void stopThen(AfterStop next);
    void startFurtherRun(qint64 runId);

    ViewPage* m_page;
    QStackedWidget* m_outer; // empty, content
    QStackedWidget* m_stack;
    SegmentedControl* m_switch;
    ProgressStrip* m_progress;
    SetupPage* m_setup;
    LivePage* m_live;
    HistoryPage* m_history;
    SweepPage* m_sweep;
    ModelPage* m_model;
    QPushButton* m_pause;
    QPushButton* m_stop;
    QPushButton* m_continue;
    QPushButton* m_useBest;
    QPushButton* m_primary;
    MessageArea* m_areas[HistoryIndex + 1] = {}; // one a page: what is said about a run stays with the run
    AfterStop m_afterStop = AfterStop::Nothing;
    QPointer<Task> m_task;          // preparing a run
    QVector<StepFinished> m_missed; // of the active run, while its record is being read
    qint64 m_shownRun = 0, m_openingRun = 0;
    QString m_shownName, m_shownState, m_shownSentence;
    bool m_canContinue = false, m_factsRead = false;
};

} // namespace attune
