// The part of CompareView that measures both models on all test rows, and shows scores and answers: new ones, and those that were
// kept when the run was measured before.
#include <QDateTime>
#include <QFileInfo>
#include <QHBoxLayout>
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
#include "ui/views/compare/answer_pane.h"
#include "ui/views/compare/compare_view.h"
#include "ui/views/compare/score_table.h"
#include "ui/widgets/card.h"
#include "ui/widgets/message_bar.h"
#include "ui/widgets/progress_strip.h"
#include "ui/widgets/reason_list.h"
#include "ui/widgets/segmented_control.h"

namespace attune {

namespace {

// The doctor's findings stand beside what was measured: a word and a tone for each.
ReasonList::Line findingLine(const Finding& finding) {
    const bool serious = finding.severity == Finding::Severity::Serious, note = finding.severity == Finding::Severity::Note;
    return {serious ? CompareView::tr("✕ found") : note ? CompareView::tr("noted") : CompareView::tr("! found"),
            serious ? Tone::Bad : note ? Tone::Neutral : Tone::Careful, qstr(finding.message), qstr(finding.fix)};
}

QTableWidget* makeAnswerTable(QWidget* parent) {
    auto* table = new QTableWidget(0, 4, parent);
    table->setHorizontalHeaderLabels({CompareView::tr("Prompt"), CompareView::tr("Expected"), CompareView::tr("Base"), CompareView::tr("Tuned")});
    table->verticalHeader()->setDefaultSectionSize(30);
    table->horizontalHeader()->setDefaultAlignment(Qt::AlignLeft | Qt::AlignVCenter);
    table->horizontalHeader()->setSectionResizeMode(QHeaderView::Stretch);
    table->setEditTriggers(QAbstractItemView::NoEditTriggers);
    table->setSelectionBehavior(QAbstractItemView::SelectRows);
    table->setShowGrid(false);
    table->setWordWrap(false);
    table->setTabKeyNavigation(false);
    table->setAccessibleName(CompareView::tr("Answers to the test rows"));
    return table;
}

} // namespace

QWidget* CompareView::buildRows() {
    auto* page = new QWidget(this);
    auto* column = new QVBoxLayout(page);
    column->setContentsMargins(0, 0, 0, 0);
    column->setSpacing(16);
    auto* top = new QHBoxLayout;
    top->setSpacing(16);
    auto* scoreCard = new Card(tr("Scores"), tr("greedy answers of both models on the rows no training saw"), page);
    m_noScores = makeLabel(tr("Measure lets both models answer every test row and scores the answers."), QStringLiteral("muted"), scoreCard);
    m_about = makeLabel({}, QStringLiteral("note"), scoreCard);
    m_scores = new ScoreTable(scoreCard);
    scoreCard->body()->addWidget(m_about);
    scoreCard->body()->addWidget(m_noScores);
    scoreCard->body()->addWidget(m_scores);
    scoreCard->body()->addStretch(0);
    top->addWidget(scoreCard, 3);
    m_judgement = new Card(tr("What it says"), {}, page);
    auto* inner = new QWidget(m_judgement);
    auto* lines = new QVBoxLayout(inner);
    lines->setContentsMargins(0, 0, 6, 0); // room before the scroll bar
    m_reasons = new ReasonList(inner);
    lines->addWidget(m_reasons);
    lines->addStretch(1);
    m_judgement->body()->addWidget(makeScrolling(inner), 1);
    top->addWidget(m_judgement, 2);
    column->addLayout(top, 3);
    auto* answers = new Card(tr("Answers"), tr("double-click a row to see it side by side"), page);
    m_answers = makeAnswerTable(answers);
    connect(m_answers, &QTableWidget::cellActivated, this, [this](int row, int) {
        const BeforeAfter& measured = m_measured.evaluation;
        if (std::size_t(row) >= measured.base.size())
            return;
        m_mode->setIndex(0);
        m_pages->setCurrentIndex(0);
        m_primary->setText(tr("Answer"));
        m_row->setValue(row + 1);
        m_base->setText(qstr(measured.base[std::size_t(row)]));
        m_tuned->setText(qstr(measured.tuned[std::size_t(row)]));
        showDifference();
    });
    m_noAnswers = makeLabel({}, QStringLiteral("muted"), answers);
    answers->body()->addWidget(m_noAnswers);
    answers->body()->addWidget(m_answers);
    answers->body()->addStretch(0);
    column->addWidget(answers, 4);
    return page;
}

void CompareView::measure() {
    const FinishedRun* chosen = run();
    if (!chosen || !services().project->isOpen() || m_task)
        return;
    m_page->messages().remove(QStringLiteral("measure"));
    BeforeAfterRequest asked;
    asked.model = sstr(chosen->model);
    asked.adapter = sstr(chosen->folder);
    asked.maxTokens = m_maxTokens->value();
    setBusy(true);
    struct Measured {
        KeptEvaluation evaluation;
        Status kept;
    };
    m_task = services().runs->engineTask<Measured>(
        this,
        [asked, project = services().project->get(), run = *chosen](Engine& engine, std::stop_token stop) -> Result<Measured> {
            Measured measured;
            BeforeAfterRequest request = asked;
            KeptEvaluation& made = measured.evaluation;
            ATTUNE_ASSIGN(request.rows, heldOutRows(*project, run, kMostRows)); // those of the view may still be on their way
            ATTUNE_ASSIGN(made.evaluation, evaluateBeforeAfter(engine, request, stop, [](double, const char*) {}));
            made.time = QDateTime::currentMSecsSinceEpoch();
            made.model = run.model;
            for (const Sample& row : request.rows)
                made.prompts.push_back(qstr(row.messages[row.messages.size() - 2].content));
            made.set = versionWords(*project, run.datasetVersion);
            measured.kept = keepEvaluation(*project, run.id, made);
            return measured;
        },
        [this, selection = m_selection](Result<Measured> result) {
            setBusy(false);
            const bool same = selection == m_selection; // no other run was chosen meanwhile
            if (!result) {
                if (same)
                    m_page->messages().showError(QStringLiteral("measure"), result.error());
                return;
            }
            if (same) {
                m_measured = std::move(result->evaluation);
                showEvaluation();
            }
            if (!result->kept) // what was measured is shown all the same
                return m_page->messages().showError(QStringLiteral("measure"), result->kept.error());
            services().project->noteChange(QStringLiteral("scores"));
        });
    m_progress->follow(m_task, tr("Both models answer the test rows"));
}

void CompareView::readMeasured() {
    const auto project = services().project->get();
    if (!project || !run())
        return;
    struct Known {
        Result<std::optional<KeptEvaluation>> kept;
        RunJudgement judgement;
    };
    runTask<Known>(
        this,
        [project, chosen = *run(), &catalog = services().runs->catalog()](const Progress&) -> Result<Known> {
            return Known{readEvaluation(*project, chosen.id, true), readRunJudgement(*project, chosen, catalog)};
        },
        [this, selection = m_selection, reading = ++m_reading](Result<Known> known) {
            if (selection != m_selection || reading != m_reading || !known)
                return;
            if (!known->kept)
                m_page->messages().showError(QStringLiteral("kept"), known->kept.error());
            else if (*known->kept && !m_task) {
                m_measured = std::move(**known->kept);
                showEvaluation();
            }
            showJudgement(known->judgement);
        });
}

void CompareView::showEvaluation() {
    const BeforeAfter& evaluation = m_measured.evaluation;
    const bool any = !evaluation.changes.empty();
    m_scores->setChanges(evaluation.changes);
    m_scores->setVisible(any);
    m_noScores->setVisible(!any);
    QStringList about;
    if (any) {
        if (m_measured.time > 0)
            about << tr("Measured %1").arg(QLocale().toString(QDateTime::fromMSecsSinceEpoch(m_measured.time), QLocale::ShortFormat));
        if (!m_measured.set.isEmpty())
            about << tr("test rows of %1").arg(m_measured.set);
        if (!m_measured.model.isEmpty())
            about << tr("base %1").arg(QFileInfo(m_measured.model).fileName());
    }
    m_about->setText(about.join(QStringLiteral(" · ")));
    m_about->setVisible(!about.isEmpty());
    const int rows = int(std::min(m_measured.prompts.size(), evaluation.base.size()));
    m_answers->setRowCount(rows);
    for (int row = 0; row < rows; ++row) {
        const std::size_t i = std::size_t(row);
        const QStringList cells{m_measured.prompts[i], qstr(evaluation.expected[i]), qstr(evaluation.base[i]), qstr(evaluation.tuned[i])};
        for (int column = 0; column < cells.size(); ++column)
            m_answers->setItem(row, column, new QTableWidgetItem(cells[column].simplified()));
    }
    m_answers->setVisible(rows > 0);
    m_noAnswers->setVisible(rows == 0);
    m_noAnswers->setText(any ? tr("The answers were not kept with these scores. Measure again to see them.")
                             : tr("Both models' answers to every test row stand here after Measure, and stay with the run."));
    if (!m_task && !m_generation)
        Q_EMIT stateChanged(any ? StationState::Done : StationState::Nothing, {});
}

void CompareView::showJudgement(const RunJudgement& judgement) {
    std::vector<ReasonList::Line> lines;
    for (const GateReason& reason : judgement.gate.reasons)
        lines.push_back(ReasonList::lineOf(reason));
    for (const Finding& finding : judgement.findings)
        lines.push_back(findingLine(finding));
    if (!judgement.gate.limits.empty())
        lines.push_back({tr("asked for"), Tone::Neutral, qstr(judgement.gate.limits), {}});
    m_reasons->setLines(lines);
    m_judgement->setNote(judgement.gate.reasons.empty() ? QString() : verdictWords(judgement.gate.verdict));
}

} // namespace attune
