#include "ui/views/train/live_page.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include <QActionGroup>
#include <QClipboard>
#include <QGridLayout>
#include <QGuiApplication>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QMenu>
#include <QProgressBar>
#include <QShortcut>
#include <QStackedWidget>
#include <QTableView>
#include <QVBoxLayout>

#include "core/plan/data_fit.h"
#include "core/run/run_folder.h"
#include "ui/bridge/qt_convert.h"
#include "ui/charts/loss_chart.h"
#include "ui/views/train/metric_panel.h"
#include "ui/views/train/sample_panel.h"
#include "ui/views/train/train_parts.h"
#include "ui/widgets/card.h"
#include "ui/widgets/chart_support.h"
#include "ui/widgets/empty_state.h"
#include "ui/widgets/message_bar.h"

namespace attune {
namespace {

constexpr int kSideWidth = 336, kRowHeight = 30;

} // namespace

LivePage::LivePage(const Catalog& catalog, MessageArea& messages, QWidget* parent)
    : QWidget(parent), m_catalog(catalog), m_messages(messages) {
    auto* outer = new QVBoxLayout(this);
    outer->setContentsMargins(0, 0, 0, 0);
    auto* inner = new QWidget(this);
    auto* grid = new QGridLayout(inner);
    grid->setContentsMargins(0, 0, 6, 0); // room before the scroll bar
    grid->setSpacing(16);
    m_samples = new SamplePanel(inner);
    auto* side = new QVBoxLayout;
    side->setSpacing(16);
    side->addWidget(makeProgressCard());
    side->addWidget(m_samples, 1);
    auto* sideBox = new QWidget(inner);
    sideBox->setFixedWidth(kSideWidth);
    side->setContentsMargins(0, 0, 0, 0);
    sideBox->setLayout(side);
    grid->addWidget(makeLossCard(), 0, 0);
    m_metrics = new MetricPanel(m_messages, inner);
    grid->addWidget(m_metrics, 1, 0);
    grid->addWidget(sideBox, 0, 1, 2, 1);
    grid->addWidget(makeLogCard(), 2, 0, 1, 2);
    grid->setRowStretch(0, 5);
    grid->setRowStretch(1, 3);
    grid->setRowStretch(2, 2);
    grid->setColumnStretch(0, 1);
    m_stack = new QStackedWidget(this);
    m_stack->addWidget(makeEmpty());
    m_stack->addWidget(makeScrolling(inner));
    outer->addWidget(m_stack);
}

Card* LivePage::makeLossCard() {
    auto* card = new Card(tr("Loss"), {}, this);
    m_lossCard = card;
    m_loss = new LossChart(card);
    takeLeftRoom(*m_loss, 190);
    m_loss->setAutomaticSmoothing();
    followTheme(*m_loss);
    card->body()->addWidget(m_loss, 1);

    auto* smoothing = makeButton({}, "chip", {}, card);
    smoothing->setAccessibleName(tr("Smoothing of the training curve"));
    auto* menu = new QMenu(smoothing);
    auto* group = new QActionGroup(menu);
    const auto choose = [this, smoothing](double weight) {
        if (weight < 0)
            m_loss->setAutomaticSmoothing();
        else
            m_loss->setSmoothing(weight);
        smoothing->setText(weight < 0 ? tr("Smoothing: automatic") : weight > 0 ? tr("Smoothing %1").arg(number(weight, 2)) : tr("No smoothing"));
    };
    for (const double weight : {-1.0, 0.0, 0.6, 0.8, 0.93, 0.98}) {
        QAction* action = menu->addAction(weight < 0 ? tr("Automatic, by the length of the run") : weight > 0 ? number(weight, 2) : tr("None"));
        action->setCheckable(true);
        action->setChecked(weight < 0);
        group->addAction(action);
        connect(action, &QAction::triggered, this, [choose, weight] { choose(weight); });
    }
    choose(-1);
    connect(smoothing, &QPushButton::clicked, this,
            [menu, smoothing] { menu->popup(smoothing->mapToGlobal(QPoint(0, smoothing->height()))); });
    card->tools()->addWidget(smoothing);
    auto* logScale = makeButton(tr("Log scale"), "chip", {}, card);
    logScale->setCheckable(true);
    card->tools()->addWidget(logScale);
    connect(logScale, &QPushButton::toggled, m_loss, &LossChart::setLogScale);
    auto* whole = makeButton(tr("Show all"), "chip", {}, card);
    whole->setToolTip(tr("Back from the zoomed part to the whole run"));
    whole->hide();
    card->tools()->addWidget(whole);
    connect(whole, &QPushButton::clicked, m_loss, &Chart::resetZoom);
    connect(m_loss, &Chart::zoomChanged, whole, [this, whole] { whole->setVisible(m_loss->isZoomed()); });
    addSaveButton(*card, *m_loss, QStringLiteral("loss"), m_messages);
    return card;
}

QWidget* LivePage::makeEmpty() {
    auto* empty = new EmptyState("train", tr("No run is open"),
                                 tr("A run's curves, sample answers and warnings stand here while it trains and afterwards."), this);
    empty->setPrimary(tr("Set up a run"));
    empty->setSecondary(tr("Open one from the history"));
    connect(empty, &EmptyState::primaryClicked, this, &LivePage::newRunWanted);
    connect(empty, &EmptyState::secondaryClicked, this, &LivePage::historyWanted);
    return empty;
}

Card* LivePage::makeProgressCard() {
    auto* card = new Card(tr("Progress"), {}, this);
    m_bar = new QProgressBar(card);
    m_bar->setTextVisible(false);
    m_bar->setAccessibleName(tr("Progress of the run"));
    m_progress = makeLabel({}, "muted", card);
    card->body()->addWidget(m_bar);
    card->body()->addWidget(m_progress);
    auto* grid = new QGridLayout;
    grid->setHorizontalSpacing(16);
    grid->setVerticalSpacing(12);
    m_speed = new FigureLabel(tr("tokens / s"), card);
    m_memory = new FigureLabel(tr("peak memory"), card);
    m_gradient = new FigureLabel(tr("grad norm"), card);
    m_best = new FigureLabel(tr("best validation"), card);
    grid->addWidget(m_speed, 0, 0);
    grid->addWidget(m_memory, 0, 1);
    grid->addWidget(m_gradient, 1, 0);
    grid->addWidget(m_best, 1, 1);
    card->body()->addLayout(grid);
    m_memoryNote = makeLabel({}, "note", card);
    m_memoryNote->hide();
    card->body()->addWidget(m_memoryNote);
    return card;
}

Card* LivePage::makeLogCard() {
    auto* card = new Card(tr("What happened"), {}, this);
    card->setFlush();
    m_table = new QTableView(card);
    m_table->setModel(&m_log);
    m_table->setAccessibleName(tr("What happened, newest first"));
    m_table->horizontalHeader()->hide();
    m_table->horizontalHeader()->setStretchLastSection(true);
    m_table->setColumnWidth(EventLogModel::StepColumn, 110);
    m_table->verticalHeader()->hide();
    m_table->verticalHeader()->setDefaultSectionSize(kRowHeight);
    m_table->setShowGrid(false);
    m_table->setSelectionBehavior(QAbstractItemView::SelectRows);
    takeLeftRoom(*m_table, 3 * kRowHeight);
    m_table->setTabKeyNavigation(false);
    auto* copy = new QShortcut(QKeySequence::Copy, m_table, nullptr, nullptr, Qt::WidgetShortcut);
    connect(copy, &QShortcut::activated, this, [this] { QGuiApplication::clipboard()->setText(m_log.tsv()); });
    card->body()->addWidget(m_table, 1);
    return card;
}

void LivePage::clear() {
    begin({});
    m_stack->setCurrentIndex(0);
}

void LivePage::begin(const RunConfig& config) {
    m_stack->setCurrentIndex(1);
    m_config = config;
    m_loss->clear();
    m_loss->resetZoom();
    m_loss->setExpectedEnd(0);
    const ObjectiveEntry* objective = findObjectiveEntry(m_catalog, config.objective.id);
    m_lossCard->setNote(objective && objective->ownAnswers ? tr("per step · with rewards it says little: watch the reward") : tr("per step · lower is better"));
    m_metrics->begin(objective ? objective->metrics : std::vector<MetricSpec>());
    m_messages.clear(); // all of them were about the run before
    m_samples->clear();
    m_log.clear();
    m_doctor = Doctor(DoctorFacts::of(config, m_catalog));
    m_last = {};
    m_peak = 0;
    m_bestStep = m_bestCheckpoint = -1;
    m_state = RunState::Preparing;
    m_active = m_stopping = false;
    m_bar->setRange(0, 0);
    m_progress->setText(tr("Preparing…"));
    resetFigures();
}

void LivePage::resetFigures() {
    for (FigureLabel* figure : {m_speed, m_memory, m_gradient, m_best})
        figure->setFigure(QStringLiteral("–"));
    m_memoryNote->hide();
    m_best->setCaption(tr("best validation"));
}

void LivePage::showTrace(const RunTrace& trace) {
    begin(trace.config);
    m_judging = false;
    apply(trace.events);
    m_judging = true;
    m_doctor = trace.doctor;
    showFindings(m_doctor.findings());
    if (m_last.step == 0) {
        m_bar->setRange(0, 1);
        m_bar->setValue(0);
        m_progress->setText(tr("This run ended before its first step."));
    }
}

void LivePage::apply(const std::vector<TrainingEvent>& events) {
    QVector<StepFinished> steps;
    const auto flush = [&] {
        if (!steps.isEmpty())
            takeSteps(std::exchange(steps, {}));
    };
    for (const TrainingEvent& event : events) {
        if (const auto* step = std::get_if<StepFinished>(&event)) {
            steps.append(*step);
            continue;
        }
        flush();
        if (const auto* eval = std::get_if<EvalFinished>(&event))
            takeEvals({*eval});
        else if (const auto* sample = std::get_if<SampleGenerated>(&event))
            takeSamples({*sample});
        else if (const auto* memory = std::get_if<MemoryReported>(&event))
            takeMemory(*memory);
        else if (const auto* checkpoint = std::get_if<CheckpointSaved>(&event))
            takeCheckpoint(*checkpoint);
        else if (const auto* warning = std::get_if<WarningRaised>(&event))
            takeWarning(*warning);
        else if (const auto* failure = std::get_if<RunFailed>(&event))
            takeFailure(*failure);
        else if (const auto* state = std::get_if<StateChanged>(&event))
            takeState(*state);
    }
    flush();
}

void LivePage::takeSteps(const QVector<StepFinished>& steps) {
    if (steps.isEmpty())
        return;
    m_metrics->takeSteps(steps);
    QVector<LossChart::Point> loss;
    loss.reserve(steps.size());
    const auto flush = [&] { m_loss->append(std::exchange(loss, {})); };
    for (const StepFinished& step : steps) {
        if (m_last.step > 0 &&
            step.step <= m_last.step) { // a continued run repeats what its last checkpoint did not hold
            flush();
            m_loss->truncateAfter(double(step.step) - 0.5);
        }
        loss.append({double(step.step), std::isfinite(step.loss) ? step.loss : qQNaN()});
        m_last = step;
        judge(step);
    }
    flush();
    m_loss->setExpectedEnd(double(m_last.totalSteps));
    showStep();
}

void LivePage::takeEvals(const QVector<EvalFinished>& evals) {
    m_metrics->takeEvals(evals);
    for (const EvalFinished& eval : evals) {
        m_log.add(eval);
        judge(eval);
        if (eval.name == "general")
            m_loss->appendGeneral({{double(eval.step), std::isfinite(eval.loss) ? eval.loss : qQNaN()}});
        if (eval.name != "validation")
            continue;
        m_loss->appendValidation({{double(eval.step), std::isfinite(eval.loss) ? eval.loss : qQNaN()}});
        if (std::isfinite(eval.loss) && (m_bestStep < 0 || eval.loss < m_bestLoss || eval.step <= m_bestStep)) {
            m_bestLoss = eval.loss;
            m_bestStep = eval.step;
            m_best->setFigure(number(eval.loss, 3));
            m_best->setCaption(eval.step == 0 ? tr("validation, base")
                                              : tr("best, step %1").arg(number(qint64(eval.step))));
        }
    }
}

void LivePage::takeSamples(const QVector<SampleGenerated>& samples) {
    m_samples->add(samples);
    for (const SampleGenerated& sample : samples)
        judge(sample);
}

void LivePage::takeMemory(const MemoryReported& memory) {
    m_peak = std::max<qint64>(m_peak, memory.peakBytes);
    m_memory->setFigure(bytesText(m_peak));
    // What the program held before is no part of what the run takes; both figures leave it out.
    const qint64 before = memory.beforeBytes, estimated = memory.predictedPeakBytes - before;
    QString words;
    if (before > 0 && before < m_peak) {
        words = tr("The run added %1 to the program's %2").arg(bytesText(m_peak - before), bytesText(before));
        words += estimated > 0 ? tr("; estimated were %1.").arg(bytesText(estimated)) : QStringLiteral(".");
    } else if (memory.predictedPeakBytes > 0) {
        words = tr("The estimate was %1, the program included.").arg(bytesText(memory.predictedPeakBytes));
    }
    m_memoryNote->setText(words);
    m_memoryNote->setToolTip(tr("Counted is everything the program took since the run began: weights, gradients, optimizer and activations, which "
                                "the estimate names, and beside them what libraries and the window keep."));
    m_memoryNote->setVisible(!words.isEmpty());
}

void LivePage::takeCheckpoint(const CheckpointSaved& checkpoint) {
    m_log.add(checkpoint);
    if (checkpoint.best) {
        m_bestCheckpoint = checkpoint.step;
        m_loss->setMarker(double(checkpoint.step), tr("best checkpoint %1").arg(number(qint64(checkpoint.step))));
    }
    judge(checkpoint);
}

void LivePage::takeWarning(const WarningRaised& warning) {
    m_log.add(warning);
    judge(warning);
}

void LivePage::takeFailure(const RunFailed& failure) {
    m_log.add(failure, m_last.step);
}

void LivePage::takeState(const StateChanged& state) {
    m_state = state.state;
    judge(state);
    m_log.add(state, m_last.step);
    if (state.state == RunState::Preparing) {
        m_bar->setRange(0, state.fraction >= 0 ? 100 : 0);
        m_bar->setValue(int(100 * std::max(0.0, state.fraction)));
        m_progress->setText(state.what.empty() ? tr("Preparing…") : qstr(state.what));
    } else {
        showStep();
    }
}

void LivePage::showStep() {
    if (m_last.step == 0)
        return;
    m_bar->setRange(0, int(std::max<std::int64_t>(1, m_last.totalSteps)));
    m_bar->setValue(int(m_last.step));
    QString text = tr("Step %1 of %2").arg(number(qint64(m_last.step)), number(qint64(m_last.totalSteps)));
    if (m_last.epoch > 0)
        text += tr(" · epoch %1").arg(number(m_last.epoch, 1));
    if (m_stopping)
        text += tr(" · stopping");
    else if (m_state == RunState::Paused)
        text += tr(" · paused");
    else if (m_active && m_last.secondsLeft > 0)
        text += tr(" · about %1 left").arg(durationText(m_last.secondsLeft));
    m_progress->setText(text);
    m_speed->setFigure(number(qint64(std::llround(m_last.tokensPerSecond))));
    m_gradient->setFigure(std::isfinite(m_last.gradientNorm) ? number(m_last.gradientNorm, 2) : tr("not a number"));
}

} // namespace attune
