// The recipe as a form: objective and method to choose, presets and the knobs of the chosen parts, at the depth of the
// settings; knobs that do nothing for the chosen pair are left out. Everything shown comes from the engine's catalog. Holds the method, objective, optimizer, schedule and
// training part of a RunConfig; model and data are the page's. GUI thread.
#pragma once

#include <QWidget>

#include "core/plan/run_config.h"
#include "ui/services.h"

class QComboBox;
class QLabel;
class QPushButton;
class QVBoxLayout;

namespace attune {

class Card;
class GeneralDataRow;
class MethodChooser;
class ObjectiveChooser;
class ParamForm;
class RewardPath;
class SegmentedControl;

class RecipeForm final : public QWidget {
    Q_OBJECT
public:
    RecipeForm(Services& services, QWidget* parent);

    /// Shows `config`; ids the catalog does not have become its first ones. Does not emit.
    void setConfig(const RunConfig& config);
    /// `base` with everything this form holds.
    RunConfig config(RunConfig base) const;
    /// Shows a field ("method.r", "training.batch_size", "objective") whatever the depth; false when it is not of this
    /// form.
    bool focusField(const QString& field);
    /// What is written in fields but is no value: the recipe holds the last readable one, so it must not be trained with.
    std::vector<Complaint> unreadable() const;
    void setComplaints(const std::vector<Complaint>& complaints);
    ObjectiveChooser& objectives() const { return *m_objectiveChooser; }
    MethodChooser& methods() const { return *m_methodChooser; }
    RewardPath& rewardPath() const { return *m_rewardPath; }
    /// Whether the model chosen is a mixture of experts: the knobs of others are left out.
    void setMixture(bool mixture);
    /// As if the user had chosen it, with its usual training settings.
    void takeObjective(const std::string& id);

Q_SIGNALS:
    void changed();

private:
    struct Part { // a choice of the catalog with the form of its knobs
        QComboBox* choice = nullptr;
        QWidget* choiceRow = nullptr;
        ParamForm* form = nullptr;
        QLabel* title = nullptr;
    };
    QWidget* makePresets();
    Card* makeKnobs();
    Part makePart(const QString& title, const std::vector<const Described*>& choices, QVBoxLayout* column);
    void takeMethod(const std::string& id);
    /// The usual values of what is chosen now, where those of before were not changed by hand.
    void takeUsualTraining(const ParamMap& before);
    void showParts();
    void leaveOutUnused();
    void applyDepth();
    const Described* find(const std::vector<const Described*>& entries, const std::string& id) const;
    ParamForm* formOf(const QString& section) const;

    Services& m_services;
    RunConfig m_config; // knobs of parts that are not shown at the moment are kept here
    std::vector<const Described*> m_methods, m_objectives, m_optimizers, m_schedules, m_protections;
    ObjectiveChooser* m_objectiveChooser;
    MethodChooser* m_methodChooser;
    RewardPath* m_rewardPath;
    QPushButton* m_more;
    SegmentedControl* m_depth;
    Part m_method, m_objective, m_training, m_optimizer, m_schedule, m_protection;
    GeneralDataRow* m_general = nullptr; // below the protection's knobs
    bool m_mixture = false;
    bool m_showing = false, m_all = false; // m_all: also what the depth hides
};

} // namespace attune
