// Leads a sweep through the RunBridge: prepares a trial in a task, starts it, notes its end, and goes on to the next until
// the sweep is done or stopped. Everything that counts is in the project, so that it can be continued at any time. GUI
// thread.
#pragma once

#include <memory>
#include <optional>

#include <QObject>

#include "core/run/sweep_session.h"
#include "ui/bridge/task.h"
#include "ui/services.h"

namespace attune {

class Project;

class SweepDriver final : public QObject {
    Q_OBJECT
public:
    SweepDriver(Services& services, QObject* parent);

    /// Starts or continues sweep `sweepId`. Nothing happens while a sweep or another run is active.
    void start(std::shared_ptr<Project> project, qint64 sweepId);
    void stop(); ///< after the step it is in; the trial is continued the next time
    bool isActive() const { return m_project != nullptr; }
    bool isStopping() const { return m_stopping; }
    qint64 sweepId() const { return m_sweepId; }
    qint64 trial() const { return m_trial; } ///< position of the one that trains, -1 between two
    int rung() const { return m_rung; }

Q_SIGNALS:
    /// Before the trial's run starts: whoever shows runs may follow it.
    void trialStarting(const attune::RunConfig& config, qint64 runId, bool continued);
    void changed(); ///< something of the sweep is other than before: read it again
    void ended();
    void failed(const attune::Error& error); ///< the sweep stopped by itself

private:
    void next();
    void begin(PreparedTrial trial);
    void takeEnd();
    void finish(const std::string& state, const std::optional<Error>& error);

    Services& m_services;
    std::shared_ptr<Project> m_project; // while it is active
    qint64 m_sweepId = 0, m_trial = -1, m_run = 0;
    int m_rung = 0;
    bool m_stopping = false;
    std::optional<Error> m_failure;
};

} // namespace attune
