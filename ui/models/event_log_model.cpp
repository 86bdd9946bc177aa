#include "ui/models/event_log_model.h"

#include <algorithm>

#include "ui/bridge/qt_convert.h"

namespace attune {

namespace {

/// What happened and what to do, as two sentences: messages come with and without their full stop.
QString sentences(const std::string& message, const std::string& hint) {
    QString text = qstr(message);
    if (hint.empty())
        return text;
    if (!text.isEmpty() && !QStringLiteral(".!?:").contains(text.back()))
        text += QLatin1Char('.');
    return text + QLatin1Char(' ') + qstr(hint);
}

} // namespace

EventLogModel::EventLogModel(QObject* parent) : QAbstractTableModel(parent) {}

void EventLogModel::clear() {
    beginResetModel();
    m_lines.clear();
    m_lastValidation = -1;
    endResetModel();
}

void EventLogModel::insert(Line line) {
    // Validations and checkpoints arrive in batches of a kind: the step puts them in order again.
    const auto place =
        std::find_if(m_lines.begin(), m_lines.end(), [&](const Line& known) { return known.step <= line.step; });
    const int row = int(place - m_lines.begin());
    beginInsertRows({}, row, row);
    m_lines.insert(place, std::move(line));
    endInsertRows();
}

void EventLogModel::add(const EvalFinished& eval) {
    const bool validation = eval.name == "validation";
    QString text = validation ? tr("Validation loss %1").arg(number(eval.loss, 3))
                              : tr("%1: loss %2").arg(qstr(eval.name), number(eval.loss, 3));
    if (eval.name == "general") {
        text = tr("General data: loss %1").arg(number(eval.loss, 3));
        if (const auto accuracy = eval.metrics.find("token_accuracy"); accuracy != eval.metrics.end())
            text += tr(", %1 % of the tokens foreseen").arg(number(100 * accuracy->second, 1));
    }
    if (validation && eval.step == 0)
        text = tr("Base model measured: validation loss %1").arg(number(eval.loss, 3));
    else if (validation && m_lastValidation >= 0)
        text += tr(" (was %1)").arg(number(m_lastValidation, 3));
    if (eval.targets > 0)
        text += counted(qint64(eval.targets), tr(", over 1 token"), tr(", over %1 tokens"));
    if (eval.best && eval.step > 0)
        text += tr("; the best so far");
    if (validation)
        m_lastValidation = eval.loss;
    insert({eval.step, text + QLatin1Char('.'), Tone::Neutral, {}, false});
}

void EventLogModel::add(const CheckpointSaved& checkpoint) {
    insert({checkpoint.step,
            checkpoint.best ? tr("New best checkpoint saved.") : tr("Checkpoint saved."),
            checkpoint.best ? Tone::Good : Tone::Neutral,
            {},
            false});
}

void EventLogModel::add(const WarningRaised& warning) {
    insert({warning.step, sentences(warning.message, warning.hint), Tone::Careful, {}, false});
}

void EventLogModel::add(const RunFailed& failure, qint64 step) {
    insert({step, tr("Failed: %1").arg(sentences(failure.error.message, failure.error.hint)), Tone::Bad, {}, false});
}

void EventLogModel::add(const StateChanged& state, qint64 step) {
    if (state.state == RunState::Failed || state.what.empty())
        return; // RunFailed said it
    const bool repeats = !m_lines.empty() && m_lines.front().isState && m_lines.front().state == state.state;
    if (repeats) {
        m_lines.front().text = qstr(state.what);
        Q_EMIT dataChanged(index(0, TextColumn), index(0, TextColumn));
        return;
    }
    insert({step, qstr(state.what), state.state == RunState::Finished ? Tone::Good : Tone::Neutral, state.state, true});
}

int EventLogModel::rowCount(const QModelIndex& parent) const {
    return parent.isValid() ? 0 : int(m_lines.size());
}
int EventLogModel::columnCount(const QModelIndex& parent) const {
    return parent.isValid() ? 0 : ColumnCount;
}

QVariant EventLogModel::data(const QModelIndex& index, int role) const {
    if (!index.isValid() || index.row() >= int(m_lines.size()))
        return {};
    const Line& line = m_lines[std::size_t(index.row())];
    const bool step = index.column() == StepColumn;
    switch (role) {
    case Qt::DisplayRole:
        return step ? tr("step %1").arg(number(line.step)) : line.text;
    case Qt::ToolTipRole:
        return step ? QVariant() : QVariant("<p>" + line.text.toHtmlEscaped() + "</p>");
    case Qt::TextAlignmentRole:
        return int(step ? Qt::AlignRight | Qt::AlignVCenter : Qt::AlignLeft | Qt::AlignVCenter);
    case Qt::ForegroundRole:
        return step ? QVariant(Theme::current().tokens().muted) : QVariant();
    case Qt::DecorationRole: {
        if (step || line.tone == Tone::Neutral)
            return {};
        const bool good = line.tone == Tone::Good, bad = line.tone == Tone::Bad;
        return Theme::current().icon(good  ? "good"
                                     : bad ? "bad"
                                           : "careful",
                                     good  ? Theme::IconColor::Good
                                     : bad ? Theme::IconColor::Bad
                                           : Theme::IconColor::Careful);
    }
    default:
        return {};
    }
}

QVariant EventLogModel::headerData(int section, Qt::Orientation orientation, int role) const {
    if (orientation != Qt::Horizontal || role != Qt::DisplayRole)
        return {};
    return section == StepColumn ? tr("When") : tr("What happened");
}

QString EventLogModel::tsv() const {
    QString text;
    for (auto line = m_lines.rbegin(); line != m_lines.rend(); ++line)
        text += QString::number(line->step) + QLatin1Char('\t') +
                QString(line->text).replace(QLatin1Char('\n'), QLatin1Char(' ')) + QLatin1Char('\n');
    return text;
}

} // namespace attune
