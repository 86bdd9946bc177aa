#include "ui/views/compare/integrity_strip.h"

#include <QHBoxLayout>
#include <QLabel>

#include "core/run/engine.h"
#include "ui/bridge/qt_convert.h"
#include "ui/bridge/run_bridge.h"
#include "ui/widgets/card.h"

namespace attune {

namespace {
QString shortHash(const std::string& hash) { return hash.empty() ? QObject::tr("none") : qstr(hash).left(8); }
} // namespace

IntegrityStrip::IntegrityStrip(RunBridge& runs, QWidget* parent) : QFrame(parent), m_runs(runs) {
    auto* layout = new QHBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 0);
    m_text = makeLabel({}, QStringLiteral("note"), this);
    m_text->setTextInteractionFlags(Qt::TextSelectableByMouse);
    layout->addWidget(m_text, 1);
}

void IntegrityStrip::prove(const QString& model, const QString& run) {
    if (m_task)
        m_task->cancel();
    m_difference = -1;
    if (model.isEmpty() || run.isEmpty()) {
        m_text->clear();
        return;
    }
    m_text->setText(tr("Checking that the tuned weights are active…"));
    m_task = m_runs.engineTask<AdapterProof>(
        this, [model = sstr(model), run = sstr(run)](Engine& engine, std::stop_token stop) { return engine.proveAdapter(model, run, stop); },
        [this](Result<AdapterProof> proof) {
            if (!proof) {
                if (proof.error().code == ErrorCode::Cancelled)
                    return;
                m_text->setText(tr("The tuned weights could not be checked."));
                Q_EMIT failed(proof.error());
                return;
            }
            m_difference = proof->maxLogitDifference;
            m_text->setText(tr("Base %1 · tuned weights %2 · template %3 · %4")
                                .arg(shortHash(proof->modelHash), shortHash(proof->adapterHash), shortHash(proof->templateHash),
                                     m_difference > 0 ? tr("tuned weights are active: next-token scores differ by up to %1").arg(number(m_difference, 2))
                                                      : tr("the two models are identical")));
            Q_EMIT proved(m_difference);
        });
}

} // namespace attune
