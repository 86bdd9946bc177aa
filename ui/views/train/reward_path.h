// The way from preference pairs to a model that practises for a reward: train a reward model, see how often it is right about
// pairs it has not seen, then PPO. Each step says how it stands and what is next. Reads nothing; GUI thread.
#pragma once

#include <optional>
#include <vector>

#include <QWidget>

#include "core/base/result.h"
#include "core/plan/catalog.h"
#include "ui/theme.h"

class QLabel;
class QPushButton;

namespace attune {

class Card;
class Chip;
class Project;

/// A finished run with the objective "reward".
struct RewardModelRun {
    qint64 run = 0;
    QString name, folder; // absolute
    std::string model;    // its base model's folder
    bool adapter = true;  // trained beside the base model, as PPO needs it
    double accuracy = -1; // of the weights that were kept, on validation pairs; -1 = not measured
    qint64 pairs = 0;     // validation pairs it was measured on
};
/// Newest first. For tasks. Errors: what the store says.
Result<std::vector<RewardModelRun>> readRewardModels(Project& project, const Catalog& catalog);

/// The objective that can learn from a reward model, null when the catalog has none, and the least accuracy it asks for.
const ObjectiveEntry* rewardModelObjective(const Catalog& catalog);
double leastRewardAccuracy(const ObjectiveEntry& objective);

class RewardPath final : public QWidget {
    Q_OBJECT
public:
    explicit RewardPath(const Catalog& catalog, QWidget* parent);
    /// `model`: folder of the chosen base model, "" = none. Of several reward models on it the most accurate one counts.
    void show(const std::vector<RewardModelRun>& runs, const std::string& model);
    const std::optional<RewardModelRun>& rewardModel() const { return m_best; }
    bool ready() const; ///< there is a reward model and it is good enough

Q_SIGNALS:
    void rewardModelWanted();                   ///< step 1: set up its training
    void practiceWanted(const QString& folder); ///< step 3: PPO with the reward model of this run folder

private:
    struct Step {
        Chip* mark;
        QLabel* title;
        QLabel* words;
        QPushButton* button;
    };
    Step makeStep(int number, const QString& title, const QString& button);
    void setStep(const Step& step, Tone tone, const QString& mark, const QString& words);

    const Catalog& m_catalog;
    Card* m_card;
    std::vector<Step> m_steps;
    std::optional<RewardModelRun> m_best;
};

} // namespace attune
