// The part of LivePage that shows the doctor's findings as strips with what can be done about them now.
#include "ui/bridge/qt_convert.h"
#include "ui/views/train/field_words.h"
#include "ui/views/train/live_page.h"
#include "ui/widgets/message_bar.h"

namespace attune {
namespace {
const QString kDoctorKey = QStringLiteral("doctor.");
} // namespace

void LivePage::setActive(bool active, bool stopping) {
    m_active = active;
    m_stopping = active && stopping;
    if (active)
        m_messages.remove("failure");
    for (const Finding& finding :
         m_doctor.findings()) // what can be done about it changed; a strip the user closed stays closed
        if (m_messages.has(kDoctorKey + qstr(finding.id)))
            showFindings({finding});
    showStep();
}

void LivePage::judge(const TrainingEvent& event) {
    if (m_judging)
        showFindings(m_doctor.add(event));
}

void LivePage::showFindings(const std::vector<Finding>& findings) {
    for (const Finding& finding : findings)
        showFinding(finding);
}

void LivePage::showFinding(const Finding& finding) {
    const QString key = kDoctorKey + qstr(finding.id);
    // The run's result is its best checkpoint by validation: only that one can be used without training anew.
    const bool best = finding.useCheckpoint > 0 && finding.useCheckpoint == m_bestCheckpoint;
    const bool finished = !m_active && m_state == RunState::Finished;
    const QString step = number(qint64(finding.useCheckpoint));
    std::vector<MessageAction> actions;
    if (!m_stopping && best && !finished)
        actions.push_back({m_active ? tr("Stop and use %1").arg(step) : tr("Use %1").arg(step), [this] { Q_EMIT useBestWanted(); }});
    else if (m_active && !m_stopping && finding.useCheckpoint >= 0)
        actions.push_back({tr("Stop and keep"), [this] { Q_EMIT stopWanted(); }});
    if (!m_stopping && best)
        actions.push_back({tr("Go on from %1, slower").arg(step), [this] { Q_EMIT goOnWanted(); }});
    if (!finding.assignment.empty())
        actions.push_back({tr("Apply to a new run"), [this, change = qstr(finding.assignment)] { Q_EMIT recipeWanted(change); }});
    actions.push_back({tr("Dismiss"), [this, key] { m_messages.remove(key); }});
    const Tone tone = finding.severity == Finding::Severity::Serious   ? Tone::Bad
                      : finding.severity == Finding::Severity::Warning ? Tone::Careful
                                                                       : Tone::Accent;
    QString fix = finished && best ? tr("The finished run uses the checkpoint of step %1.").arg(step) : qstr(finding.fix);
    if (!m_stopping && best)
        fix += QLatin1Char(' ') + tr("Going on starts a new run with those weights at a third of the learning rate.");
    if (!finding.assignment.empty())
        fix += QLatin1Char(' ') + tr("Apply sets %1.").arg(assignmentWords(qstr(finding.assignment), m_config, m_catalog));
    m_messages.show(key, tone, qstr(finding.message), fix, actions);
}

} // namespace attune
