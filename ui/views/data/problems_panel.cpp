#include "ui/views/data/problems_panel.h"

#include <QApplication>
#include <QClipboard>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QLabel>
#include <QPushButton>
#include <QTableWidget>

#include "core/store/project.h"
#include "ui/bridge/qt_convert.h"
#include "ui/views/data/data_words.h"
#include "ui/widgets/card.h"

namespace attune {
namespace {

constexpr std::size_t kListedProblems = 1000;

struct Found {
    std::vector<ImportProblem> problems;
    DatasetInfo info;
};

} // namespace

ProblemsPanel::ProblemsPanel(QWidget* parent) : QWidget(parent) {
    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(0, 0, 0, 0);
    column->setSpacing(8);
    auto* head = new QHBoxLayout;
    head->setContentsMargins(15, 0, 15, 0);
    head->setSpacing(8);
    m_title = new ElidedLabel({}, Qt::ElideRight, this);
    m_title->setProperty("role", "section");
    auto* copy = makeButton(tr("Copy list"), "secondary", {}, this);
    auto* back = makeButton(tr("Back to the rows"), "secondary", "left", this);
    head->addWidget(m_title, 1);
    head->addWidget(copy);
    head->addWidget(back);
    column->addLayout(head);
    QLabel* note =
        makeLabel(tr("They were left out; everything else was imported. Correct them in the file and import it again."),
                  "note", this);
    note->setContentsMargins(15, 0, 15, 0);
    column->addWidget(note);
    m_table = new QTableWidget(0, 4, this);
    m_table->setHorizontalHeaderLabels({tr("Row"), tr("Line"), tr("Field"), tr("Reason")});
    m_table->setAccessibleName(tr("Rows that could not be read"));
    m_table->setShowGrid(false);
    m_table->setEditTriggers(QAbstractItemView::NoEditTriggers);
    m_table->setSelectionBehavior(QAbstractItemView::SelectRows);
    m_table->setTabKeyNavigation(false);
    m_table->verticalHeader()->hide();
    m_table->horizontalHeader()->setStretchLastSection(true);
    m_table->horizontalHeader()->setHighlightSections(false);
    m_table->horizontalHeader()->setDefaultAlignment(Qt::AlignLeft | Qt::AlignVCenter);
    m_table->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    column->addWidget(m_table, 1);
    connect(copy, &QPushButton::clicked, this, &ProblemsPanel::copyAll);
    connect(back, &QPushButton::clicked, this, &ProblemsPanel::closed);
}

void ProblemsPanel::load(std::shared_ptr<Project> project, qint64 datasetId) {
    if (m_task)
        m_task->cancel();
    m_table->setRowCount(0);
    m_task = runTask<Found>(
        this,
        [project = std::move(project), datasetId](const Progress&) -> Result<Found> {
            Found found;
            ATTUNE_ASSIGN(found.info, project->datasets().get(datasetId));
            ATTUNE_ASSIGN(found.problems, project->datasets().problems(datasetId, kListedProblems));
            return found;
        },
        [this](Result<Found> found) {
            if (!found) {
                Q_EMIT failed(found.error());
                return;
            }
            const qint64 all = found->info.problems, listed = qint64(found->problems.size());
            m_title->setFullText(tr("Could not be read: %1 of %2").arg(rowsText(all), qstr(found->info.name)) +
                                 (listed < all ? tr("; the first %1 are listed").arg(number(listed)) : QString()));
            m_table->setRowCount(int(found->problems.size()));
            for (int row = 0; row < m_table->rowCount(); ++row) {
                const ImportProblem& problem = found->problems[std::size_t(row)];
                const QString cells[] = {
                    number(qint64(problem.row)), problem.line > 0 ? number(qint64(problem.line)) : QString(),
                    problem.field.empty() ? tr("whole row") : qstr(problem.field), qstr(problem.reason)};
                for (int column = 0; column < 4; ++column) {
                    auto* item = new QTableWidgetItem(cells[column]);
                    item->setTextAlignment(Qt::AlignLeft | Qt::AlignVCenter);
                    if (column == 3)
                        item->setToolTip(cells[column].toHtmlEscaped());
                    m_table->setItem(row, column, item);
                }
            }
            m_table->resizeColumnsToContents();
            m_table->resizeRowsToContents();
        });
}

void ProblemsPanel::copyAll() {
    QStringList lines;
    for (int row = 0; row < m_table->rowCount(); ++row) {
        QStringList cells;
        for (int column = 0; column < m_table->columnCount(); ++column)
            cells << m_table->item(row, column)->text();
        lines << cells.join(QLatin1Char('\t'));
    }
    QApplication::clipboard()->setText(lines.join(QLatin1Char('\n')));
}

} // namespace attune
