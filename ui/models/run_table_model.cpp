#include "ui/models/run_table_model.h"

#include <QCoreApplication>
#include <QDateTime>
#include <QLocale>

#include "core/plan/param_check.h"
#include "core/store/project.h"
#include "ui/bridge/qt_convert.h"
#include "ui/theme.h"

namespace attune {
QString methodWords(const RunConfig& config, const Catalog& catalog) {
    for (const MethodEntry& method : catalog.methods) {
        if (method.description.id != config.method.id)
            continue;
        const QString title = qstr(method.description.title);
        if (!findParam(method.description.params, "r"))
            return title;
        return QStringLiteral("%1 r %2").arg(title).arg(paramInt(config.method.params, method.description.params, "r"));
    }
    return qstr(config.method.id);
}

bool RunRow::canContinue() const {
    const std::string& state = record.state;
    return !folder.isEmpty() && (state == "stopped" || state == "interrupted" || state == "failed");
}

Result<std::vector<RunRow>> readRuns(Project& project, const Catalog& catalog) {
    ATTUNE_ASSIGN(auto records, project.runs().list());
    std::vector<RunRow> rows;
    rows.reserve(records.size());
    for (RunRecord& record : records) {
        RunRow row;
        // A recipe of another version may not be readable here; the run itself still is.
        if (const auto config = parseRunConfig(record.recipe, catalog, record.name))
            row.method = methodWords(*config, catalog);
        if (!record.folder.empty()) {
            const fs::path folder(record.folder);
            row.folder = qpath(folder.is_absolute() ? folder : project.folder() / folder);
        }
        row.record = std::move(record);
        rows.push_back(std::move(row));
    }
    return rows;
}

QString runStateWord(const std::string& state) {
    const auto tr = [](const char* text) { return QCoreApplication::translate("RunState", text); };
    if (state == "queued")
        return tr(QT_TRANSLATE_NOOP("RunState", "waiting"));
    if (state == "preparing")
        return tr(QT_TRANSLATE_NOOP("RunState", "preparing"));
    if (state == "running")
        return tr(QT_TRANSLATE_NOOP("RunState", "running"));
    if (state == "paused")
        return tr(QT_TRANSLATE_NOOP("RunState", "paused"));
    if (state == "stopping")
        return tr(QT_TRANSLATE_NOOP("RunState", "stopping"));
    if (state == "finished")
        return tr(QT_TRANSLATE_NOOP("RunState", "finished"));
    if (state == "stopped")
        return tr(QT_TRANSLATE_NOOP("RunState", "stopped"));
    if (state == "failed")
        return tr(QT_TRANSLATE_NOOP("RunState", "failed"));
    if (state == "interrupted")
        return tr(QT_TRANSLATE_NOOP("RunState", "interrupted"));
    return qstr(state);
}

RunTableModel::RunTableModel(QObject* parent) : QAbstractTableModel(parent) {}

void RunTableModel::setRows(std::vector<RunRow> rows) {
    beginResetModel();
    m_rows = std::move(rows);
    endResetModel();
}

const RunRow* RunTableModel::row(int index) const {
    return index >= 0 && index < int(m_rows.size()) ? &m_rows[std::size_t(index)] : nullptr;
}

int RunTableModel::indexOf(qint64 runId) const {
    for (std::size_t i = 0; i < m_rows.size(); ++i)
        if (m_rows[i].record.id == runId)
            return int(i);
    return -1;
}

void RunTableModel::setNotes(qint64 runId, const QString& notes) {
    const int index = indexOf(runId);
    if (index < 0)
        return;
    m_rows[std::size_t(index)].record.notes = sstr(notes);
    Q_EMIT dataChanged(this->index(index, Notes), this->index(index, Notes));
}

int RunTableModel::rowCount(const QModelIndex& parent) const {
    return parent.isValid() ? 0 : int(m_rows.size());
}
int RunTableModel::columnCount(const QModelIndex& parent) const {
    return parent.isValid() ? 0 : ColumnCount;
}

QString RunTableModel::cell(const RunRow& row, int column) const {
    const auto& numbers = row.record.numbers;
    switch (column) {
    case Name:
        return qstr(row.record.name);
    case State:
        return runStateWord(row.record.state);
    case Method:
        return row.method.isEmpty() ? tr("unknown") : row.method;
    case BestLoss: {
        const auto loss = numbers.find("validation_loss");
        return loss == numbers.end() ? tr("not measured") : number(loss->second, 3);
    }
    case Steps: {
        const auto steps = numbers.find("steps");
        return steps == numbers.end() ? QStringLiteral("–") : number(qint64(steps->second));
    }
    case When:
        return QLocale().toString(QDateTime::fromMSecsSinceEpoch(row.record.created), QLocale::ShortFormat);
    case Notes:
        return qstr(row.record.notes).simplified();
    default:
        return {};
    }
}

QVariant RunTableModel::data(const QModelIndex& index, int role) const {
    const RunRow* found = index.isValid() ? row(index.row()) : nullptr;
    if (!found)
        return {};
    const bool figure = index.column() == BestLoss || index.column() == Steps;
    switch (role) {
    case Qt::DisplayRole:
        return cell(*found, index.column());
    case Qt::ToolTipRole:
        return "<p>" + cell(*found, index.column()).toHtmlEscaped() + "</p>";
    case Qt::TextAlignmentRole:
        return int((figure ? Qt::AlignRight : Qt::AlignLeft) | Qt::AlignVCenter);
    case Qt::DecorationRole: {
        if (index.column() != State)
            return {};
        const std::string& state = found->record.state;
        const Theme& theme = Theme::current();
        if (state == "finished")
            return theme.icon("good", Theme::IconColor::Good);
        if (state == "failed")
            return theme.icon("bad", Theme::IconColor::Bad);
        if (state == "interrupted")
            return theme.icon("attention", Theme::IconColor::Careful);
        if (state == "stopped")
            return theme.icon("stop", Theme::IconColor::Muted);
        if (state == "paused")
            return theme.icon("pause", Theme::IconColor::Muted);
        return theme.icon("running", Theme::IconColor::Accent);
    }
    default:
        return {};
    }
}

QVariant RunTableModel::headerData(int section, Qt::Orientation orientation, int role) const {
    if (orientation != Qt::Horizontal)
        return {};
    if (role == Qt::TextAlignmentRole)
        return int((section == BestLoss || section == Steps ? Qt::AlignRight : Qt::AlignLeft) | Qt::AlignVCenter);
    if (role != Qt::DisplayRole)
        return {};
    switch (section) {
    case Name:
        return tr("Run");
    case State:
        return tr("State");
    case Method:
        return tr("Method");
    case BestLoss:
        return tr("Best validation loss");
    case Steps:
        return tr("Steps");
    case When:
        return tr("Begun");
    case Notes:
        return tr("Notes");
    default:
        return {};
    }
}

} // namespace attune
