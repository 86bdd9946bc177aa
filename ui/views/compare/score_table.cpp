#include "ui/views/compare/score_table.h"

#include <QApplication>
#include <QClipboard>
#include <QHeaderView>
#include <QKeyEvent>

#include "ui/bridge/qt_convert.h"

namespace attune {

namespace {

QString measured(const Score& score) {
    if (!score.measured())
        return QObject::tr("not measured");
    return QObject::tr("%1 %   (%2 – %3)")
        .arg(number(100 * score.value, 1), number(100 * score.interval.low, 1), number(100 * score.interval.high, 1));
}

QString difference(const ScoreChange& change) {
    if (!change.before.measured() || !change.after.measured())
        return QObject::tr("not measured");
    const QString word = change.improved() ? QObject::tr("better") : change.worsened() ? QObject::tr("worse") : QObject::tr("no sure difference");
    return QObject::tr("%1%2 points, %3").arg(change.delta >= 0 ? QStringLiteral("+") : QString(), number(100 * change.delta, 1), word);
}

} // namespace

ScoreTable::ScoreTable(QWidget* parent) : QTableWidget(0, 5, parent) {
    setHorizontalHeaderLabels({tr("Score"), tr("Rows"), tr("Base (95 % interval)"), tr("Tuned (95 % interval)"), tr("Difference")});
    verticalHeader()->hide();
    verticalHeader()->setDefaultSectionSize(30);
    horizontalHeader()->setStretchLastSection(true);
    horizontalHeader()->setDefaultAlignment(Qt::AlignLeft | Qt::AlignVCenter);
    setEditTriggers(QAbstractItemView::NoEditTriggers);
    setSelectionBehavior(QAbstractItemView::SelectRows);
    setShowGrid(false);
    setAccessibleName(tr("Scores of base and tuned model"));
}

void ScoreTable::setChanges(const std::vector<ScoreChange>& changes) {
    setRowCount(int(changes.size()));
    for (int row = 0; row < int(changes.size()); ++row) {
        const ScoreChange& change = changes[std::size_t(row)];
        const QStringList cells{qstr(change.before.title), number(qint64(std::max(change.before.n, change.after.n))), measured(change.before),
                                measured(change.after), difference(change)};
        for (int column = 0; column < cells.size(); ++column)
            setItem(row, column, new QTableWidgetItem(cells[column]));
    }
    resizeColumnsToContents();
}

void ScoreTable::keyPressEvent(QKeyEvent* event) {
    if (!event->matches(QKeySequence::Copy))
        return QTableWidget::keyPressEvent(event);
    QString text;
    for (int row = -1; row < rowCount(); ++row) {
        for (int column = 0; column < columnCount(); ++column) {
            const QTableWidgetItem* cell = row < 0 ? horizontalHeaderItem(column) : item(row, column);
            text += (column ? QStringLiteral("\t") : QString()) + (cell ? cell->text() : QString());
        }
        text += QLatin1Char('\n');
    }
    QApplication::clipboard()->setText(text);
}

} // namespace attune
