#include "core/run/run_controller.h"

#include <condition_variable>
#include <optional>

#include "core/run/engine.h"
#include "core/run/metric_sink.h"

namespace attune {

// Shared by the controller and its job on the engine thread, so that neither depends on how long the other lives.
struct RunController::Run {
    TrainRequest request;
    PauseToken pause;
    Emit sink;
    std::optional<MetricSink> record;
    EngineThread::JobId job = 0;

    mutable std::mutex mutex;
    std::condition_variable ended;
    RunState state = RunState::Preparing;
    bool done = false;
    Status result;

    // Engine thread only.
    bool failureSaid = false, stopSaid = false, recordBroken = false;
    std::string lastWords;

    void pass(const TrainingEvent& event) {
        if (const auto* change = std::get_if<StateChanged>(&event)) {
            const std::lock_guard lock(mutex);
            state = change->state;
        }
        write(event);
        sink(event);
    }
    void write(const TrainingEvent& event) {
        if (!record || recordBroken)
            return;
        if (auto written = record->write(event); !written) {
            recordBroken = true; // said once; a run goes on without its record rather than be lost with it
            sink(WarningRaised{0, "record.not_written", written.error().message, written.error().hint});
        }
    }
    // The engine's own final state is held back: the controller says it, once, after everything else.
    void fromEngine(TrainingEvent event) {
        if (const auto* change = std::get_if<StateChanged>(&event); change && isFinal(change->state)) {
            stopSaid = stopSaid || change->state == RunState::Stopped;
            lastWords = change->what;
            return;
        }
        if (std::holds_alternative<RunFailed>(event)) {
            if (failureSaid)
                return;
            failureSaid = true;
        }
        pass(event);
    }
    void finish(Status status) {
        RunState last = RunState::Finished;
        if (!status && status.error().code == ErrorCode::Cancelled) {
            last = RunState::Stopped;
            status = {};
        } else if (!status) {
            last = RunState::Failed;
            if (!failureSaid)
                pass(RunFailed{status.error()});
            lastWords = status.error().message;
        } else if (stopSaid) {
            last = RunState::Stopped;
        }
        if (lastWords.empty())
            lastWords = last == RunState::Finished ? "Finished" : "Stopped";
        pass(StateChanged{last, lastWords, -1});
        record.reset();
        const std::lock_guard lock(mutex);
        result = std::move(status);
        done = true;
        ended.notify_all();
    }
};

RunController::RunController(Engine& engine, EngineThread& thread, Emit sink)
    : m_engine(engine), m_thread(thread), m_sink(std::move(sink)) {}

RunController::~RunController() {
    stop();
    (void)wait();
}

std::shared_ptr<RunController::Run> RunController::current() const {
    const std::lock_guard lock(m_mutex);
    return m_run;
}

Status RunController::start(TrainRequest request) {
    const std::lock_guard lock(m_mutex);
    if (m_run) {
        const std::lock_guard runLock(m_run->mutex);
        if (!m_run->done)
            return fail(ErrorCode::Busy, "A run is still going on", "Wait for its end or stop it first.");
    }
    auto run = std::make_shared<Run>();
    const RunFolder folder{request.folder};
    std::error_code error;
    fs::create_directories(folder.root, error);
    if (error)
        return fail(errnoError(error.value(), "Cannot create", folder.root));
    if (!request.resume)
        fs::remove(folder.metrics(), error); // a new run in an old folder must not continue the old curves
    ATTUNE_ASSIGN(run->record, MetricSink::open(folder.metrics()));
    run->request = std::move(request);
    run->sink = m_sink;
    m_run = run;
    run->job = m_thread.submit<void>(
        [run, &engine = m_engine](const std::stop_token& stop) {
            return engine.train(run->request, stop, run->pause,
                                [&run = *run](TrainingEvent event) { run.fromEngine(std::move(event)); });
        },
        [run](Status status) {
            try {
                run->finish(std::move(status));
            } catch (...) { // the sink threw: whoever waits must not wait for ever
                const std::lock_guard runLock(run->mutex);
                run->result = fail(errorOfCurrentException());
                run->done = true;
                run->ended.notify_all();
            }
        });
    return {};
}

void RunController::pause() {
    if (const auto run = current())
        run->pause.pause();
}

void RunController::resume() {
    if (const auto run = current())
        run->pause.resume();
}

void RunController::stop() {
    if (const auto run = current())
        m_thread.cancel(run->job); // also ends a pause: PauseToken waits on the stop token
}

bool RunController::active() const {
    const auto run = current();
    if (!run)
        return false;
    const std::lock_guard lock(run->mutex);
    return !run->done;
}

RunState RunController::state() const {
    const auto run = current();
    if (!run)
        return RunState::Finished;
    const std::lock_guard lock(run->mutex);
    return run->state;
}

Status RunController::wait() {
    const auto run = current();
    if (!run)
        return {};
    std::unique_lock lock(run->mutex);
    run->ended.wait(lock, [&] { return run->done; });
    return run->result;
}

} // namespace attune
