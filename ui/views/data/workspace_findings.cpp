// The health check of the shown data set, and what a line of its panel does to the table: shows its rows, says what they are and
// offers the fix.
#include <utility>

#include <QStackedWidget>

#include "core/store/project.h"
#include "ui/bridge/qt_convert.h"
#include "ui/models/sample_table_model.h"
#include "ui/views/data/data_words.h"
#include "ui/views/data/filter_bar.h"
#include "ui/views/data/project_model.h"
#include "ui/views/data/row_inspector.h"
#include "ui/views/data/workspace.h"

namespace attune {

void Workspace::check() {
    if (!m_project || m_dataset == 0)
        return;
    if (m_model.isLoading()) {
        m_checkWhenSettled = true;
        return;
    }
    m_checkSoon.stop();
    if (m_healthTask) { // its answer would be about rows that changed meanwhile
        m_checkAgain = true;
        m_healthTask->cancel();
        return;
    }
    m_healthPanel->setChecking();
    m_healthTask = runTask<HealthReport>(
        this,
        [project = m_project, dataset = m_dataset, format = m_model.format(), context = m_model.contextLength()](
            const Progress& progress) { return checkHealth(*project, dataset, format, context, progress); },
        [this, project = m_project, dataset = m_dataset](Result<HealthReport> report) {
            m_healthTask = nullptr;
            const bool again = std::exchange(m_checkAgain, false) || project != m_project || dataset != m_dataset;
            if (again)
                return check();
            if (!report) {
                m_healthPanel->setOutdated();
                if (report.error().code != ErrorCode::Cancelled)
                    Q_EMIT failed(report.error());
                return;
            }
            m_health = std::move(*report);
            m_healthPanel->setReport(*m_health, m_model.name());
            if (m_finding)
                showFinding(*m_finding); // how many are left
            else
                m_rows->refresh(); // token counts came
            m_inspector->refresh();
        });
    Q_EMIT checkStarted(m_healthTask);
}

void Workspace::showFinding(HealthFinding finding) {
    if (finding == HealthFinding::SetAside)
        return showProblems();
    if (!m_health)
        return;
    m_finding = finding;
    m_tableStack->setCurrentIndex(0);
    m_filters->clearFilters();
    const QualityReport& quality = m_health->quality;
    switch (finding) {
    case HealthFinding::Duplicates:
        m_filters->showFinding(tr("Repetitions of earlier rows: %1").arg(rowsText(quality.exactDuplicates)),
                               quality.exactDuplicates > 0 ? tr("Delete the repetitions") : QString());
        break;
    case HealthFinding::Empty: {
        const qint64 count = quality.emptyPrompt + quality.emptyCompletion;
        m_filters->showFinding(tr("Empty prompt or answer: %1").arg(rowsText(count)),
                               count > 0 ? tr("Delete them") : QString());
        break;
    }
    case HealthFinding::Leaks:
        m_filters->showFinding(tr("In validation or test, but also in training: %1").arg(rowsText(quality.leaked)),
                               quality.leaked > 0 ? tr("Move them to train") : QString());
        break;
    case HealthFinding::TooLong:
        m_filters->showFinding(tr("Longer than %1 tokens, so that their end is cut: %2")
                                   .arg(number(qint64(m_health->contextLength)), rowsText(m_health->tooLong)),
                               {});
        break;
    case HealthFinding::ControlTokens:
        m_filters->showFinding(
            quality.withControlTokens > 0
                ? tr("Spell a control token such as %1 in their text, often left by another tool: %2")
                      .arg(qstr(quality.firstControlToken).left(40), rowsText(quality.withControlTokens))
                : tr("Control tokens in the text: %1").arg(rowsText(0)),
            quality.withControlTokens > 0 ? tr("Take them out") : QString());
        break;
    case HealthFinding::SetAside:
        break;
    }
    readRows();
}

void Workspace::closeFinding() {
    if (!m_finding)
        return;
    m_finding.reset();
    m_filters->showFinding({}, {});
    readRows();
}

void Workspace::fixFinding() {
    if (!m_finding || !m_health)
        return;
    const QualityReport& quality = m_health->quality;
    if (m_finding == HealthFinding::Leaks) {
        std::vector<SplitAssignment> splits;
        for (const RowId row : quality.leakedRows)
            splits.push_back({row, Split::Train});
        m_editor.assignSplits(splits, tr("Move %1 to train").arg(rowsText(qint64(splits.size()))));
    } else if (m_finding == HealthFinding::ControlTokens) {
        const auto format = m_model.format();
        m_editor.changeSamples(
            quality.controlTokenRows,
            [format, tokens = std::shared_ptr<const ControlTokens>()](Sample sample) mutable {
                if (!tokens)
                    tokens = std::make_shared<const ControlTokens>(controlTokensOf(format.get()));
                return tokens->without(std::move(sample));
            },
            tr("Take control tokens out of %1").arg(rowsText(qint64(quality.controlTokenRows.size()))));
    } else {
        deleteRows(m_finding == HealthFinding::Empty ? quality.emptyRows : quality.duplicateRows);
    }
    closeFinding();
}

} // namespace attune
