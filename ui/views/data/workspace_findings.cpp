// What a line of the health panel does to the table: shows its rows, says what they are and offers the fix.
#include <QStackedWidget>

#include "ui/bridge/qt_convert.h"
#include "ui/views/data/data_words.h"
#include "ui/views/data/filter_bar.h"
#include "ui/views/data/workspace.h"

namespace attune {

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
    } else {
        deleteRows(m_finding == HealthFinding::Empty ? quality.emptyRows : quality.duplicateRows);
    }
    closeFinding();
}

} // namespace attune
