#include "ui/models/sample_table_model.h"

#include <algorithm>

#include "core/data/sample_text.h"
#include "core/store/project.h"
#include "ui/bridge/qt_convert.h"
#include "ui/bridge/task.h"

namespace attune {
namespace {

constexpr std::size_t kRowsPerPage = 64, kPages = 64, kWaitingPages = 4;
constexpr std::size_t kShownBytes = 1200; // of a text in a cell: two lines of a wide window
constexpr int kLoads = 2;                 // pages read at the same time
constexpr std::size_t kPrefixRows = 8;    // as many prompts must begin alike before the beginning is left out
constexpr qsizetype kPrefixLength = 16;

QString shortened(const std::string& text) {
    return qstr(std::string_view(text).substr(0, kShownBytes)).simplified();
}

SampleTableModel::Cells toCells(const StoredSample& stored) {
    SampleTableModel::Cells cells;
    cells.id = stored.rowId;
    cells.sourceRow = stored.sample.sourceRow;
    cells.tokens = stored.tokenCount.value_or(-1);
    cells.split = stored.sample.split;
    cells.kind = stored.sample.kind;
    cells.edited = stored.edited;
    cells.prompt = shortened(promptText(stored.sample));
    if (stored.sample.kind != SampleKind::PromptOnly)
        cells.answer = shortened(completionText(stored.sample));
    for (const std::string& tag : stored.sample.tags)
        cells.tags << qstr(tag);
    return cells;
}

/// The whole words that all prompts of these rows begin with.
QString prefixOf(const std::vector<SampleTableModel::Cells>& rows) {
    if (rows.size() < kPrefixRows)
        return {};
    QString prefix = rows.front().prompt;
    for (const SampleTableModel::Cells& cells : rows) {
        qsizetype same = 0;
        const qsizetype most = std::min(prefix.size(), cells.prompt.size());
        while (same < most && prefix[same] == cells.prompt[same])
            ++same;
        prefix.truncate(same);
    }
    prefix.truncate(prefix.lastIndexOf(QLatin1Char(' ')) + 1);
    return prefix.size() >= kPrefixLength ? prefix : QString();
}

} // namespace

SampleTableModel::SampleTableModel(QObject* parent) : QAbstractTableModel(parent), m_cache(kRowsPerPage, kPages) {}

void SampleTableModel::setProject(std::shared_ptr<Project> project) {
    m_project = std::move(project);
    setRows({});
}

void SampleTableModel::setRows(std::vector<RowId> rows) {
    beginResetModel();
    ++m_generation;
    m_rows = std::move(rows);
    m_cache.clear();
    m_wanted.clear();
    m_commonPrefix.clear();
    endResetModel();
}

void SampleTableModel::refresh() {
    ++m_generation;
    m_cache.markStale();
    m_wanted.clear();
    if (!m_rows.empty())
        Q_EMIT dataChanged(index(0, 0), index(int(m_rows.size()) - 1, ColumnCount - 1));
}

RowId SampleTableModel::idAt(int row) const {
    return row >= 0 && std::size_t(row) < m_rows.size() ? m_rows[std::size_t(row)] : 0;
}

int SampleTableModel::rowOf(RowId id) const {
    const auto found = std::find(m_rows.begin(), m_rows.end(), id);
    return found == m_rows.end() ? -1 : int(found - m_rows.begin());
}

const SampleTableModel::Cells* SampleTableModel::cellsAt(int row) const {
    if (row < 0 || std::size_t(row) >= m_rows.size())
        return nullptr;
    const std::size_t page = m_cache.pageOf(std::size_t(row));
    if (m_cache.request(page))
        loadSoon(page);
    return m_cache.find(std::size_t(row));
}

void SampleTableModel::setContextLength(qint64 tokens) {
    if (m_contextLength == tokens)
        return;
    m_contextLength = tokens;
    if (!m_rows.empty())
        Q_EMIT dataChanged(index(0, 0), index(int(m_rows.size()) - 1, ColumnCount - 1));
}

QStringList SampleTableModel::statusOf(const Cells& cells) const {
    QStringList words;
    if (m_contextLength > 0 && cells.tokens > m_contextLength)
        words << tr("too long");
    if (cells.prompt.isEmpty() || (cells.answer.isEmpty() && cells.kind != SampleKind::PromptOnly))
        words << tr("empty");
    if (cells.edited)
        words << tr("edited");
    return words + cells.tags;
}

QString SampleTableModel::splitLabel(Split split) {
    switch (split) {
    case Split::Train:
        return tr("train");
    case Split::Validation:
        return tr("validation");
    case Split::Test:
        return tr("test");
    case Split::None:
        break;
    }
    return tr("no split");
}

int SampleTableModel::rowCount(const QModelIndex& parent) const {
    return parent.isValid() ? 0 : int(m_rows.size());
}
int SampleTableModel::columnCount(const QModelIndex& parent) const {
    return parent.isValid() ? 0 : int(ColumnCount);
}

QVariant SampleTableModel::data(const QModelIndex& index, int role) const {
    if (!index.isValid() ||
        (role != Qt::DisplayRole && role != Qt::TextAlignmentRole && role != Qt::AccessibleTextRole))
        return {};
    if (role == Qt::TextAlignmentRole)
        return int(index.column() == TokensColumn ? Qt::AlignRight | Qt::AlignTop : Qt::AlignLeft | Qt::AlignTop);
    const Cells* cells = cellsAt(index.row());
    if (!cells)
        return index.column() == PromptColumn ? QVariant(QStringLiteral("…")) : QVariant();
    switch (index.column()) {
    case RowColumn:
        return number(cells->sourceRow);
    case PromptColumn:
        return cells->prompt;
    case AnswerColumn:
        return cells->answer;
    case SplitColumn:
        return splitLabel(cells->split);
    case TokensColumn:
        return cells->tokens < 0 ? QVariant() : QVariant(number(cells->tokens));
    case StatusColumn:
        return statusOf(*cells).join(QStringLiteral(", "));
    default:
        return {};
    }
}

QVariant SampleTableModel::headerData(int section, Qt::Orientation orientation, int role) const {
    if (orientation != Qt::Horizontal)
        return {};
    if (role == Qt::TextAlignmentRole)
        return int((section == TokensColumn ? Qt::AlignRight : Qt::AlignLeft) | Qt::AlignVCenter);
    if (role == Qt::ToolTipRole) {
        switch (section) {
        case RowColumn:
            return tr("Row in the imported file. Click: the order of the import");
        case PromptColumn:
            return tr("What the model is asked. Click: by length");
        case TokensColumn:
            return tr("Length in tokens of the project's model. Click: by tokens");
        case SplitColumn:
            return tr("Which part of the work a row belongs to. Click: by split");
        default:
            return {};
        }
    }
    if (role != Qt::DisplayRole)
        return {};
    const QString arrow =
        section == m_sortColumn ? (m_sortDescending ? QStringLiteral(" ↓") : QStringLiteral(" ↑")) : QString();
    switch (section) {
    case RowColumn:
        return tr("Row") + arrow;
    case PromptColumn:
        return tr("Prompt") + arrow;
    case AnswerColumn:
        return tr("Answer");
    case SplitColumn:
        return tr("Split") + arrow;
    case TokensColumn:
        return tr("Tokens") + arrow;
    case StatusColumn:
        return tr("Marks");
    default:
        return {};
    }
}

void SampleTableModel::setSortMark(int column, bool descending) {
    m_sortColumn = column;
    m_sortDescending = descending;
    Q_EMIT headerDataChanged(Qt::Horizontal, 0, ColumnCount - 1);
}

// Called while painting: only notes the wish.
void SampleTableModel::loadSoon(std::size_t page) const {
    m_wanted.push_back(page);
    if (m_wanted.size() > kWaitingPages) { // scrolled past
        m_cache.abandon(m_wanted.front());
        m_wanted.erase(m_wanted.begin());
    }
    auto* self = const_cast<SampleTableModel*>(this);
    QMetaObject::invokeMethod(
        self, [self] { self->loadNext(); }, Qt::QueuedConnection);
}

void SampleTableModel::loadNext() {
    while (m_project && m_loading < kLoads && !m_wanted.empty()) {
        const std::size_t page = m_wanted.back();
        m_wanted.pop_back();
        const std::size_t begin = page * kRowsPerPage, end = std::min(begin + kRowsPerPage, m_rows.size());
        if (begin >= end)
            continue;
        ++m_loading;
        runTask<std::vector<Cells>>(
            this,
            [project = m_project,
             ids = std::vector<RowId>(m_rows.begin() + std::ptrdiff_t(begin), m_rows.begin() + std::ptrdiff_t(end))](
                const Progress&) -> Result<std::vector<Cells>> {
                ATTUNE_ASSIGN(const std::vector<StoredSample> samples, project->datasets().samples(ids));
                std::vector<Cells> cells;
                cells.reserve(samples.size());
                for (const StoredSample& stored : samples)
                    cells.push_back(toCells(stored));
                return cells;
            },
            [this, page, generation = m_generation](Result<std::vector<Cells>> cells) {
                --m_loading;
                if (generation == m_generation) {
                    if (cells)
                        takePage(page, std::move(*cells));
                    else
                        Q_EMIT failed(
                            cells.error()); // the page stays "loading", so that painting does not ask again for ever
                }
                loadNext();
            });
    }
}

void SampleTableModel::takePage(std::size_t page, std::vector<Cells> cells) {
    if (page == 0 && m_commonPrefix.isEmpty())
        m_commonPrefix = prefixOf(cells);
    const int first = int(page * kRowsPerPage), last = first + int(cells.size()) - 1;
    m_cache.store(page, std::move(cells));
    Q_EMIT dataChanged(index(first, 0), index(last, ColumnCount - 1));
}

} // namespace attune
