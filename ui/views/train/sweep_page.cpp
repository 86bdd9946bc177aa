#include "ui/views/train/sweep_page.h"

#include <algorithm>
#include <cmath>

#include <QComboBox>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QScrollArea>
#include <QSignalBlocker>
#include <QTableView>
#include <QVBoxLayout>

#include "core/run/engine.h"
#include "core/store/project.h"
#include "ui/bridge/current_project.h"
#include "ui/bridge/qt_convert.h"
#include "ui/bridge/run_bridge.h"
#include "ui/bridge/sweep_driver.h"
#include "ui/charts/parallel_chart.h"
#include "ui/views/train/train_parts.h"
#include "ui/widgets/card.h"
#include "ui/widgets/chart_support.h"
#include "ui/widgets/empty_state.h"
#include "ui/widgets/message_bar.h"
#include "ui/widgets/progress_strip.h"

namespace attune {
namespace {

constexpr int kFormWidth = 440;

QString sweepStateWord(const std::string& state) {
    if (state == "finished")
        return SweepPage::tr("finished");
    if (state == "running")
        return SweepPage::tr("running");
    if (state == "interrupted")
        return SweepPage::tr("interrupted");
    if (state == "stopped")
        return SweepPage::tr("stopped");
    return SweepPage::tr("not started");
}

} // namespace

SweepPage::SweepPage(Services& services, MessageArea& messages, QWidget* parent) : QWidget(parent), m_services(services), m_messages(messages) {
    auto* columns = new QHBoxLayout(this);
    columns->setContentsMargins(0, 0, 0, 0);
    columns->setSpacing(16);
    m_form = new SweepForm(services.runs->catalog(), this);
    QScrollArea* left = makeScrolling(m_form);
    left->setFixedWidth(kFormWidth); // what stands in it needs that, and the area only scrolls up and down
    columns->addWidget(left);
    columns->addWidget(makeResults(), 1);

    m_driver = new SweepDriver(services, this);
    connect(m_form, &SweepForm::changed, this, &SweepPage::readyChanged);
    connect(m_driver, &SweepDriver::changed, this, [this] {
        readSweepNow();
        Q_EMIT readyChanged();
    });
    connect(m_driver, &SweepDriver::failed, this, [this](const Error& error) { m_messages.showError("sweep", error); });
    connect(m_driver, &SweepDriver::ended, this, [this] {
        m_progress->finish();
        m_services.project->noteChange(QStringLiteral("runs"));
        readList(m_driver->sweepId());
        Q_EMIT readyChanged();
    });
    connect(services.runs, &RunBridge::stepsFinished, this, [this] { showProgress(); });
    connect(services.runs, &RunBridge::runStarted, this, &SweepPage::refreshButtons);
    connect(services.runs, &RunBridge::runEnded, this, &SweepPage::refreshButtons);
    showSweep({});
}

QWidget* SweepPage::makeResults() {
    auto* box = new QWidget(this);
    auto* column = new QVBoxLayout(box);
    column->setContentsMargins(0, 0, 0, 0);
    column->setSpacing(16);
    m_progress = new ProgressStrip(box);
    connect(m_progress, &ProgressStrip::cancelClicked, this, [this] { m_driver->stop(); });
    column->addWidget(m_progress);

    m_nothing = new EmptyState(QStringLiteral("chart"), tr("No sweep yet"),
                               tr("A sweep trains the recipe of New run several times with other settings, one run after the other, and shows which settings are "
                                  "best. Choose on the left what to try, then start it."),
                               box);
    column->addWidget(m_nothing, 1);

    m_results = new QWidget(box);
    auto* results = new QVBoxLayout(m_results);
    results->setContentsMargins(0, 0, 0, 0);
    results->setSpacing(16);
    m_tableCard = new Card(tr("Trials"), tr("best first"), m_results);
    m_tableCard->setFlush();
    m_choice = new QComboBox(m_tableCard);
    m_choice->setAccessibleName(tr("Sweep that is shown"));
    m_choice->setSizeAdjustPolicy(QComboBox::AdjustToMinimumContentsLengthWithIcon);
    m_choice->setMinimumContentsLength(18);
    m_continue = makeButton(tr("Continue"), "small", {}, m_tableCard);
    m_open = makeButton(tr("Open run"), "small", {}, m_tableCard);
    m_use = makeButton(tr("Use this recipe"), "small", {}, m_tableCard);
    m_tableCard->tools()->addWidget(m_continue);
    m_tableCard->tools()->addWidget(m_open);
    m_tableCard->tools()->addWidget(m_use);
    auto* choiceLine = new QHBoxLayout;
    choiceLine->setContentsMargins(15, 0, 15, 0);
    choiceLine->addWidget(m_choice, 1);
    m_tableCard->body()->addLayout(choiceLine);
    m_table = new QTableView(m_tableCard);
    m_table->setModel(&m_model);
    m_table->setAccessibleName(tr("Trials of the sweep, best first"));
    m_table->setSelectionBehavior(QAbstractItemView::SelectRows);
    m_table->setSelectionMode(QAbstractItemView::SingleSelection);
    m_table->setShowGrid(false);
    m_table->setWordWrap(false);
    m_table->setTabKeyNavigation(false);
    m_table->verticalHeader()->hide();
    m_table->verticalHeader()->setDefaultSectionSize(30);
    m_table->horizontalHeader()->setStretchLastSection(true);
    m_table->horizontalHeader()->setHighlightSections(false);
    m_tableCard->body()->addWidget(m_table, 1);
    takeLeftRoom(*m_tableCard, 190);
    results->addWidget(m_tableCard, 5);

    auto* chartCard = new Card(tr("Settings and result"), tr("each line is a trial · the best end at the top"), m_results);
    m_chart = new ParallelChart(chartCard);
    m_chart->setMinimumHeight(150);
    followTheme(*m_chart);
    addSaveButton(*chartCard, *m_chart, QStringLiteral("sweep"), m_messages);
    chartCard->body()->addWidget(m_chart, 1);
    takeLeftRoom(*chartCard, 200);
    results->addWidget(chartCard, 5);
    column->addWidget(m_results, 1);

    connect(m_choice, &QComboBox::currentIndexChanged, this, &SweepPage::readSweepNow);
    connect(m_continue, &QPushButton::clicked, this, [this] { m_driver->start(m_services.project->get(), selectedSweep()); });
    connect(m_open, &QPushButton::clicked, this, [this] {
        if (const auto* trial = selectedTrial())
            Q_EMIT openWanted(trial->runId);
    });
    connect(m_use, &QPushButton::clicked, this, [this] {
        if (const auto* trial = selectedTrial())
            Q_EMIT recipeWanted(trial->runId);
    });
    connect(m_table, &QTableView::activated, this, [this] {
        if (const auto* trial = selectedTrial(); trial && trial->runId != 0)
            Q_EMIT openWanted(trial->runId);
    });
    connect(m_table->selectionModel(), &QItemSelectionModel::selectionChanged, this, [this] {
        const auto* trial = selectedTrial();
        m_chart->setMarked(trial ? int(trial->position) : -1);
        refreshButtons();
    });
    connect(m_chart, &ParallelChart::lineClicked, this, [this](int line) { select(line); });
    return box;
}

void SweepPage::load() {
    m_sweeps.clear();
    m_progress->finish();
    {
        const QSignalBlocker blocker(m_choice);
        m_choice->clear();
    }
    showSweep({});
    readList(0);
}

void SweepPage::readList(qint64 wanted) {
    const auto project = m_services.project->get();
    if (!project)
        return;
    runTask<std::vector<SweepRecord>>(
        this, [project](const Progress&) { return project->sweeps().list(); },
        [this, project, wanted](Result<std::vector<SweepRecord>> sweeps) {
            if (project != m_services.project->get())
                return;
            if (!sweeps)
                return m_messages.showError("sweeps", sweeps.error());
            const qint64 shown = wanted > 0 ? wanted : selectedSweep();
            m_sweeps = std::move(*sweeps);
            {
                const QSignalBlocker blocker(m_choice);
                m_choice->clear();
                for (const SweepRecord& sweep : m_sweeps)
                    m_choice->addItem(tr("Sweep %1 · %2 · %3").arg(sweep.id).arg(qstr(sweep.name), sweepStateWord(sweep.state)), qlonglong(sweep.id));
                m_choice->setCurrentIndex(std::max(0, m_choice->findData(qlonglong(shown))));
            }
            readSweepNow();
        });
}

void SweepPage::readSweepNow() {
    const auto project = m_services.project->get();
    const qint64 id = selectedSweep();
    const quint64 request = ++m_request;
    if (!project || id == 0)
        return showSweep({});
    runTask<SweepState>(
        this, [project, id, &catalog = m_services.runs->catalog()](const Progress&) { return readSweep(*project, catalog, id); },
        [this, request](Result<SweepState> state) {
            if (request != m_request)
                return;
            if (!state)
                m_messages.showError("sweep", state.error());
            showSweep(state ? std::optional(std::move(*state)) : std::nullopt);
        });
}

void SweepPage::showSweep(std::optional<SweepState> state) {
    const auto* before = selectedTrial();
    const qint64 selected = before ? before->position : -1;
    const bool onTop = before && before == m_model.trial(0); // then the selection stays with the best, whichever that is
    const bool sameSweep = before && state && m_model.sweep()->record.id == state->record.id;
    const bool driven = state && m_driver && m_driver->isActive() && state->record.id == m_driver->sweepId();
    m_nothing->setVisible(!state);
    m_results->setVisible(state.has_value());
    m_model.setSweep(std::move(state), m_services.runs->catalog(), driven ? m_driver->trial() : -1);
    if (m_model.sweep()) {
        const auto& shown = *m_model.sweep();
        m_tableCard->setNote(tr("best first · compared by %1").arg(m_model.headerData(1, Qt::Horizontal, Qt::DisplayRole).toString().toLower()));
        if (const int index = m_choice->findData(qlonglong(shown.record.id)); index >= 0)
            m_choice->setItemText(index, tr("Sweep %1 · %2 · %3").arg(shown.record.id).arg(qstr(shown.record.name), sweepStateWord(shown.record.state)));
        for (int column = 0; column < m_model.columnCount() && !sameSweep; ++column) // the user may have changed them since
            m_table->setColumnWidth(column, column == 0 ? 56 : column == 1 ? 124 : column == m_model.stateColumn() ? 160 : 116);
        showChart();
        select(sameSweep && !onTop ? selected : m_model.trial(0) ? m_model.trial(0)->position : -1);
    }
    showProgress();
    refreshButtons();
}

void SweepPage::showChart() {
    const SweepState& sweep = *m_model.sweep();
    std::vector<ParallelChart::Axis> axes;
    std::vector<ParallelChart::Line> lines(sweep.trials.size());
    const std::size_t measured = sweep.ranking().size();
    for (std::size_t i = 0; i < lines.size(); ++i) {
        lines[i].name = tr("trial %1").arg(i + 1);
        const int place = m_model.placeOf(qint64(i));
        lines[i].rank = place == 0 ? 1 : measured > 1 ? double(place - 1) / double(measured - 1) : 0;
    }
    for (std::size_t knob = 0; knob < sweep.plan.knobs.size(); ++knob) {
        ParallelChart::Axis axis;
        axis.label = m_model.knobLabel(knob);
        QVector<double> numbers;
        bool numeric = true;
        for (const SweepTrialRecord& trial : sweep.trials) {
            bool fine = false;
            numbers.append(qstr(trial.values[knob]).toDouble(&fine));
            numeric = numeric && fine;
            if (!axis.categories.contains(qstr(trial.values[knob])))
                axis.categories << qstr(trial.values[knob]);
        }
        if (numeric) {
            const auto [low, high] = std::minmax_element(numbers.begin(), numbers.end());
            axis.logarithmic = sweep.plan.knobs[knob].logarithmic || (*low > 0 && *high / *low >= 8);
            axis.categories.clear();
        }
        for (std::size_t i = 0; i < lines.size(); ++i)
            lines[i].values.append(numeric ? numbers[qsizetype(i)] : double(axis.categories.indexOf(qstr(sweep.trials[i].values[knob]))));
        axes.push_back(axis);
    }
    const auto metric = findSweepMetric(sweep.plan.metric);
    ParallelChart::Axis result;
    result.label = m_model.headerData(1, Qt::Horizontal, Qt::DisplayRole).toString();
    result.lowerIsBetter = metric && !metric->higherIsBetter;
    axes.push_back(result);
    for (std::size_t i = 0; i < lines.size(); ++i)
        lines[i].values.append(sweep.trials[i].results.empty() || sweep.trials[i].failed ? std::nan("") : sweep.trials[i].results.back());
    m_chart->setData(axes, lines);
}

void SweepPage::showProgress() {
    const auto& sweep = m_model.sweep();
    if (!m_driver || !m_driver->isActive() || !sweep || sweep->record.id != m_driver->sweepId()) {
        m_fractionThen = -1;
        return;
    }
    // In shares of whole runs; a failed trial costs what is left of it.
    const int rungs = rungCount(sweep->plan, sweep->trials.size());
    const auto shareAt = [&](std::size_t rung) { return rung == 0 ? 0.0 : 1.0 / std::pow(double(sweep->plan.eta), double(rungs) - double(rung)); };
    double all = 0, done = 0;
    for (int rung = 0; rung < rungs; ++rung)
        all += double(trialsAtRung(sweep->plan, sweep->trials.size(), rung)) * (shareAt(std::size_t(rung) + 1) - shareAt(std::size_t(rung)));
    for (const SweepTrialRecord& trial : sweep->trials)
        done += shareAt(trial.failed ? std::max<std::size_t>(1, trial.results.size()) : trial.results.size());
    if (m_driver->trial() >= 0) {
        const StepFinished& step = m_services.runs->current().lastStep;
        const double inRun = step.totalSteps > 0 ? double(step.step) / double(step.totalSteps) : 0;
        const double from = shareAt(std::size_t(m_driver->rung())), to = shareAt(std::size_t(m_driver->rung()) + 1);
        done += std::clamp(inRun - from, 0.0, to - from);
    }
    const double fraction = all > 0 ? std::clamp(done / all, 0.0, 1.0) : 0;
    if (m_fractionThen < 0) {
        m_fractionThen = fraction;
        m_since.start();
    }
    const double gained = fraction - m_fractionThen, seconds = double(m_since.elapsed()) / 1000;
    const QString what = m_driver->isStopping()  ? tr("Stopping after this step")
                         : m_driver->trial() < 0 ? tr("Preparing the next trial")
                         : rungs > 1             ? tr("Trial %1 of %2, rung %3 of %4").arg(m_driver->trial() + 1).arg(sweep->trials.size()).arg(m_driver->rung() + 1).arg(rungs)
                                                 : tr("Trial %1 of %2").arg(m_driver->trial() + 1).arg(sweep->trials.size());
    m_progress->setCancellable(!m_driver->isStopping());
    m_progress->showProgress(fraction, what, gained > 0.02 ? seconds * (1 - fraction) / gained : -1);
}

void SweepPage::select(qint64 position) {
    const int row = m_model.rowOf(position);
    if (row >= 0) {
        m_table->selectRow(row);
        m_table->scrollTo(m_model.index(row, 0));
    }
    m_chart->setMarked(row >= 0 ? int(position) : -1);
}

qint64 SweepPage::selectedSweep() const {
    return m_choice->currentData().toLongLong();
}

const SweepTrialRecord* SweepPage::selectedTrial() const {
    const QModelIndexList rows = m_table->selectionModel()->selectedRows();
    return rows.isEmpty() ? nullptr : m_model.trial(rows.front().row());
}

void SweepPage::refreshButtons() {
    const auto* trial = selectedTrial();
    m_open->setEnabled(trial && trial->runId != 0);
    m_use->setEnabled(trial && trial->runId != 0);
    const bool open = m_model.sweep() && m_model.sweep()->record.state != "finished";
    m_continue->setVisible(open && !(m_driver && m_driver->isActive()));
    m_continue->setEnabled(!m_services.runs->isActive());
}

bool SweepPage::isReady() const {
    return m_form->plan() && !m_form->base().model.empty() && m_form->base().data.datasetVersion > 0 && !m_services.runs->isActive() &&
           !m_driver->isActive() && !m_starting;
}

QString SweepPage::whyNotReady() const {
    if (isReady() || m_starting || m_driver->isActive())
        return {};
    if (m_form->base().model.empty())
        return tr("Choose a model first, in New run: a sweep turns the settings of that recipe.");
    if (m_form->base().data.datasetVersion <= 0)
        return tr("Choose a data version first, in New run: a sweep turns the settings of that recipe.");
    return m_form->plan() ? tr("A run is training: one at a time.") : tr("It cannot start yet: the settings at the left say what to correct.");
}

void SweepPage::start() {
    m_form->settle();
    const auto project = m_services.project->get();
    if (!project || !isReady())
        return;
    m_messages.remove("sweep");
    m_starting = runTask<qint64>(
        this,
        [project, engine = m_services.engine, base = m_form->base(), plan = *m_form->plan()](const Progress&) -> Result<qint64> {
            ATTUNE_CHECK(engine->check(base)); // what is wrong with every trial is said once, before any
            ATTUNE_ASSIGN(const std::int64_t id, createSweep(*project, engine->catalog(), base, plan));
            return qint64(id);
        },
        [this, project](Result<qint64> id) {
            m_starting = nullptr;
            if (!id) {
                m_messages.showError("sweep", id.error());
                Q_EMIT readyChanged();
                return;
            }
            readList(*id);
            m_driver->start(project, *id);
        });
    Q_EMIT readyChanged();
}

} // namespace attune
