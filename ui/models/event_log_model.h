// What happened in a run, newest first, in plain words: step and sentence. Fed live or from the run's record. GUI
// thread. Steps themselves are not listed (the chart shows them).
#pragma once

#include <deque>

#include <QAbstractTableModel>

#include "core/run/training_event.h"
#include "ui/theme.h"

namespace attune {

class EventLogModel final : public QAbstractTableModel {
    Q_OBJECT
public:
    enum Column { StepColumn, TextColumn, ColumnCount };
    explicit EventLogModel(QObject* parent = nullptr);

    void clear();
    void add(const EvalFinished& eval);
    void add(const CheckpointSaved& checkpoint);
    void add(const WarningRaised& warning);
    void add(const RunFailed& failure, qint64 step);
    /// The progress of a preparation replaces the line before it.
    void add(const StateChanged& state, qint64 step);

    int rowCount(const QModelIndex& parent = {}) const override;
    int columnCount(const QModelIndex& parent = {}) const override;
    QVariant data(const QModelIndex& index, int role) const override;
    QVariant headerData(int section, Qt::Orientation orientation, int role) const override;
    QString tsv() const; ///< for the clipboard, oldest first

private:
    struct Line {
        qint64 step = 0;
        QString text;
        Tone tone = Tone::Neutral;
        RunState state = RunState::Running;
        bool isState = false;
    };
    void insert(Line line);

    std::deque<Line> m_lines; // newest first
    double m_lastValidation = -1;
};

} // namespace attune
