// One run as it goes on, or as it went: curves, figures, sample answers, log and the doctor's strips. Takes events in
// batches and keeps only what it shows. Starts and stops nothing: it asks by signals. GUI thread.
#pragma once

#include <QVector>
#include <QWidget>

#include "core/run/doctor.h"
#include "ui/models/event_log_model.h"
#include "ui/views/train/run_trace.h"

class QLabel;
class QProgressBar;
class QStackedWidget;
class QTableView;

namespace attune {

class Card;
class FigureLabel;
class LossChart;
class MessageArea;
class MetricPanel;
class SamplePanel;

class LivePage final : public QWidget {
    Q_OBJECT
public:
    LivePage(const Catalog& catalog, MessageArea& messages, QWidget* parent);

    void clear();                          ///< no run is open
    void begin(const RunConfig& config);   ///< an empty page for a run about to start
    void showTrace(const RunTrace& trace); ///< a run of the past, or the past of one that is continued
    /// Whether the run trains now, then strips offer to stop it; and whether it was told to stop.
    void setActive(bool active, bool stopping = false);
    void takeSteps(const QVector<StepFinished>& steps);
    void takeEvals(const QVector<EvalFinished>& evals);
    void takeSamples(const QVector<SampleGenerated>& samples);
    void takeMemory(const MemoryReported& memory);
    void takeCheckpoint(const CheckpointSaved& checkpoint);
    void takeWarning(const WarningRaised& warning);
    void takeFailure(const RunFailed& failure);
    void takeState(const StateChanged& state);

    qint64 lastStep() const { return m_last.step; }
    qint64 bestStep() const { return m_bestCheckpoint; } ///< of the best checkpoint after training began, -1 = none
    LossChart& lossChart() const { return *m_loss; }
    MetricPanel& metrics() const { return *m_metrics; }
    const EventLogModel& log() const { return m_log; }

Q_SIGNALS:
    void stopWanted();
    void useBestWanted(); ///< the best checkpoint becomes the result; where the run still trains it is stopped first
    void goOnWanted();    ///< a new run that begins with the best checkpoint, at a lower learning rate
    void recipeWanted(const QString& assignment); ///< the doctor's change, for a new run
    void newRunWanted();
    void historyWanted();

private:
    Card* makeLossCard();
    QWidget* makeEmpty();
    Card* makeProgressCard();
    Card* makeLogCard();
    void showStep();
    void resetFigures();
    void showFindings(const std::vector<Finding>& findings);
    void showFinding(const Finding& finding);
    void judge(const TrainingEvent& event);
    void apply(const std::vector<TrainingEvent>& events);

    const Catalog& m_catalog;
    MessageArea& m_messages;
    LossChart* m_loss;
    Card* m_lossCard;
    MetricPanel* m_metrics;
    QStackedWidget* m_stack; // no run, the run
    SamplePanel* m_samples;
    QProgressBar* m_bar;
    QLabel* m_progress;
    FigureLabel* m_speed;
    FigureLabel* m_memory;
    QLabel* m_memoryNote;
    FigureLabel* m_gradient;
    FigureLabel* m_best;
    QTableView* m_table;
    EventLogModel m_log;
    Doctor m_doctor;
    RunConfig m_config; // of the run, for words
    StepFinished m_last;
    qint64 m_peak = 0, m_bestStep = -1, m_bestCheckpoint = -1;
    double m_bestLoss = 0;
    RunState m_state = RunState::Preparing;
    bool m_active = false, m_stopping = false, m_judging = true;
};

} // namespace attune
