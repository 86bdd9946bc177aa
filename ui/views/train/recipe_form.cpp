#include "ui/views/train/recipe_form.h"

#include <QComboBox>
#include <QHBoxLayout>
#include <QVBoxLayout>

#include "core/plan/data_fit.h"
#include "core/plan/presets.h"
#include "ui/bridge/qt_convert.h"
#include "ui/bridge/run_bridge.h"
#include "ui/settings.h"
#include "ui/views/train/general_data_row.h"
#include "ui/views/train/method_chooser.h"
#include "ui/views/train/objective_chooser.h"
#include "ui/views/train/reward_path.h"
#include "ui/widgets/card.h"
#include "ui/widgets/flow_layout.h"
#include "ui/widgets/param_form.h"
#include "ui/widgets/segmented_control.h"

namespace attune {
namespace {

template <class Entries>
std::vector<const Described*> described(const Entries& entries) {
    std::vector<const Described*> list;
    for (const auto& entry : entries) {
        if constexpr (requires { entry.description; })
            list.push_back(&entry.description);
        else
            list.push_back(&entry);
    }
    return list;
}

/// What is wrong and what is allowed, below the field itself.
QString sentencesOf(const Complaint& complaint) {
    QString text = qstr(complaint.message);
    if (!text.isEmpty() && !text.endsWith(QLatin1Char('.')))
        text += QLatin1Char('.');
    return complaint.hint.empty() ? text : text + QLatin1Char(' ') + qstr(complaint.hint);
}

QVBoxLayout* columnIn(QWidget* widget, int spacing) {
    auto* column = new QVBoxLayout(widget);
    column->setContentsMargins(0, 0, 0, 0);
    column->setSpacing(spacing);
    return column;
}

} // namespace

RecipeForm::RecipeForm(Services& services, QWidget* parent) : QWidget(parent), m_services(services) {
    const Catalog& catalog = services.runs->catalog();
    m_methods = described(catalog.methods);
    m_objectives = described(catalog.objectives);
    m_optimizers = described(catalog.optimizers);
    m_schedules = described(catalog.schedules);
    m_protections = described(catalog.protections);

    QVBoxLayout* column = columnIn(this, 16);
    m_objectiveChooser = new ObjectiveChooser(catalog, this);
    column->addWidget(m_objectiveChooser);
    m_rewardPath = new RewardPath(catalog, this);
    column->addWidget(m_rewardPath);
    m_methodChooser = new MethodChooser(catalog.methods, this);
    column->addWidget(m_methodChooser);
    column->addWidget(makeKnobs());

    connect(m_methodChooser, &MethodChooser::chosen, this, &RecipeForm::takeMethod);
    connect(m_objectiveChooser, &ObjectiveChooser::chosen, this, &RecipeForm::takeObjective);
    connect(services.settings, &Settings::depthChanged, this, [this] {
        m_all = false;
        applyDepth();
    });
    setConfig(m_config);
}

QWidget* RecipeForm::makePresets() {
    auto* row = new QWidget(this);
    auto* line = new FlowLayout(row, 8);
    line->addWidget(makeLabel(tr("Start from"), "muted", row));
    for (const Preset& preset : presets()) {
        QPushButton* button = makeButton(qstr(preset.title), "small", {}, row);
        button->setToolTip("<p>" + qstr(preset.summary).toHtmlEscaped() + "</p>");
        button->setAccessibleName(tr("Start from %1").arg(qstr(preset.title)));
        button->setAccessibleDescription(qstr(preset.summary));
        button->setObjectName(QStringLiteral("preset.") + qstr(preset.id));
        line->addWidget(button);
        connect(button, &QPushButton::clicked, this, [this, &preset] {
            RunConfig next = config(m_config);
            if (!applyPreset(next, preset, m_services.runs->catalog()))
                return; // a preset for knobs this engine does not have changes nothing
            m_config = std::move(next);
            showParts();
            Q_EMIT changed();
        });
    }
    return row;
}

Card* RecipeForm::makeKnobs() {
    auto* card = new Card(tr("Settings"), tr("the dot shows what differs from the default"), this);
    m_depth = new SegmentedControl({tr("Guided"), tr("Standard"), tr("Expert")}, card);
    m_depth->setAccessibleName(tr("How many settings are shown"));
    m_depth->setIndex(int(m_services.settings->depth()));
    card->tools()->addWidget(m_depth);
    connect(m_depth, &SegmentedControl::indexChanged, this,
            [this](int index) { m_services.settings->setDepth(Depth(index)); });
    card->body()->addWidget(makePresets());
    QVBoxLayout* column = card->body();
    m_training = makePart(tr("Training"), {}, column);
    m_method = makePart(tr("Method"), {}, column);
    m_objective = makePart(tr("Objective"), {}, column);
    m_optimizer = makePart(tr("Optimizer"), m_optimizers, column);
    m_schedule = makePart(tr("Schedule"), m_schedules, column);
    m_protection = makePart(tr("Against forgetting"), m_protections, column);
    m_general = new GeneralDataRow(card);
    column->addWidget(m_general);
    connect(m_general, &GeneralDataRow::changed, this, &RecipeForm::changed);
    m_more = makeButton({}, "quiet", {}, card);
    column->addWidget(m_more, 0, Qt::AlignLeft);
    connect(m_more, &QPushButton::clicked, this, [this] {
        m_all = !m_all;
        applyDepth();
    });
    return card;
}

RecipeForm::Part RecipeForm::makePart(const QString& title, const std::vector<const Described*>& choices,
                                      QVBoxLayout* column) {
    Part part;
    part.title = makeLabel(title, "section", this);
    part.title->setContentsMargins(0, 8, 0, 0);
    column->addWidget(part.title);
    if (!choices.empty()) {
        part.choiceRow = new QWidget(this);
        auto* line = new QHBoxLayout(part.choiceRow);
        line->setContentsMargins(0, 0, 0, 0);
        part.choice = new QComboBox(part.choiceRow);
        part.choice->setAccessibleName(title);
        for (const Described* entry : choices) {
            part.choice->addItem(qstr(entry->title), qstr(entry->id));
            part.choice->setItemData(part.choice->count() - 1, qstr(entry->summary), Qt::ToolTipRole);
        }
        part.choice->setSizeAdjustPolicy(QComboBox::AdjustToContents);
        line->addWidget(part.choice);
        line->addStretch(1);
        column->addWidget(part.choiceRow);
        Choice RunConfig::*chosen = &choices == &m_optimizers  ? &RunConfig::optimizer
                                    : &choices == &m_schedules ? &RunConfig::schedule
                                                               : &RunConfig::protection;
        connect(part.choice, &QComboBox::activated, this, [this, chosen, box = part.choice] {
            RunConfig next = config(m_config);
            next.*chosen = {sstr(box->currentData().toString()), {}};
            m_config = std::move(next);
            showParts();
            Q_EMIT changed();
        });
    }
    part.form = new ParamForm(this);
    column->addWidget(part.form);
    connect(part.form, &ParamForm::valueChanged, this, [this] {
        if (m_showing)
            return;
        applyDepth(); // a knob may have made others act
        Q_EMIT changed();
    });
    return part;
}

const Described* RecipeForm::find(const std::vector<const Described*>& entries, const std::string& id) const {
    for (const Described* entry : entries)
        if (entry->id == id)
            return entry;
    return entries.empty() ? nullptr : entries.front();
}

// Another method or objective has other knobs and another usual learning rate; what the user set by hand elsewhere stays.
void RecipeForm::takeMethod(const std::string& id) {
    m_config = config(m_config);
    if (m_config.method.id == id)
        return;
    const ParamMap before = recommendedTraining(m_config.method.id, m_config.objective.id);
    m_config.method = {id, {}};
    takeUsualTraining(before);
}

void RecipeForm::takeObjective(const std::string& id) {
    m_config = config(m_config);
    if (m_config.objective.id == id)
        return;
    const ParamMap before = recommendedTraining(m_config.method.id, m_config.objective.id);
    m_config.objective = {id, {}};
    takeUsualTraining(before);
}

void RecipeForm::takeUsualTraining(const ParamMap& before) {
    for (const auto& [key, value] : recommendedTraining(m_config.method.id, m_config.objective.id)) {
        const auto set = m_config.training.find(key);
        const auto usual = before.find(key);
        const bool byHand = set != m_config.training.end() && (usual == before.end() || set->second != usual->second);
        if (!byHand)
            m_config.training[key] = value;
    }
    showParts();
    Q_EMIT changed();
}

void RecipeForm::setConfig(const RunConfig& config) {
    m_config = config;
    const auto settle = [this](Choice& choice, const std::vector<const Described*>& entries) {
        const Described* entry = find(entries, choice.id);
        if (entry && entry->id != choice.id)
            choice = {entry->id, {}};
    };
    settle(m_config.method, m_methods);
    settle(m_config.objective, m_objectives);
    settle(m_config.optimizer, m_optimizers);
    settle(m_config.schedule, m_schedules);
    settle(m_config.protection, m_protections);
    m_config.training.try_emplace("learning_rate", effectiveLearningRate(m_config));
    showParts();
}

void RecipeForm::showParts() {
    m_showing = true;
    const auto show = [this](Part& part, const std::vector<const Described*>& entries, const Choice& choice) {
        const Described* entry = find(entries, choice.id);
        part.form->setSpecs(entry ? entry->params : std::vector<ParamSpec>{}, choice.params);
        if (part.choice)
            part.choice->setCurrentIndex(part.choice->findData(qstr(choice.id)));
    };
    m_methodChooser->setChosen(m_config.method.id);
    m_objectiveChooser->setChosen(m_config.objective.id);
    leaveOutUnused();
    show(m_method, m_methods, m_config.method);
    show(m_objective, m_objectives, m_config.objective);
    show(m_optimizer, m_optimizers, m_config.optimizer);
    show(m_schedule, m_schedules, m_config.schedule);
    show(m_protection, m_protections, m_config.protection);
    m_general->setPath(qstr(m_config.data.general));
    m_training.form->setSpecs(trainingParams().params, m_config.training);
    const Described* method = find(m_methods, m_config.method.id);
    m_method.title->setText(method ? qstr(method->title) : tr("Method"));
    m_showing = false;
    applyDepth();
}

void RecipeForm::leaveOutUnused() {
    const ObjectiveEntry* objective = findObjectiveEntry(m_services.runs->catalog(), m_config.objective.id);
    std::vector<std::string> unused = objective ? objective->unusedTraining : std::vector<std::string>{};
    if (!m_mixture)
        unused.push_back("router_aux_loss_coef");
    m_training.form->setUnused(std::move(unused));
}

void RecipeForm::setMixture(bool mixture) {
    if (m_mixture == mixture)
        return;
    m_mixture = mixture;
    leaveOutUnused();
    applyDepth();
}

void RecipeForm::applyDepth() {
    const Depth depth = m_services.settings->depth();
    m_depth->setIndex(int(depth));
    int folded = 0;
    for (Part* part : {&m_training, &m_method, &m_objective, &m_optimizer, &m_schedule, &m_protection}) {
        part->form->setDepth(depth);
        folded += part->form->foldedRows() + (part->choiceRow && depth == Depth::Guided ? 1 : 0);
        if (m_all)
            part->form->setDepth(Depth::Expert);
        const bool choice = part->choiceRow && (depth != Depth::Guided || m_all);
        if (part->choiceRow)
            part->choiceRow->setVisible(choice);
        part->form->setVisible(part->form->visibleRows() > 0);
        part->title->setVisible(choice || part->form->visibleRows() > 0);
    }
    m_general->setVisible(depth != Depth::Guided || m_all);
    m_more->setVisible(folded > 0);
    m_more->setText(m_all ? tr("Show fewer settings") : counted(folded, tr("Show 1 more setting, at its default"), tr("Show %1 more settings, all at their defaults")));
}

RunConfig RecipeForm::config(RunConfig base) const {
    base.method = {m_config.method.id, m_method.form->values()};
    base.objective = {m_config.objective.id, m_objective.form->values()};
    base.optimizer = {m_config.optimizer.id, m_optimizer.form->values()};
    base.schedule = {m_config.schedule.id, m_schedule.form->values()};
    base.protection = {m_config.protection.id, m_protection.form->values()};
    base.training = m_training.form->values();
    // A rate that a recipe does not name is the recommended one: what the form shows counts, also where it is the default.
    if (const ParamValue rate = m_training.form->value("learning_rate"); rate != ParamValue(effectiveLearningRate(base)))
        base.training["learning_rate"] = rate;
    base.data.general = sstr(m_general->path());
    return base;
}

ParamForm* RecipeForm::formOf(const QString& section) const {
    if (section == QLatin1String("method"))
        return m_method.form;
    if (section == QLatin1String("objective"))
        return m_objective.form;
    if (section == QLatin1String("optimizer"))
        return m_optimizer.form;
    if (section == QLatin1String("schedule"))
        return m_schedule.form;
    if (section == QLatin1String("protection"))
        return m_protection.form;
    return section == QLatin1String("training") ? m_training.form : nullptr;
}

bool RecipeForm::focusField(const QString& field) {
    const QString section = field.section(QLatin1Char('.'), 0, 0), key = field.section(QLatin1Char('.'), 1);
    if (field == QLatin1String("data.general")) {
        m_general->show();
        m_general->focusPath();
        return true;
    }
    ParamForm* form = formOf(section);
    if (!form)
        return false;
    if (!key.isEmpty() && key != QLatin1String("id")) {
        form->show();
        return form->focusField(sstr(key));
    }
    return form == m_method.form ? m_methodChooser->focusChosen() : form == m_objective.form && m_objectiveChooser->focusChosen();
}

std::vector<Complaint> RecipeForm::unreadable() const {
    std::vector<Complaint> complaints;
    const std::pair<const Part*, const char*> parts[] = {{&m_training, "training"},   {&m_method, "method"},     {&m_objective, "objective"},
                                                         {&m_optimizer, "optimizer"}, {&m_schedule, "schedule"}, {&m_protection, "protection"}};
    for (const auto& [part, section] : parts)
        for (const auto& [key, message] : part->form->unreadable())
            complaints.push_back({Complaint::Severity::Error, std::string(section) + "." + key, sstr(message), {}});
    return complaints;
}

void RecipeForm::setComplaints(const std::vector<Complaint>& complaints) {
    for (Part* part : {&m_training, &m_method, &m_objective, &m_optimizer, &m_schedule, &m_protection})
        part->form->clearComplaints();
    for (const Complaint& complaint : complaints) {
        const QString field = qstr(complaint.field);
        if (ParamForm* form = formOf(field.section(QLatin1Char('.'), 0, 0)))
            form->setComplaint(sstr(field.section(QLatin1Char('.'), 1)), sentencesOf(complaint),
                               complaint.severity == Complaint::Severity::Error ? Tone::Bad : Tone::Careful);
    }
}

} // namespace attune
