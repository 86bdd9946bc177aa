// Runs a function on a background thread and delivers its Result on the GUI thread. The receiver may die at any moment:
// then the work is asked to stop and nothing is delivered. Does not run training (RunBridge does).
#pragma once

#include <chrono>
#include <exception>
#include <functional>
#include <memory>
#include <utility>

#include <QObject>
#include <QPointer>
#include <QString>

#include "core/base/progress.h"
#include "core/base/result.h"

namespace attune {

/// Handle of a running task: a child of its receiver, deleted by itself after delivery. Hold it in a QPointer.
class Task final : public QObject {
    Q_OBJECT
public:
    ~Task() override;
    void cancel();
    double fraction() const { return m_fraction; } ///< in [0, 1], or negative when unknown
    QString what() const { return m_what; }
    double secondsLeft() const; ///< negative when unknown

    /// Where the work waits for its turn: beside other work, or behind every earlier one in order.
    enum class Lane { Beside, InOrder };
    /// Used by runTask: starts `work`, which returns the delivery to be made on the GUI thread.
    using Delivery = std::function<void()>;
    static Task* start(QObject* receiver, std::function<Delivery(const Progress&)> work, Lane lane = Lane::Beside);
    /// Waits for all tasks of the program after asking them to stop; called once before exit.
    static void finishAll();

Q_SIGNALS:
    void progressed(double fraction, const QString& what);
    void finished(); // after the delivery

private:
    struct Shared;
    explicit Task(QObject* receiver);
    void take(double fraction, const QString& what);

    std::shared_ptr<Shared> m_shared;
    std::chrono::steady_clock::time_point m_started;
    double m_fraction = -1;
    QString m_what;
};

/// `work` runs on a background thread and must touch nothing of the GUI; `done` runs on the GUI thread, unless
/// `receiver` is gone. Exceptions that leave `work` become Internal errors.
template <class T, class Work, class Done>
QPointer<Task> runTask(QObject* receiver, Work work, Done done, Task::Lane lane = Task::Lane::Beside) {
    return Task::start(
        receiver,
        [work = std::move(work), done = std::move(done)](const Progress& progress) mutable {
            auto result = std::make_shared<Result<T>>(fail(ErrorCode::Internal, "The task did not run."));
            try {
                *result = work(progress);
            } catch (const std::exception& exception) {
                *result = fail(ErrorCode::Internal, std::string("Unexpected failure: ") + exception.what());
            }
            return Task::Delivery([result, done = std::move(done)]() mutable { done(std::move(*result)); });
        },
        lane);
}

/// A short write to the project, `work` is Result<T>(): writes happen in the order of the calls, also those of a
/// receiver that is gone, and finishAll() waits for them. For what the user typed or decided.
template <class T, class Work, class Done>
QPointer<Task> runWrite(QObject* receiver, Work work, Done done) {
    return runTask<T>(
        receiver, [work = std::move(work)](const Progress&) mutable { return work(); }, std::move(done),
        Task::Lane::InOrder);
}

} // namespace attune
