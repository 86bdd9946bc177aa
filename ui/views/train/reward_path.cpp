#include "ui/views/train/reward_path.h"

#include <cmath>

#include <QFileInfo>
#include <QHBoxLayout>
#include <QVBoxLayout>

#include "core/plan/param_check.h"
#include "core/stats/intervals.h"
#include "core/store/project.h"
#include "ui/bridge/qt_convert.h"
#include "ui/models/run_table_model.h"
#include "ui/widgets/card.h"

namespace attune {
namespace {

constexpr const char* kAccuracyCurve = "validation_rewards/accuracies";
constexpr double kUsualAccuracy = 0.6;

QString percentText(double share) {
    return RewardPath::tr("%1 %").arg(number(qint64(std::llround(100 * share))));
}

/// "72 % of 80 pairs it had not seen (61 to 81 %)"
QString accuracyText(const RewardModelRun& run) {
    const auto right = std::int64_t(std::llround(run.accuracy * double(run.pairs)));
    const Interval interval = wilsonInterval(right, run.pairs);
    return RewardPath::tr("%1: right about %2 of %3 pairs it had not seen (95 % interval %4 to %5).")
        .arg(run.name, percentText(run.accuracy), number(run.pairs), percentText(interval.low), percentText(interval.high));
}

/// So few pairs that it may be no better than a coin: the engine refuses it, too.
bool maybeCoin(const RewardModelRun& run) {
    return run.pairs > 0 && wilsonInterval(std::int64_t(std::llround(run.accuracy * double(run.pairs))), run.pairs).low <= 0.5;
}

} // namespace

Result<std::vector<RewardModelRun>> readRewardModels(Project& project, const Catalog& catalog) {
    std::vector<RewardModelRun> found;
    ATTUNE_ASSIGN(const std::vector<RunRow> rows, readRuns(project, catalog));
    for (const RunRow& row : rows) {
        const auto config = parseRunConfig(row.record.recipe, catalog, row.record.name);
        if (row.record.state != "finished" || !config || config->objective.id != "reward")
            continue;
        RewardModelRun run;
        run.run = row.record.id;
        run.name = qstr(row.record.name);
        run.folder = row.folder;
        run.model = config->model;
        for (const MethodEntry& method : catalog.methods)
            run.adapter = method.description.id == config->method.id ? method.producesAdapter : run.adapter;
        ATTUNE_ASSIGN(const std::vector<CurvePoint> curve, project.runs().curve(run.run, kAccuracyCurve));
        const auto best = row.record.numbers.find("best_step");
        for (const CurvePoint& point : curve)
            if (best == row.record.numbers.end() || point.step <= std::int64_t(best->second))
                run.accuracy = point.value;
        if (const auto version = project.datasets().version(row.record.datasetVersion))
            run.pairs = version->bySplit[std::size_t(Split::Validation)];
        found.push_back(std::move(run));
    }
    return found;
}

const ObjectiveEntry* rewardModelObjective(const Catalog& catalog) {
    const ObjectiveEntry* found = nullptr;
    for (const ObjectiveEntry& objective : catalog.objectives)
        if (findParam(objective.description.params, "reward_model") && (!found || objective.description.id == "ppo"))
            found = &objective;
    return found;
}

double leastRewardAccuracy(const ObjectiveEntry& objective) {
    const ParamSpec* spec = findParam(objective.description.params, "reward_model_min_accuracy");
    const double* value = spec ? std::get_if<double>(&spec->defaultValue) : nullptr;
    return value ? *value : kUsualAccuracy;
}

RewardPath::RewardPath(const Catalog& catalog, QWidget* parent) : QWidget(parent), m_catalog(catalog) {
    auto* outer = new QVBoxLayout(this);
    outer->setContentsMargins(0, 0, 0, 0);
    m_card = new Card(tr("From pairs to practice"), tr("a reward model first, then PPO: more work than DPO, for tasks that it does not settle"), this);
    outer->addWidget(m_card);
    m_steps = {makeStep(1, tr("Train a reward model"), tr("Set it up")),
               makeStep(2, tr("See how often it is right"), {}),
               makeStep(3, tr("Let the model practise (PPO)"), tr("Set up PPO"))};
    connect(m_steps[0].button, &QPushButton::clicked, this, &RewardPath::rewardModelWanted);
    connect(m_steps[2].button, &QPushButton::clicked, this, [this] {
        if (m_best)
            Q_EMIT practiceWanted(m_best->folder);
    });
    show({}, {});
}

RewardPath::Step RewardPath::makeStep(int number, const QString& title, const QString& button) {
    auto* row = new QFrame(m_card);
    row->setProperty("inset", true);
    auto* line = new QHBoxLayout(row);
    line->setContentsMargins(10, 8, 10, 8);
    line->setSpacing(12);
    Step step;
    auto* words = new QVBoxLayout;
    words->setSpacing(2);
    auto* head = new QHBoxLayout;
    head->setSpacing(8);
    step.title = makeLabel(QStringLiteral("%1. %2").arg(number).arg(title), "body", row);
    step.title->setWordWrap(false);
    head->addWidget(step.title);
    step.mark = new Chip({}, Tone::Neutral, row);
    head->addWidget(step.mark);
    head->addStretch(1);
    words->addLayout(head);
    step.words = makeLabel({}, "note", row);
    words->addWidget(step.words);
    line->addLayout(words, 1);
    step.button = button.isEmpty() ? nullptr : makeButton(button, "small", {}, row);
    if (step.button)
        line->addWidget(step.button, 0, Qt::AlignVCenter);
    m_card->body()->addWidget(row);
    return step;
}

void RewardPath::setStep(const Step& step, Tone tone, const QString& mark, const QString& words) {
    step.mark->setTone(tone);
    step.mark->setText(mark);
    step.mark->setVisible(!mark.isEmpty());
    step.words->setText(words);
}

bool RewardPath::ready() const {
    const ObjectiveEntry* objective = rewardModelObjective(m_catalog);
    return objective && m_best && m_best->accuracy >= leastRewardAccuracy(*objective) && !maybeCoin(*m_best);
}

void RewardPath::show(const std::vector<RewardModelRun>& runs, const std::string& model) {
    m_best.reset();
    bool other = false; // a reward model that cannot be used with this base model
    for (const RewardModelRun& run : runs) {
        if (run.model != model || !run.adapter)
            other = true;
        else if (!m_best || run.accuracy > m_best->accuracy)
            m_best = run;
    }
    const ObjectiveEntry* objective = rewardModelObjective(m_catalog);
    const double least = objective ? leastRewardAccuracy(*objective) : kUsualAccuracy;
    setStep(m_steps[0], m_best ? Tone::Good : Tone::Neutral, m_best ? tr("✓ done") : QString(),
            m_best ? tr("%1 learned from your pairs which answer is better.").arg(m_best->name)
            : other ? tr("The reward models of this project have another base model, or were trained without an adapter.")
                    : tr("It learns from your pairs which answer is better. Keep some pairs for validation."));
    if (!m_best)
        setStep(m_steps[1], Tone::Neutral, {}, tr("Counted on validation pairs: at least %1 are asked for.").arg(percentText(least)));
    else if (m_best->accuracy < 0)
        setStep(m_steps[1], Tone::Careful, tr("! not measured"),
                tr("%1 had no validation pairs. Split the pairs in Data and train it again.").arg(m_best->name));
    else if (m_best->accuracy < least)
        setStep(m_steps[1], Tone::Bad, tr("✕ below %1").arg(percentText(least)),
                accuracyText(*m_best) + QLatin1Char(' ') + tr("More pairs, or pairs that differ more, help most."));
    else if (maybeCoin(*m_best))
        setStep(m_steps[1], Tone::Bad, tr("✕ too few pairs"),
                accuracyText(*m_best) + QLatin1Char(' ') + tr("It may be no better than a coin: more validation pairs will tell."));
    else
        setStep(m_steps[1], Tone::Good, tr("✓ good enough"), accuracyText(*m_best));
    setStep(m_steps[2], Tone::Neutral, {},
            ready() ? tr("The model answers your prompts, the reward model scores them, and it learns to be scored higher.")
                    : tr("Opens when the reward model is right often enough: a poor judge teaches a model to please it."));
    m_steps[2].button->setEnabled(ready());
}

} // namespace attune
