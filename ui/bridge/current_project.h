// The open project, or none, and how it opens, is made, copied and closed: always in a background task. GUI thread; the
// Project itself may be used from tasks (its stores are thread-safe), which hold the shared pointer while they run.
#pragma once

#include <memory>

#include <QObject>
#include <QPointer>
#include <QString>

#include "core/base/result.h"
#include "ui/bridge/task.h"

namespace attune {

class Project;

class CurrentProject final : public QObject {
    Q_OBJECT
public:
    explicit CurrentProject(QObject* parent = nullptr);
    ~CurrentProject() override;

    /// Null when none is open. Keep a copy of the pointer inside a task.
    std::shared_ptr<Project> get() const { return m_project; }
    bool isOpen() const { return m_project != nullptr; }
    QString folder() const;
    QString name() const;

    void open(const QString& folder);
    void create(const QString& folder);
    /// Makes (or opens, when it is there) the sample project by the function given to setSampleMaker; when it is the open
    /// one, only sampleIsOpen() follows.
    void openSample();
    /// Everything of the project in a new folder; running work of the project is not interrupted.
    void saveCopy(const QString& folder);
    void close();
    /// While `reason` is not empty the project stays: open, create and close fail with it (a run trains in this project).
    void hold(const QString& reason) { m_held = reason; }
    bool isOpening() const { return m_task != nullptr; }
    QPointer<Task> task() const { return m_task; }

    /// How the sample project comes into being (app/composition knows): returns the folder's project. Runs on a
    /// background thread.
    using SampleMaker = std::function<Result<std::unique_ptr<Project>>(const Progress&)>;
    /// `folder`: where it makes the sample, to know it when it is open already.
    void setSampleMaker(SampleMaker maker, const QString& folder = {}) {
        m_sampleMaker = std::move(maker);
        m_sampleFolder = folder;
    }
    bool hasSample() const { return bool(m_sampleMaker); }
    /// For tests and composition: takes an open project.
    void set(std::shared_ptr<Project> project);

    /// Views call this after they changed what others show (rows imported, version frozen, run added); `what` is
    /// "datasets", "runs", "reviews", "settings".
    void noteChange(const QString& what);

Q_SIGNALS:
    void opening(const QString& folder);
    void changed(); ///< another project, or none
    void sampleIsOpen(); ///< it was asked for while it is the open project
    void contentChanged(const QString& what);
    void failed(const attune::Error& error, const QString& folder);
    void copied(const QString& folder);

private:
    void begin(const QString& folder, std::function<Result<std::unique_ptr<Project>>(const Progress&)> make);
    bool refuse(const QString& folder);
    std::shared_ptr<Project> m_project;
    QString m_held;
    QPointer<Task> m_task;
    SampleMaker m_sampleMaker;
    QString m_sampleFolder;
};

} // namespace attune
