#include "ui/bridge/run_bridge.h"

#include <algorithm>

#include <QFileInfo>

#include "core/run/engine.h"
#include "core/run/run_controller.h"
#include "core/run/store_sink.h"
#include "core/store/project.h"
#include "ui/bridge/qt_convert.h"

namespace attune {
namespace {

template <class... Functions>
struct Overloaded : Functions... {
    using Functions::operator()...;
};

} // namespace

Generation::Generation(QObject* receiver) : QObject(receiver) {
    connect(&m_pump, &EventPump::drained, this, [this](const std::vector<TrainingEvent>& events) {
        QVector<TextGenerated> pieces;
        for (const TrainingEvent& event : events)
            if (const auto* piece = std::get_if<TextGenerated>(&event))
                pieces.append(*piece);
        if (!pieces.isEmpty())
            Q_EMIT textGenerated(pieces);
    });
}

void Generation::cancel() {
    if (m_task)
        m_task->cancel();
}

RunBridge::RunBridge(Engine& engine, QObject* parent)
    : QObject(parent), m_engine(engine), m_thread(std::make_shared<EngineThread>()) {
    connect(&m_pump, &EventPump::drained, this, &RunBridge::dispatch);
}

RunBridge::~RunBridge() {
    m_thread->cancelAll();
    m_controller.reset();
}

const Catalog& RunBridge::catalog() const {
    return m_engine.catalog();
}

Status RunBridge::start(TrainRequest request, std::shared_ptr<Project> project, qint64 runId) {
    if (m_active)
        return fail(ErrorCode::Busy, "Another run is training.", "Stop it, or wait until it has ended.");
    // A controller belongs to one run here: its sink knows the run's place in the store.
    m_controller.reset();
    m_pump.flush(); // nothing of an earlier run may reach the new one
    Emit record = project && runId > 0 ? storeSink(project->runs(), runId) : Emit();
    m_controller = std::make_unique<RunController>(
        m_engine, *m_thread, [queue = m_pump.queue(), record = std::move(record)](TrainingEvent event) {
            if (record)
                record(event);
            queue->push(std::move(event));
        });
    Current current;
    current.runId = runId;
    current.name = qstr(request.config.name);
    current.folder = qstr(request.folder);
    current.model = QFileInfo(qstr(request.config.model)).fileName();
    current.state = RunState::Preparing;
    if (Status started = m_controller->start(std::move(request)); !started)
        return started;
    m_current = std::move(current);
    m_project = std::move(project);
    m_active = true;
    Q_EMIT runStarted(runId);
    return {};
}

void RunBridge::pause() {
    if (m_controller)
        m_controller->pause();
}

void RunBridge::resume() {
    if (m_controller)
        m_controller->resume();
}

void RunBridge::stop() {
    if (!m_controller)
        return;
    m_controller->stop();
    if (!m_active || m_current.stopping)
        return;
    m_current.stopping = true;
    Q_EMIT stopRequested();
}

QPointer<Generation> RunBridge::generate(GenerateRequest request, QObject* receiver) {
    auto* generation = new Generation(receiver);
    using Texts = std::vector<GeneratedText>;
    generation->m_task = engineTask<Texts>(
        generation,
        [queue = generation->m_pump.queue(), request = std::move(request)](Engine& engine, std::stop_token stop) {
            return engine.generate(request, stop, [&queue](TrainingEvent event) { queue->push(std::move(event)); });
        },
        [generation](Result<Texts> texts) {
            generation->m_pump.flush();
            generation->m_finished = true;
            const QPointer<Generation> alive(generation);
            if (texts)
                Q_EMIT generation->finished(*texts);
            else
                Q_EMIT generation->failed(texts.error());
            if (alive)
                alive->deleteLater();
        });
    return generation;
}

void RunBridge::dispatch(const std::vector<TrainingEvent>& events) {
    QVector<StepFinished> steps;
    QVector<EvalFinished> evals;
    QVector<SampleGenerated> samples;
    std::optional<MemoryReported> memory;
    // Batches are handed on before every change of state, so that no listener hears of the end before the last step.
    const auto handOn = [&] {
        if (!steps.isEmpty())
            Q_EMIT stepsFinished(std::exchange(steps, {}));
        if (!evals.isEmpty())
            Q_EMIT evalsFinished(std::exchange(evals, {}));
        if (!samples.isEmpty())
            Q_EMIT samplesGenerated(std::exchange(samples, {}));
        if (memory)
            Q_EMIT memoryReported(*std::exchange(memory, {}));
    };
    for (const TrainingEvent& event : events) {
        std::visit(Overloaded{
                       [&](const StateChanged& state) {
                           handOn();
                           m_current.state = state.state;
                           m_current.lastState = state;
                           const bool ended = isFinal(state.state);
                           if (ended) {
                               m_active = false;
                               m_project.reset();
                           }
                           Q_EMIT stateChanged(state);
                           if (ended)
                               Q_EMIT runEnded(m_current.runId, state.state);
                       },
                       [&](const StepFinished& step) {
                           m_current.lastStep = step;
                           steps.append(step);
                       },
                       [&](const EvalFinished& eval) { evals.append(eval); },
                       [&](const SampleGenerated& sample) { samples.append(sample); },
                       [&](const MemoryReported& report) {
                           MemoryReported& kept = m_current.memory;
                           kept.residentBytes = report.residentBytes;
                           kept.peakBytes = std::max(kept.peakBytes, report.peakBytes);
                           kept.predictedPeakBytes = report.predictedPeakBytes;
                           kept.beforeBytes = report.beforeBytes;
                           memory = kept;
                       },
                       [&](const CheckpointSaved& checkpoint) { Q_EMIT checkpointSaved(checkpoint); },
                       [&](const WarningRaised& warning) { Q_EMIT warningRaised(warning); },
                       [&](const RunFailed& failure) {
                           handOn();
                           Q_EMIT runFailed(failure);
                       },
                       [&](const TextGenerated&) {}, // only Generation asks for text
                   },
                   event);
    }
    handOn();
}

} // namespace attune
