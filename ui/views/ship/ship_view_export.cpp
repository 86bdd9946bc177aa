// The part of ShipView that writes an export, checks it and says how it went.
#include <cmath>

#include <QDesktopServices>
#include <QDir>
#include <QLineEdit>
#include <QPushButton>
#include <QUrl>

#include "core/run/engine.h"
#include "core/store/project.h"
#include "ui/bridge/current_project.h"
#include "ui/bridge/qt_convert.h"
#include "ui/bridge/run_bridge.h"
#include "ui/views/ship/evidence_card.h"
#include "ui/views/ship/export_log.h"
#include "ui/views/ship/ship_view.h"
#include "ui/widgets/message_bar.h"
#include "ui/widgets/param_form.h"
#include "ui/widgets/progress_strip.h"

namespace attune {

void ShipView::startExport() {
    const auto project = services().project->get();
    const FinishedRun* chosen = run();
    if (!project || !chosen || m_task || !m_evidence->result())
        return;
    m_page->messages().clear();
    if (!m_evidence->mayExport()) {
        m_page->messages().show(QStringLiteral("export"), Tone::Careful,
                                m_evidence->result()->verdict == GateVerdict::Rejected ? tr("The evidence speaks against this run.")
                                                                                       : tr("Not everything was measured, so nobody knows whether this run is good enough."),
                                tr("Measure what is missing, or say below who exports it all the same and why."));
        return m_evidence->focusMissing();
    }
    ExportRequest request{sstr(chosen->folder), sstr(selectedFormat()),
                          sstr(QDir::fromNativeSeparators(m_folder->text().trimmed())), m_options->values()};
    if (request.outputFolder.empty()) {
        m_page->messages().show(QStringLiteral("export"), Tone::Careful, tr("Choose a folder to write to."));
        m_folder->setFocus();
        return;
    }
    const GateResult gate = *m_evidence->result();
    m_export->setEnabled(false);
    Q_EMIT stateChanged(StationState::InProgress, tr("exporting"));
    struct Exported {
        ExportEntry entry;
        Status logged;
    };
    m_task = services().runs->engineTask<Exported>(
        this,
        [project, request, gate, run = chosen->name, person = m_evidence->person(), reason = m_evidence->reason()](
            Engine& engine, std::stop_token stop) -> Result<Exported> {
            ATTUNE_ASSIGN(const ExportReport report, engine.exportRun(request, stop, [](const TrainingEvent&) {}));
            Exported made{makeExportEntry(run, request, report), {}};
            made.entry.verdict = QString::fromLatin1(gateVerdictId(gate.verdict));
            made.entry.person = person, made.entry.reason = reason;
            made.logged = addToExportLog(*project, made.entry);
            if (made.logged)
                made.logged = writeEvidence(fspath(made.entry.folder), gate, made.entry);
            return made;
        },
        [this](Result<Exported> exported) {
            m_export->setEnabled(m_evidence->result().has_value());
            if (!exported) {
                m_page->messages().showError(QStringLiteral("export"), exported.error());
                Q_EMIT stateChanged(StationState::Attention, {});
                return;
            }
            if (!exported->logged)
                m_page->messages().showError(QStringLiteral("log"), exported->logged.error());
            const ExportEntry& entry = exported->entry;
            const bool agrees = entry.tokenAgreement >= 0.999;
            m_page->messages().show(
                QStringLiteral("export"), agrees ? Tone::Good : Tone::Careful,
                agrees ? tr("Exported and checked: %1 of %2 tokens agree with the checkpoint.")
                             .arg(number(qint64(std::llround(entry.tokenAgreement * double(entry.comparedTokens)))),
                                  number(entry.comparedTokens))
                       : tr("Exported, but only %1 % of %2 tokens agree with the checkpoint.")
                             .arg(number(100 * entry.tokenAgreement, 1), number(entry.comparedTokens)),
                agrees ? QString()
                       : tr("Rounding to the stored precision can change close decisions. Compare the answers before "
                            "you use it."),
                {{tr("Open folder"),
                  [folder = entry.folder] { QDesktopServices::openUrl(QUrl::fromLocalFile(folder)); }}});
            m_folderEdited = false;
            suggestFolder();
            showHistory();
        });
    m_progress->follow(m_task, tr("Writing and checking the export"));
}

} // namespace attune
