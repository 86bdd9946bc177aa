#include "ui/bridge/task.h"

#include <mutex>
#include <set>

#include <QThreadPool>

namespace attune {
namespace {

constexpr int kThreads = 6; // tasks mostly wait for disk or engine; one of them must not hold up the others
constexpr std::chrono::milliseconds kReportInterval{40};

struct Pool : QThreadPool {
    explicit Pool(int threads) { setMaxThreadCount(threads); }
};

QThreadPool& pool(Task::Lane lane) {
    static Pool beside(kThreads), inOrder(1);
    return lane == Task::Lane::InOrder ? inOrder : beside;
}

std::mutex s_runningMutex;
std::set<Task*> s_running; // live handles, so that finishAll() can ask them to stop

} // namespace

// Between the handle (GUI thread) and the work (background). `task` becomes null under the mutex when the handle dies,
// so posting to it under the mutex is safe; what was posted to a dead object is dropped by Qt.
struct Task::Shared {
    std::mutex mutex;
    Task* task = nullptr;
    std::stop_source stop;
    std::chrono::steady_clock::time_point lastReport{};

    void report(double fraction, const std::string& what) {
        const std::lock_guard lock(mutex);
        const auto now = std::chrono::steady_clock::now();
        if (!task || now - lastReport < kReportInterval)
            return;
        lastReport = now;
        Task* target = task;
        QMetaObject::invokeMethod(
            target, [target, fraction, text = QString::fromStdString(what)] { target->take(fraction, text); },
            Qt::QueuedConnection);
    }

    void deliver(Delivery delivery) {
        const std::lock_guard lock(mutex);
        if (!task)
            return;
        Task* target = task;
        QMetaObject::invokeMethod(
            target,
            [target, delivery = std::move(delivery)] {
                const QPointer<Task> alive(target); // the delivery may destroy the receiver
                delivery();
                if (!alive)
                    return;
                Q_EMIT alive->finished();
                if (alive)
                    alive->deleteLater();
            },
            Qt::QueuedConnection);
    }
};

Task::Task(QObject* receiver)
    : QObject(receiver), m_shared(std::make_shared<Shared>()), m_started(std::chrono::steady_clock::now()) {
    m_shared->task = this;
    const std::lock_guard lock(s_runningMutex);
    s_running.insert(this);
}

Task::~Task() {
    {
        const std::lock_guard lock(s_runningMutex);
        s_running.erase(this);
    }
    m_shared->stop.request_stop();
    const std::lock_guard lock(m_shared->mutex);
    m_shared->task = nullptr;
}

Task* Task::start(QObject* receiver, std::function<Delivery(const Progress&)> work, Lane lane) {
    auto* task = new Task(receiver);
    pool(lane).start([shared = task->m_shared, work = std::move(work)]() mutable {
        Progress progress;
        progress.stop = shared->stop.get_token();
        progress.report = [shared](double fraction, const std::string& what) { shared->report(fraction, what); };
        Delivery delivery = work(progress);
        work = nullptr; // what the work holds is freed here, not on the GUI thread
        shared->deliver(std::move(delivery));
    });
    return task;
}

void Task::cancel() {
    m_shared->stop.request_stop();
}

double Task::secondsLeft() const {
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - m_started).count();
    if (m_fraction < 0.02 || seconds < 1)
        return -1;
    return seconds * (1 - m_fraction) / m_fraction;
}

void Task::take(double fraction, const QString& what) {
    m_fraction = fraction;
    m_what = what;
    Q_EMIT progressed(fraction, what);
}

void Task::finishAll() {
    {
        const std::lock_guard lock(s_runningMutex);
        for (Task* task : s_running)
            task->cancel();
    }
    pool(Lane::Beside).waitForDone();
    pool(Lane::InOrder).waitForDone();
}

} // namespace attune
