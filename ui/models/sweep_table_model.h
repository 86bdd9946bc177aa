// The trials of a sweep as a table: best first, then those that wait or train, then the failed. A value snapshot read by a
// task (readSweep, any thread); the model itself belongs to the GUI thread. Changes nothing.
#pragma once

#include <optional>

#include <QAbstractTableModel>

#include "core/run/sweep_session.h"

namespace attune {

class SweepTableModel final : public QAbstractTableModel {
    Q_OBJECT
public:
    explicit SweepTableModel(QObject* parent = nullptr);

    /// `training`: the position of the trial that trains now, -1 = none.
    void setSweep(std::optional<SweepState> sweep, const Catalog& catalog, qint64 training = -1);
    const std::optional<SweepState>& sweep() const { return m_sweep; }
    const SweepTrialRecord* trial(int row) const;
    int rowOf(qint64 position) const; ///< -1 when unknown
    /// 1 = best; 0 = no result.
    int placeOf(qint64 position) const;
    /// "Rank (r)": the label of a knob of this sweep.
    QString knobLabel(std::size_t knob) const { return m_labels.value(qsizetype(knob)); }

    int rowCount(const QModelIndex& parent = {}) const override;
    int columnCount(const QModelIndex& parent = {}) const override;
    QVariant data(const QModelIndex& index, int role) const override;
    QVariant headerData(int section, Qt::Orientation orientation, int role) const override;
    int stateColumn() const { return 2 + int(m_labels.size()); }

private:
    QString cell(const SweepTrialRecord& trial, int column) const;
    QString stateText(const SweepTrialRecord& trial) const;

    std::optional<SweepState> m_sweep;
    QStringList m_labels;
    QString m_metric;
    std::vector<std::size_t> m_order; // positions, as shown
    std::vector<int> m_places;        // by position
    qint64 m_training = -1;
};

} // namespace attune
