// Sweeps of the project: the form of a new one on the left; progress, table and parallel coordinates of one on the right.
// Owns the driver that leads a sweep from trial to trial. GUI thread; everything from the store comes by tasks.
#pragma once

#include <memory>
#include <vector>

#include <QElapsedTimer>
#include <QWidget>

#include "core/store/sweep_store.h"
#include "ui/bridge/task.h"
#include "ui/models/sweep_table_model.h"
#include "ui/services.h"
#include "ui/views/train/sweep_form.h"

class QComboBox;
class QLabel;
class QPushButton;
class QTableView;

namespace attune {

class Card;
class MessageArea;
class ParallelChart;
class ProgressStrip;
class Project;
class SweepDriver;

class SweepPage final : public QWidget {
    Q_OBJECT
public:
    SweepPage(Services& services, MessageArea& messages, QWidget* parent);

    void load(); ///< the sweeps of the open project
    SweepForm& form() const { return *m_form; }
    SweepDriver& driver() const { return *m_driver; }
    const SweepTableModel& model() const { return m_model; }
    bool isReady() const;
    QString whyNotReady() const; ///< in a sentence, "" when it is ready ///< a sweep can be started now
    void start();
    void select(qint64 position);

Q_SIGNALS:
    void readyChanged();
    void openWanted(qint64 runId);
    void recipeWanted(qint64 runId);

private:
    QWidget* makeResults();
    void readList(qint64 wanted);
    void readSweepNow();
    void showSweep(std::optional<SweepState> state);
    void showChart();
    void showProgress();
    void refreshButtons();
    qint64 selectedSweep() const;
    const SweepTrialRecord* selectedTrial() const;

    Services& m_services;
    MessageArea& m_messages;
    SweepForm* m_form;
    SweepDriver* m_driver = nullptr;
    SweepTableModel m_model;
    std::vector<SweepRecord> m_sweeps;
    QComboBox* m_choice;
    ProgressStrip* m_progress;
    QTableView* m_table;
    ParallelChart* m_chart;
    QWidget* m_nothing;
    QWidget* m_results;
    Card* m_tableCard;
    QPushButton* m_continue;
    QPushButton* m_open;
    QPushButton* m_use;
    QPointer<Task> m_starting;
    QElapsedTimer m_since;      // the driver's start
    double m_fractionThen = -1; // what was done by then
    quint64 m_request = 0;
};

} // namespace attune
