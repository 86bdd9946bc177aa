// The part of SetupPage that leads from preference pairs over a reward model to PPO.
#include "core/store/project.h"
#include "ui/bridge/current_project.h"
#include "ui/bridge/qt_convert.h"
#include "ui/bridge/run_bridge.h"
#include "ui/views/train/recipe_form.h"
#include "ui/views/train/reward_path.h"
#include "ui/views/train/setup_page.h"
#include "ui/widgets/message_bar.h"

namespace attune {

void SetupPage::connectRewardPath() {
    RewardPath& path = m_form->rewardPath();
    connect(&path, &RewardPath::rewardModelWanted, this, [this] { m_form->takeObjective("reward"); });
    connect(&path, &RewardPath::practiceWanted, this, [this](const QString& folder) {
        const ObjectiveEntry* objective = rewardModelObjective(m_services.runs->catalog());
        if (!objective)
            return;
        m_form->takeObjective(objective->description.id);
        RunConfig next = config();
        next.objective.params["reward_model"] = sstr(folder);
        useConfig(next);
        focusField(QStringLiteral("objective.reward_model"));
    });
    readRewards();
}

// Which reward models there are changes with the runs of the project.
void SetupPage::readRewards() {
    const auto project = m_services.project->get();
    if (!project || !rewardModelObjective(m_services.runs->catalog()))
        return showRewardPath();
    runTask<std::vector<RewardModelRun>>(
        this, [project, &catalog = m_services.runs->catalog()](const Progress&) { return readRewardModels(*project, catalog); },
        [this, project](Result<std::vector<RewardModelRun>> runs) {
            if (project != m_services.project->get())
                return;
            if (!runs)
                return m_messages.showError("rewards", runs.error());
            m_rewardModels = std::move(*runs);
            showRewardPath();
        });
}

void SetupPage::showRewardPath() {
    const Catalog& catalog = m_services.runs->catalog();
    const ObjectiveEntry* objective = rewardModelObjective(catalog);
    const std::string chosen = m_form->config({}).objective.id;
    const bool pairs = m_rows && m_rows->kinds.contains("preference");
    m_form->rewardPath().setVisible(objective && (pairs || chosen == "reward" || chosen == objective->description.id));
    m_form->rewardPath().show(m_rewardModels, m_model ? sstr(m_model->folder) : std::string());
}

} // namespace attune
