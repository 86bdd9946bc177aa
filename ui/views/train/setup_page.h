// Setting up a run: model, data version and recipe on the left; cost and complaints on the right, always in sight.
// Reads its facts in tasks and keeps the recipe in the project. Does not start anything: TrainView asks it for the
// RunConfig. GUI thread.
#pragma once

#include <optional>

#include <QPointer>
#include <QTimer>
#include <QWidget>

#include "core/plan/run_config.h"
#include "core/run/step_measurement.h"
#include "ui/bridge/task.h"
#include "ui/services.h"
#include "ui/views/train/reward_path.h"
#include "ui/views/train/setup_facts.h"

class QComboBox;
class QLabel;
class QLineEdit;
class QPushButton;

namespace attune {

class Card;
class ElidedLabel;
class EstimatePanel;
class MessageArea;
class RecipeForm;

class SetupPage final : public QWidget {
    Q_OBJECT
public:
    SetupPage(Services& services, MessageArea& messages, QWidget* parent);

    /// Reads model, versions and recipe of the open project again.
    void load();
    /// Versions and model again; the recipe as it stands here stays.
    void refreshFacts();
    /// With model, data version and name.
    RunConfig config() const;
    void useConfig(const RunConfig& config); ///< e.g. of an earlier run; model and version too, where they still exist
    void suggestName(const QString& name);
    void chooseVersion(qint64 versionId);
    void chooseModel(const QString& folder);
    bool focusField(const QString& field);
    /// What Check measured for the recipe as it is.
    std::optional<StepMeasurement> measured() const;
    bool isReady() const { return m_ready; } ///< no complaint forbids the start
    bool isLoading() const { return m_reading > 0; }
    const std::optional<ModelFacts>& modelFacts() const { return m_model; } ///< empty while it is read or unreadable
    const std::optional<RowFacts>& rowFacts() const { return m_rows; }
    bool hasValidationRows() const;
    bool hasData() const { return !m_data.datasets.empty(); }

Q_SIGNALS:
    void readyChanged();
    void factsRead(); ///< after every reading of the versions
    void working(attune::Task* task, const QString& what); ///< longer work began
    void dataWanted(); ///< rows of another kind have to be imported

private:
    Card* makeModelCard();
    Card* makeDataCard();
    void readModel(const QString& folder, bool keep);
    void readRows();
    void freeze();
    void connectRewardPath();
    void readRewards();
    void showRewardPath();
    void check(); ///< two real steps, in the background
    void fit();   ///< the smallest change that fits into the free memory
    void takeMeasurement(Result<StepMeasurement> measured, const RunConfig& of);
    void takeKinds();                          ///< what the rows are is known: the objectives that suit them
    void convertRows(const std::string& kind); ///< a new dataset of that kind from the chosen version
    void showModel();
    void showStart(); ///< whether the run begins with the weights of another
    void showVersions();
    void touch(); ///< something changed: estimate again, soon
    void estimate();
    void keepRecipe();
    const VersionFacts* version() const;

    Services& m_services;
    MessageArea& m_messages;
    RecipeForm* m_form;
    EstimatePanel* m_estimate;
    QLineEdit* m_name;
    QPushButton* m_browse;
    QPushButton* m_freeze;
    ElidedLabel* m_modelName;
    QLabel* m_modelFacts;
    QWidget* m_startRow;
    QLabel* m_startWords;
    QComboBox* m_versions;
    QLabel* m_versionFacts;
    QTimer m_soon;
    std::optional<ModelFacts> m_model;
    std::optional<Error> m_modelError;
    DataFacts m_data;
    std::optional<RowFacts> m_rows;
    MemoryEstimate m_memory;
    QString m_suggested, m_modelFolder;
    std::string m_start; // RunConfig::start
    qint64 m_wantedVersion = 0, m_suitedVersion = 0; // the latter: an objective was found for its rows
    QPointer<Task> m_conversion, m_check;
    std::optional<StepMeasurement> m_measured; // of m_measuredRecipe
    RunConfig m_measuredRecipe;
    std::vector<RewardModelRun> m_rewardModels;
    int m_reading = 0;
    quint64 m_modelRequest = 0, m_rowRequest = 0;
    bool m_ready = false, m_keep = false;
};

} // namespace attune
