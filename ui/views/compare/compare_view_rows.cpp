// The part of CompareView that measures both models on all test rows and shows scores and answers.
#include <QHeaderView>
#include <QLabel>
#include <QPushButton>
#include <QSpinBox>
#include <QStackedWidget>
#include <QTableWidget>
#include <QVBoxLayout>

#include "core/run/engine.h"
#include "core/store/project.h"
#include "ui/bridge/current_project.h"
#include "ui/bridge/qt_convert.h"
#include "ui/bridge/run_bridge.h"
#include "ui/models/run_evidence.h"
#include "ui/views/compare/answer_pane.h"
#include "ui/views/compare/compare_view.h"
#include "ui/views/compare/score_table.h"
#include "ui/widgets/card.h"
#include "ui/widgets/message_bar.h"
#include "ui/widgets/progress_strip.h"
#include "ui/widgets/segmented_control.h"

namespace attune {

QWidget* CompareView::buildRows() {
    auto* page = new QWidget(this);
    auto* column = new QVBoxLayout(page);
    column->setContentsMargins(0, 0, 0, 0);
    column->setSpacing(16);
    auto* scores = new Card(tr("Scores"), tr("greedy answers of both models on the rows no training saw"), page);
    m_noScores = makeLabel(tr("Measure lets both models answer every test row and scores the answers."), QStringLiteral("muted"), scores);
    m_scores = new ScoreTable(scores);
    scores->body()->addWidget(m_noScores);
    scores->body()->addWidget(m_scores);
    column->addWidget(scores, 2);
    auto* answers = new Card(tr("Answers"), tr("double-click a row to see it side by side"), page);
    m_answers = new QTableWidget(0, 4, answers);
    m_answers->setHorizontalHeaderLabels({tr("Prompt"), tr("Expected"), tr("Base"), tr("Tuned")});
    m_answers->verticalHeader()->setDefaultSectionSize(30);
    m_answers->horizontalHeader()->setDefaultAlignment(Qt::AlignLeft | Qt::AlignVCenter);
    m_answers->horizontalHeader()->setSectionResizeMode(QHeaderView::Stretch);
    m_answers->setEditTriggers(QAbstractItemView::NoEditTriggers);
    m_answers->setSelectionBehavior(QAbstractItemView::SelectRows);
    m_answers->setShowGrid(false);
    m_answers->setWordWrap(false);
    m_answers->setAccessibleName(tr("Answers to the test rows"));
    connect(m_answers, &QTableWidget::cellActivated, this, [this](int row, int) {
        m_mode->setIndex(0);
        m_pages->setCurrentIndex(0);
        m_primary->setText(tr("Answer"));
        m_row->setValue(row + 1);
        m_base->setText(qstr(m_evaluation.base[std::size_t(row)]));
        m_tuned->setText(qstr(m_evaluation.tuned[std::size_t(row)]));
        showDifference();
    });
    answers->body()->addWidget(m_answers);
    column->addWidget(answers, 3);
    return page;
}

void CompareView::measure() {
    const FinishedRun* chosen = run();
    if (!chosen || m_task)
        return;
    m_page->messages().remove(QStringLiteral("measure"));
    BeforeAfterRequest request;
    request.model = sstr(chosen->model);
    request.adapter = sstr(chosen->folder);
    request.rows = m_rows;
    request.maxTokens = m_maxTokens->value();
    setBusy(true);
    m_task = services().runs->engineTask<BeforeAfter>(
        this,
        [request, project = services().project->get(), id = chosen->id](Engine& engine, std::stop_token stop) -> Result<BeforeAfter> {
            ATTUNE_ASSIGN(BeforeAfter result, evaluateBeforeAfter(engine, request, stop, [](double, const char*) {}));
            if (project) // Ship asks for them
                ATTUNE_CHECK(keepScores(*project, id, result.changes));
            return result;
        },
        [this, selection = m_selection, rows = request.rows](Result<BeforeAfter> result) {
            setBusy(false);
            if (selection != m_selection)
                return; // another run was chosen meanwhile
            if (!result)
                return m_page->messages().showError(QStringLiteral("measure"), result.error());
            m_evaluation = std::move(*result);
            m_measuredRows = rows;
            services().project->noteChange(QStringLiteral("scores"));
            showEvaluation();
        });
    m_progress->follow(m_task, tr("Both models answer %1 test rows").arg(number(qint64(m_rows.size()))));
}

void CompareView::showEvaluation() {
    const bool any = !m_evaluation.changes.empty();
    m_scores->setChanges(m_evaluation.changes);
    m_scores->setVisible(any);
    m_noScores->setVisible(!any);
    m_answers->setRowCount(int(m_evaluation.base.size()));
    for (int row = 0; row < int(m_evaluation.base.size()); ++row) {
        const std::size_t i = std::size_t(row);
        const auto& messages = m_measuredRows[i].messages;
        const QStringList cells{qstr(messages[messages.size() - 2].content), qstr(m_evaluation.expected[i]), qstr(m_evaluation.base[i]),
                                qstr(m_evaluation.tuned[i])};
        for (int column = 0; column < cells.size(); ++column)
            m_answers->setItem(row, column, new QTableWidgetItem(cells[column].simplified()));
    }
}

} // namespace attune
