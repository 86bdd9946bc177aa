#include "ui/bridge/sweep_driver.h"

#include "core/store/project.h"
#include "ui/bridge/current_project.h"
#include "ui/bridge/qt_convert.h"
#include "ui/bridge/run_bridge.h"

namespace attune {

SweepDriver::SweepDriver(Services& services, QObject* parent) : QObject(parent), m_services(services) {
    connect(services.runs, &RunBridge::runFailed, this, [this](const RunFailed& failure) {
        if (isActive() && m_services.runs->current().runId == m_run)
            m_failure = failure.error;
    });
    connect(services.runs, &RunBridge::runEnded, this, [this](qint64 runId) {
        if (!isActive() || runId != m_run)
            return;
        // Between two trials the project stays as well.
        m_services.project->hold(tr("A sweep is training in this project, so it stays open."));
        takeEnd();
    });
}

void SweepDriver::start(std::shared_ptr<Project> project, qint64 sweepId) {
    if (isActive() || m_services.runs->isActive() || !project)
        return;
    m_project = std::move(project);
    m_sweepId = sweepId;
    m_stopping = false;
    m_services.project->hold(tr("A sweep is training in this project, so it stays open."));
    Q_EMIT changed();
    next();
}

void SweepDriver::stop() {
    if (!isActive() || m_stopping)
        return;
    m_stopping = true;
    if (m_trial >= 0)
        m_services.runs->stop();
    Q_EMIT changed();
}

void SweepDriver::next() {
    runTask<std::optional<PreparedTrial>>(
        this,
        [project = m_project, engine = m_services.engine, id = m_sweepId](const Progress&) { return prepareNextTrial(*project, *engine, id); },
        [this](Result<std::optional<PreparedTrial>> trial) {
            if (!trial)
                return finish("stopped", trial.error());
            if (!*trial)
                return finish({}, {});
            if (m_stopping)
                return finish("stopped", {});
            begin(std::move(**trial));
        });
}

void SweepDriver::begin(PreparedTrial trial) {
    m_trial = trial.position;
    m_rung = trial.rung;
    m_run = trial.run.id;
    m_failure.reset();
    Q_EMIT trialStarting(trial.run.request.config, m_run, trial.run.request.resume);
    if (const Status started = m_services.runs->start(std::move(trial.run.request), m_project, m_run); !started) {
        m_trial = -1;
        return finish("stopped", started.error());
    }
    m_services.project->noteChange(QStringLiteral("runs"));
    Q_EMIT changed();
}

void SweepDriver::takeEnd() {
    const qint64 position = m_trial;
    m_trial = -1;
    runTask<TrialEnd>(
        this,
        [project = m_project, &catalog = m_services.runs->catalog(), id = m_sweepId, position, failure = m_failure](const Progress&) {
            return recordTrialEnd(*project, catalog, id, position, failure);
        },
        [this](Result<TrialEnd> end) {
            if (!end)
                return finish("stopped", end.error());
            Q_EMIT changed();
            if (*end == TrialEnd::Interrupted || m_stopping)
                return finish("stopped", {});
            next();
        });
}

void SweepDriver::finish(const std::string& state, const std::optional<Error>& error) {
    const auto project = std::move(m_project);
    m_project.reset();
    if (!m_services.runs->isActive()) // else another run holds the project
        m_services.project->hold({});
    const auto say = [this, error] {
        if (error)
            Q_EMIT failed(*error);
        Q_EMIT changed();
        Q_EMIT ended();
    };
    if (state.empty())
        return say();
    runTask<bool>(
        this,
        [project, id = m_sweepId, state, why = error ? error->message : std::string()](const Progress&) -> Result<bool> {
            ATTUNE_CHECK(project->sweeps().setState(id, state, why));
            return true;
        },
        [say](Result<bool>) { say(); });
}

} // namespace attune
