#include "ui/models/sweep_table_model.h"

#include "ui/bridge/qt_convert.h"
#include "ui/theme.h"

namespace attune {

SweepTableModel::SweepTableModel(QObject* parent) : QAbstractTableModel(parent) {}

void SweepTableModel::setSweep(std::optional<SweepState> sweep, const Catalog& catalog, qint64 training) {
    beginResetModel();
    m_sweep = std::move(sweep);
    m_training = training;
    m_labels.clear();
    m_order.clear();
    m_places.clear();
    if (m_sweep) {
        const auto known = sweepableKnobs(m_sweep->base, catalog);
        for (const SweepKnob& knob : m_sweep->plan.knobs) {
            QString label = qstr(knob.path);
            for (const SweepableKnob& each : known)
                if (each.path == knob.path)
                    label = qstr(each.spec.label);
            m_labels << label;
        }
        const auto metric = findSweepMetric(m_sweep->plan.metric);
        m_metric = metric ? qstr(metric->label) : qstr(m_sweep->plan.metric);
        m_order = m_sweep->ranking();
        m_places.assign(m_sweep->trials.size(), 0);
        for (std::size_t i = 0; i < m_order.size(); ++i)
            m_places[m_order[i]] = int(i) + 1;
        for (const bool failed : {false, true})
            for (std::size_t i = 0; i < m_sweep->trials.size(); ++i)
                if (m_places[i] == 0 && m_sweep->trials[i].failed == failed)
                    m_order.push_back(i);
    }
    endResetModel();
}

const SweepTrialRecord* SweepTableModel::trial(int row) const {
    return row >= 0 && row < int(m_order.size()) ? &m_sweep->trials[m_order[std::size_t(row)]] : nullptr;
}

int SweepTableModel::rowOf(qint64 position) const {
    for (std::size_t i = 0; i < m_order.size(); ++i)
        if (qint64(m_order[i]) == position)
            return int(i);
    return -1;
}

int SweepTableModel::placeOf(qint64 position) const {
    return position >= 0 && position < qint64(m_places.size()) ? m_places[std::size_t(position)] : 0;
}

int SweepTableModel::rowCount(const QModelIndex& parent) const {
    return parent.isValid() ? 0 : int(m_order.size());
}
int SweepTableModel::columnCount(const QModelIndex& parent) const {
    return parent.isValid() || !m_sweep ? 0 : stateColumn() + 1;
}

QString SweepTableModel::stateText(const SweepTrialRecord& trial) const {
    if (trial.failed)
        return tr("failed: %1").arg(qstr(trial.error));
    if (trial.position == m_training)
        return tr("training");
    const int rungs = rungCount(m_sweep->plan, m_sweep->trials.size());
    if (trial.results.empty())
        return trial.runId != 0 ? tr("stopped, goes on with Continue") : tr("waiting");
    if (std::ssize(trial.results) >= rungs)
        return placeOf(trial.position) == 1 ? tr("finished, best") : tr("finished");
    return tr("rung %1 of %2").arg(trial.results.size()).arg(rungs);
}

QString SweepTableModel::cell(const SweepTrialRecord& trial, int column) const {
    if (column == 0)
        return placeOf(trial.position) > 0 ? QString::number(placeOf(trial.position)) : QStringLiteral("–");
    if (column == 1)
        return !trial.results.empty() ? number(trial.results.back(), 4)
               : trial.failed         ? tr("none, failed")
               : trial.runId != 0     ? tr("not at its end") // History shows the best so far, which is not yet its result
                                      : tr("not begun");
    if (column == stateColumn())
        return stateText(trial);
    return qstr(trial.values[std::size_t(column - 2)]);
}

QVariant SweepTableModel::data(const QModelIndex& index, int role) const {
    const SweepTrialRecord* found = index.isValid() ? trial(index.row()) : nullptr;
    if (!found)
        return {};
    switch (role) {
    case Qt::DisplayRole:
        return cell(*found, index.column());
    case Qt::ToolTipRole:
        if (index.column() == 1 && found->results.empty() && !found->failed && found->runId != 0)
            return "<p>" + tr("A trial counts when it has reached its end: what the run measured so far stands in History.").toHtmlEscaped() + "</p>";
        return QString("<p>" + tr("Trial %1").arg(found->position + 1) + ": " + cell(*found, index.column()).toHtmlEscaped() + "</p>");
    case Qt::TextAlignmentRole:
        return int((index.column() == stateColumn() ? Qt::AlignLeft : Qt::AlignRight) | Qt::AlignVCenter);
    case Qt::DecorationRole: {
        if (index.column() != stateColumn())
            return {};
        const Theme& theme = Theme::current();
        if (found->failed)
            return theme.icon("bad", Theme::IconColor::Bad);
        if (found->position == m_training)
            return theme.icon("running", Theme::IconColor::Accent);
        if (found->results.empty())
            return theme.icon("clock", Theme::IconColor::Muted);
        return theme.icon(placeOf(found->position) == 1 ? "good" : "check",
                          placeOf(found->position) == 1 ? Theme::IconColor::Good : Theme::IconColor::Muted);
    }
    default:
        return {};
    }
}

QVariant SweepTableModel::headerData(int section, Qt::Orientation orientation, int role) const {
    if (orientation != Qt::Horizontal || !m_sweep)
        return {};
    if (role == Qt::TextAlignmentRole)
        return int((section == stateColumn() ? Qt::AlignLeft : Qt::AlignRight) | Qt::AlignVCenter);
    if (role != Qt::DisplayRole)
        return {};
    if (section == 0)
        return tr("Place");
    if (section == 1)
        return m_metric;
    return section == stateColumn() ? tr("State") : m_labels.value(section - 2);
}

} // namespace attune
