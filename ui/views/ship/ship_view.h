// Ship: writes a finished run for other tools, reloads what was written and shows how well it agrees with the checkpoint. GUI thread.
#pragma once

#include <memory>

#include <QPointer>

#include "ui/models/finished_runs.h"
#include "ui/views/view.h"

class QComboBox;
class QLabel;
class QLineEdit;
class QPushButton;
class QStackedWidget;
class QTableWidget;
class QVBoxLayout;

namespace attune {

class EvidenceCard;
class ParamForm;
class Project;
class ProgressStrip;
class Task;

class ShipView final : public View {
    Q_OBJECT
public:
    ShipView(Services& services, QWidget* parent = nullptr);

    void activated() override;
    void showRequest(const QVariantMap& request) override; // {"run": id}
    bool canClose(QString& reason) override;

private:
    QWidget* buildForm();
    QWidget* buildHistory();
    void refresh();
    void suggestFolder();
    void showOptions();
    void readEvidence();
    void takeLimits(const AcceptanceLimits& limits);
    void startExport();
    void showHistory();
    QString selectedFormat() const;
    QString formatTitle(const QString& id) const;
    const FinishedRun* run() const;

    ViewPage* m_page;
    QStackedWidget* m_stack;
    QComboBox* m_run;
    std::vector<FinishedRun> m_runs; // of m_run, in its order
    QVBoxLayout* m_formats;
    QLabel* m_optionsLabel;
    ParamForm* m_options;
    QLineEdit* m_folder;
    EvidenceCard* m_evidence;
    QTableWidget* m_history;
    QLabel* m_noHistory;
    QPushButton* m_export;
    ProgressStrip* m_progress;
    QPointer<Task> m_task;
    bool m_folderEdited = false;
    quint64 m_evidenceRequest = 0;
};

} // namespace attune
