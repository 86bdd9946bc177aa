// Between the engine and the views: starts, pauses and stops the one training run, and turns its events into typed
// signals in batches. Also runs generation and other engine work on the same engine thread. GUI thread; nothing but
// values crosses. Draws nothing.
#pragma once

#include <functional>
#include <future>
#include <memory>

#include <QObject>
#include <QPointer>
#include <QString>
#include <QVector>

#include "core/run/engine_thread.h"
#include "core/run/generate_request.h"
#include "core/run/train_request.h"
#include "ui/bridge/event_pump.h"
#include "ui/bridge/task.h"

namespace attune {

class Engine;
class Project;
class RunController;

/// A streaming generation: a child of its receiver; destroying it cancels the work. Signals come on the GUI thread.
class Generation final : public QObject {
    Q_OBJECT
public:
    void cancel();
    bool isFinished() const { return m_finished; }

Q_SIGNALS:
    void textGenerated(const QVector<attune::TextGenerated>& pieces);
    /// Exactly one of these two, after all pieces were delivered. A cancelled generation may end either way.
    void finished(const std::vector<attune::GeneratedText>& texts);
    void failed(const attune::Error& error);

private:
    friend class RunBridge;
    explicit Generation(QObject* receiver);
    EventPump m_pump;
    QPointer<Task> m_task;
    bool m_finished = false;
};

class RunBridge final : public QObject {
    Q_OBJECT
public:
    /// `engine` must outlive this.
    explicit RunBridge(Engine& engine, QObject* parent = nullptr);
    ~RunBridge() override; ///< stops a running run (it stays resumable) and waits for its end

    /// What the current or last run of this session said last.
    struct Current {
        qint64 runId = 0;            // in the project's RunStore, 0 = none yet
        QString name, folder, model; // model: folder name only
        RunState state = RunState::Finished;
        bool stopping = false; // stop() was called; the engine ends the step it is in first
        StateChanged lastState;
        StepFinished lastStep;
        MemoryReported memory;
    };
    const Current& current() const { return m_current; }
    bool isActive() const { return m_active; }
    const Catalog& catalog() const;

    /// Starts `request` as run `runId` of `project` (may be null: then nothing is recorded in a store). The project
    /// stays open until the run ended. Errors: Busy while a run is active; what writing its folder says.
    Status start(TrainRequest request, std::shared_ptr<Project> project, qint64 runId);
    void pause();
    void resume();
    void stop(); ///< keeps the last checkpoint
    /// Ends everything the engine does or has waiting, also a run (it can be continued). For the program's end.
    void cancelAll() { m_thread->cancelAll(); }

    /// Streams text to the returned object's signals. The engine does one thing at a time: while a run trains
    /// (isActive()), a generation waits for its end.
    QPointer<Generation> generate(GenerateRequest request, QObject* receiver);
    /// `work` is Result<T>(Engine&, std::stop_token) and runs where generations do; `done` takes a Result<T> on the GUI
    /// thread, unless `receiver` is gone.
    template <class T, class Work, class Done>
    QPointer<Task> engineTask(QObject* receiver, Work work, Done done) {
        return runTask<T>(
            receiver,
            [thread = m_thread, engine = &m_engine, work = std::move(work)](const Progress& progress) -> Result<T> {
                auto promise = std::make_shared<std::promise<Result<T>>>();
                std::future<Result<T>> result = promise->get_future();
                const EngineThread::JobId job =
                    thread->submit<T>([engine, work](std::stop_token stop) -> Result<T> { return work(*engine, stop); },
                                      [promise](Result<T> value) { promise->set_value(std::move(value)); });
                const std::stop_callback cancel(progress.stop, [thread, job] { thread->cancel(job); });
                return result.get();
            },
            std::move(done));
    }

Q_SIGNALS:
    void runStarted(qint64 runId);
    void stopRequested(); // at once, before the engine hears of it
    void stateChanged(const attune::StateChanged& state);
    void stepsFinished(const QVector<attune::StepFinished>& steps);
    void evalsFinished(const QVector<attune::EvalFinished>& evals);
    void samplesGenerated(const QVector<attune::SampleGenerated>& samples);
    void memoryReported(const attune::MemoryReported& memory); // the latest of a batch, with the largest peak
    void checkpointSaved(const attune::CheckpointSaved& checkpoint);
    void warningRaised(const attune::WarningRaised& warning);
    void runFailed(const attune::RunFailed& failure);
    /// After every other signal of the run. `state` is Finished, Stopped or Failed.
    void runEnded(qint64 runId, attune::RunState state);

private:
    void dispatch(const std::vector<TrainingEvent>& events);

    Engine& m_engine;
    EventPump m_pump;
    Current m_current;
    bool m_active = false;
    std::shared_ptr<Project> m_project;          // kept open for the store sink
    std::shared_ptr<EngineThread> m_thread;      // the engine's calls must come from one thread at a time
    std::unique_ptr<RunController> m_controller; // last: stops its run before the thread ends
};

} // namespace attune
