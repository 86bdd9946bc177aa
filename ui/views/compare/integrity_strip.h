// What is being compared, as identities: base model, adapter, template, and the proof that the adapter changes the answers. GUI thread.
#pragma once

#include <QFrame>
#include <QPointer>

#include "core/base/result.h"
#include "core/run/adapter_proof.h"

class QLabel;

namespace attune {

class RunBridge;
class Task;

class IntegrityStrip final : public QFrame {
    Q_OBJECT
public:
    IntegrityStrip(RunBridge& runs, QWidget* parent = nullptr);
    /// Measures in the background. Empty paths clear the strip.
    void prove(const QString& model, const QString& run);
    /// Largest logit difference of the last proof; negative while not measured.
    double difference() const { return m_difference; }

Q_SIGNALS:
    void proved(double maxLogitDifference);
    void failed(const attune::Error& error);

private:
    RunBridge& m_runs;
    QLabel* m_text;
    QPointer<Task> m_task;
    double m_difference = -1;
};

} // namespace attune
