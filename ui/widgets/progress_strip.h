// Progress of a task in one line: phase, bar, per cent, time left, Cancel. Appears 0.3 s after the task began, so that
// short work does not flicker, and hides when it ended. GUI thread.
#pragma once

#include <QFrame>
#include <QPointer>
#include <QTimer>

class QLabel;
class QProgressBar;
class QPushButton;

namespace attune {

class Task;

class ProgressStrip final : public QFrame {
    Q_OBJECT
public:
    explicit ProgressStrip(QWidget* parent = nullptr);

    /// Follows the task until it ends; a null task is ignored. Cancel cancels it.
    void follow(Task* task, const QString& what);
    /// For work that is no Task (a run's preparation): show, update, hide by hand. Negative: unknown.
    void showProgress(double fraction, const QString& what, double secondsLeft = -1);
    void finish();
    void setCancellable(bool cancellable);

Q_SIGNALS:
    void cancelClicked();

private:
    QPointer<Task> m_task;
    QLabel* m_what;
    QLabel* m_left;
    QProgressBar* m_bar;
    QPushButton* m_cancel;
    QTimer m_appear;
};

} // namespace attune
