#include "ui/views/data/row_table.h"

#include <algorithm>
#include <optional>

#include <QApplication>
#include <QClipboard>
#include <QHeaderView>
#include <QKeyEvent>
#include <QScrollBar>

#include "ui/bridge/qt_convert.h"
#include "ui/models/sample_table_model.h"
#include "ui/theme.h"
#include "ui/views/data/row_delegate.h"

namespace attune {
namespace {

constexpr int kCopiedRows = 10'000; // of a selection of a million rows; what is not loaded is not copied

std::optional<SampleOrder> orderOf(int column) {
    switch (column) {
    case SampleTableModel::RowColumn:
        return SampleOrder::Imported;
    case SampleTableModel::PromptColumn:
        return SampleOrder::Length;
    case SampleTableModel::TokensColumn:
        return SampleOrder::Tokens;
    case SampleTableModel::SplitColumn:
        return SampleOrder::Split;
    default:
        return std::nullopt;
    }
}

int columnOf(SampleOrder order) {
    switch (order) {
    case SampleOrder::Length:
        return SampleTableModel::PromptColumn;
    case SampleOrder::Tokens:
        return SampleTableModel::TokensColumn;
    case SampleOrder::Split:
        return SampleTableModel::SplitColumn;
    case SampleOrder::Imported:
    case SampleOrder::SourceRow:
        break;
    }
    return SampleTableModel::RowColumn;
}

QString cell(QString text) {
    return text.replace(QLatin1Char('\t'), QLatin1Char(' '));
}

} // namespace

RowTable::RowTable(SampleTableModel& model, QWidget* parent) : QTableView(parent), m_model(model) {
    setModel(&model);
    setItemDelegate(new RowDelegate(this));
    setAccessibleName(tr("Rows"));
    setShowGrid(false);
    setWordWrap(false);
    setSelectionBehavior(SelectRows);
    setSelectionMode(ExtendedSelection);
    setEditTriggers(NoEditTriggers);
    setTabKeyNavigation(false); // Tab leaves the table
    setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    setVerticalScrollMode(ScrollPerPixel);
    verticalHeader()->hide();
    verticalHeader()->setSectionResizeMode(QHeaderView::Fixed);
    horizontalHeader()->setSectionResizeMode(QHeaderView::Fixed);
    horizontalHeader()->setHighlightSections(false);
    horizontalHeader()->setSectionsClickable(true);
    const auto fitHeight = [this] {
        verticalHeader()->setDefaultSectionSize(RowDelegate::rowHeight());
        fitColumns();
    };
    fitHeight();
    connect(&Theme::current(), &Theme::changed, this, fitHeight);
    connect(horizontalHeader(), &QHeaderView::sectionClicked, this, [this](int column) {
        const auto order = orderOf(column);
        const bool descending = order && *order == m_order && !m_descending;
        if (order)
            Q_EMIT sortWanted(*order, descending);
        showSort(order.value_or(m_order), order ? descending : m_descending);
    });
    connect(this, &QTableView::clicked, this, [this] {
        if (QApplication::keyboardModifiers() == Qt::NoModifier)
            Q_EMIT openWanted(false);
    });
    connect(this, &QTableView::doubleClicked, this, [this] { Q_EMIT openWanted(true); });
    connect(&model, &QAbstractItemModel::modelReset, this, &RowTable::fitColumns);
    showSort(m_order, m_descending);
}

std::vector<RowId> RowTable::selectedIds() const {
    std::vector<RowId> ids;
    for (const QItemSelectionRange& range : selectionModel()->selection())
        for (int row = range.top(); row <= range.bottom(); ++row)
            ids.push_back(m_model.idAt(row));
    return ids;
}

void RowTable::showSort(SampleOrder order, bool descending) {
    m_order = order;
    m_descending = descending;
    // The order of the import is the natural one: no mark.
    m_model.setSortMark(order == SampleOrder::Imported && !descending ? -1 : columnOf(order), descending);
}

void RowTable::goTo(int row) {
    if (row < 0)
        return;
    selectRow(row);
    setCurrentIndex(m_model.index(row, 0));
    scrollTo(m_model.index(row, 0));
}

void RowTable::keyPressEvent(QKeyEvent* event) {
    if (event->matches(QKeySequence::Copy))
        return copySelection();
    if (event->key() == Qt::Key_Delete && selectionModel()->hasSelection())
        return Q_EMIT deleteWanted();
    if (event->key() == Qt::Key_F2 && currentIndex().isValid())
        return Q_EMIT openWanted(true);
    if ((event->key() == Qt::Key_Return || event->key() == Qt::Key_Enter) && currentIndex().isValid())
        return Q_EMIT openWanted(false);
    QTableView::keyPressEvent(event);
}

void RowTable::currentChanged(const QModelIndex& current, const QModelIndex& previous) {
    QTableView::currentChanged(current, previous);
    if (current.row() != previous.row() || !previous.isValid())
        Q_EMIT currentRowChanged(m_model.idAt(current.row()));
}

void RowTable::resizeEvent(QResizeEvent* event) {
    QTableView::resizeEvent(event);
    fitColumns();
}

void RowTable::fitColumns() {
    const QFontMetrics metrics(Theme::current().bodyFont());
    const auto wide = [&metrics](const QString& sample) { return metrics.horizontalAdvance(sample) + 20; };
    const int whole = viewport()->width();
    const int row = std::max(wide(number(qint64(m_model.rowCount()))), wide(tr("Row") + QStringLiteral(" ↑"))),
              split = wide(tr("validation")) + 12, tokens = wide(tr("Tokens") + QStringLiteral(" ↑"));
    // In a narrow window the texts matter more than the marks.
    const int status = whole > 620 ? wide(QStringLiteral("edited, too lo")) : 0;
    const int texts = std::max(140, whole - row - split - tokens - status);
    const bool answers = whole > 500;
    setColumnHidden(SampleTableModel::StatusColumn, status == 0);
    setColumnHidden(SampleTableModel::AnswerColumn, !answers);
    setColumnWidth(SampleTableModel::RowColumn, row);
    const int prompts = answers ? texts * 54 / 100 : texts;
    setColumnWidth(SampleTableModel::PromptColumn, prompts);
    if (answers)
        setColumnWidth(SampleTableModel::AnswerColumn, texts - prompts);
    setColumnWidth(SampleTableModel::SplitColumn, split);
    setColumnWidth(SampleTableModel::TokensColumn, tokens);
    if (status > 0)
        setColumnWidth(SampleTableModel::StatusColumn, status);
}

void RowTable::copySelection() {
    QStringList lines;
    QList<int> rows;
    for (const QItemSelectionRange& range : selectionModel()->selection())
        for (int row = range.top(); row <= range.bottom() && rows.size() < kCopiedRows; ++row)
            rows << row;
    std::sort(rows.begin(), rows.end());
    for (const int row : std::as_const(rows))
        if (const SampleTableModel::Cells* cells = m_model.cellsAt(row))
            lines << QStringList{QString::number(cells->sourceRow),
                                 cell(cells->prompt),
                                 cell(cells->answer),
                                 cells->split == Split::None ? QString() : SampleTableModel::splitLabel(cells->split),
                                 cells->tokens < 0 ? QString() : QString::number(cells->tokens),
                                 cells->tags.join(QStringLiteral(", "))}
                         .join(QLatin1Char('\t'));
    QApplication::clipboard()->setText(lines.join(QLatin1Char('\n')));
}

} // namespace attune
