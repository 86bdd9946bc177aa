// Data: import, look through, settle and split the rows, then freeze a version to train on. This class joins the
// station's parts and says what the header and the rail show; each part does its own work. GUI thread; what reads many
// rows is a task.
#pragma once

#include <memory>

#include <QPointer>
#include <QTimer>

#include "core/store/import_dataset.h"
#include "ui/views/data/dataset_editor.h"
#include "ui/views/data/health_panel.h"
#include "ui/views/view.h"

class QMenu;
class QPushButton;
class QStackedWidget;
class QTemporaryFile;

namespace attune {

class EmptyState;
class ImportPage;
class ProgressStrip;
class Project;
class ProjectModel;
class Workspace;

class DataView final : public View {
    Q_OBJECT
public:
    explicit DataView(Services& services, QWidget* parent = nullptr);
    ~DataView() override;

    void activated() override;
    void showRequest(const QVariantMap& request) override; // {"dataset": id} or {"action": "import"}
    bool openFiles(const QStringList& files) override;
    bool canClose(QString& reason) override;

private:
    enum class Page { Loading, Empty, Import, Rows };

    void connectParts();
    void makeShortcuts();
    void refresh();
    void takeProject();
    void showPage(Page page);
    void updateHeader();
    void chooseFile();
    void chooseModel();
    void inspect(const QString& file, const QString& name = {});
    void paste();
    void nextFile();
    void leaveImport();
    void takeImported(const ImportedDataset& dataset);
    void freeze();
    void exportRows();
    void fillDatasetMenu();
    void primaryClicked();
    void say(const Error& error);

    ViewPage* m_page;
    QStackedWidget* m_stack;
    EmptyState* m_empty;
    ImportPage* m_import;
    Workspace* m_workspace;
    ProgressStrip* m_progress;
    QPushButton *m_datasetButton, *m_importButton, *m_exportButton, *m_cancelButton, *m_primary;
    QMenu* m_datasetMenu;
    ProjectModel* m_model;
    DatasetEditor* m_editor;
    std::shared_ptr<Project> m_project;
    std::vector<DatasetInfo> m_datasets;
    QStringList m_filesLeft;
    std::unique_ptr<QTemporaryFile> m_pasted;
    Page m_current = Page::Loading;
    QPointer<Task> m_listTask, m_freezeTask, m_exportTask;
    bool m_failed = false, m_noting = false;
};

} // namespace attune
