// Rows of the imported file that could not be read, with line and reason, in place of the table. Read in the
// background. GUI thread.
#pragma once

#include <memory>

#include <QPointer>
#include <QWidget>

#include "core/base/result.h"
#include "ui/bridge/task.h"

class QTableWidget;

namespace attune {

class ElidedLabel;
class Project;

class ProblemsPanel final : public QWidget {
    Q_OBJECT
public:
    explicit ProblemsPanel(QWidget* parent);
    void load(std::shared_ptr<Project> project, qint64 datasetId);

Q_SIGNALS:
    void closed();
    void failed(const attune::Error& error);

private:
    void copyAll();
    ElidedLabel* m_title;
    QTableWidget* m_table;
    QPointer<Task> m_task;
};

} // namespace attune
