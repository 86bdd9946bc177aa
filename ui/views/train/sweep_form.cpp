#include "ui/views/train/sweep_form.h"

#include <algorithm>
#include <cmath>

#include <QComboBox>
#include <QFormLayout>
#include <QHBoxLayout>
#include <QLineEdit>
#include <QSignalBlocker>
#include <QSpinBox>
#include <QVBoxLayout>

#include "core/plan/param_check.h"
#include "core/plan/presets.h"
#include "ui/bridge/qt_convert.h"
#include "ui/widgets/card.h"
#include "ui/widgets/segmented_control.h"
#include "ui/widgets/wheel_guard.h"

namespace attune {
namespace {

constexpr std::size_t kMostRows = 8;
constexpr int kUsualTrials = 9;
constexpr qsizetype kMostShown = 6; // values of a range named below it

std::string neat(double value, const ParamSpec& spec) {
    value = std::clamp(value, spec.min.value_or(value), spec.max.value_or(value));
    if (std::holds_alternative<std::int64_t>(spec.defaultValue))
        return paramText(ParamValue(std::int64_t(std::llround(value))));
    return paramText(ParamValue(std::stod(QString::number(value, 'g', 3).toStdString())));
}

} // namespace

SweepForm::SweepForm(const Catalog& catalog, QWidget* parent) : QWidget(parent), m_catalog(catalog) {
    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(0, 0, 6, 0); // room before the scroll bar
    column->setSpacing(16);

    auto* knobs = new Card(tr("What to try"), tr("everything else stays as in New run"), this);
    m_rowLayout = new QVBoxLayout;
    m_rowLayout->setSpacing(12);
    knobs->body()->addLayout(m_rowLayout);
    QPushButton* add = makeButton(tr("Add a setting"), "small", {}, knobs);
    knobs->body()->addWidget(add, 0, Qt::AlignLeft);
    knobs->body()->addWidget(makeLabel(tr("Values: 4, 8, 16. A range: 0.00005..0.001, with :log where ratios count."), "note", knobs));
    connect(add, &QPushButton::clicked, this, [this] {
        addRow();
        m_rows.back().knob->setFocus(Qt::OtherFocusReason);
    });
    column->addWidget(knobs);

    auto* how = new Card(tr("How"), {}, this);
    m_kind = new SegmentedControl({tr("Grid"), tr("Random"), tr("Halving")}, how);
    m_kind->setAccessibleName(tr("Kind of sweep"));
    m_kindWords = makeLabel({}, "muted", how);
    how->body()->addWidget(m_kind, 0, Qt::AlignLeft);
    how->body()->addWidget(m_kindWords);
    auto* choices = new QFormLayout;
    choices->setFieldGrowthPolicy(QFormLayout::AllNonFixedFieldsGrow);
    choices->setHorizontalSpacing(16);
    choices->setVerticalSpacing(8);
    m_trialsLabel = makeFieldLabel(tr("Trials"), how);
    m_trials = new QSpinBox(how);
    m_trials->setRange(2, int(kMaxSweepTrials));
    m_trials->setValue(kUsualTrials);
    m_trialsLabel->setBuddy(m_trials);
    guardWheel(m_trials);
    m_metric = new QComboBox(how);
    m_metric->setAccessibleName(tr("What trials are compared by"));
    guardWheel(m_metric);
    m_metric->setSizeAdjustPolicy(QComboBox::AdjustToMinimumContentsLengthWithIcon);
    m_metric->setMinimumContentsLength(12);
    for (const SweepMetric& metric : sweepMetrics())
        m_metric->addItem(qstr(metric.label), qstr(metric.id));
    QLabel* metricLabel = makeFieldLabel(tr("Compare by"), how);
    metricLabel->setBuddy(m_metric);
    choices->addRow(metricLabel, m_metric);
    choices->addRow(m_trialsLabel, m_trials);
    how->body()->addLayout(choices);
    column->addWidget(how);

    auto* cost = new Card(tr("What it takes"), tr("on this computer, estimated"), this);
    auto* figures = new QHBoxLayout;
    figures->setSpacing(16);
    m_count = new FigureLabel(tr("trials"), cost);
    m_steps = new FigureLabel(tr("steps in all"), cost);
    m_time = new FigureLabel(tr("one after the other"), cost);
    for (FigureLabel* figure : {m_count, m_steps, m_time})
        figures->addWidget(figure, 1);
    cost->body()->addLayout(figures);
    m_summary = makeLabel({}, "muted", cost);
    cost->body()->addWidget(m_summary);
    column->addWidget(cost);
    column->addStretch(1);

    m_soon.setSingleShot(true);
    m_soon.setInterval(60);
    connect(&m_soon, &QTimer::timeout, this, &SweepForm::check);
    connect(m_kind, &SegmentedControl::indexChanged, this, &SweepForm::showKind);
    connect(m_trials, &QSpinBox::valueChanged, &m_soon, qOverload<>(&QTimer::start));
    connect(m_metric, &QComboBox::currentIndexChanged, &m_soon, qOverload<>(&QTimer::start));
    showKind();
}

void SweepForm::setSituation(const SweepSituation& situation) {
    m_situation = situation;
    for (Row& row : m_rows) {
        const QString path = row.knob->currentData().toString();
        fillKnobs(row.knob, path);
        if (row.values->text() == row.suggested)
            row.values->setText(row.suggested = suggestion(path));
    }
    if (!m_begun) {
        m_begun = true;
        addRow(QStringLiteral("training.learning_rate"));
        for (const SweepableKnob& knob : sweepableKnobs(m_situation.base, m_catalog))
            if (knob.path == "method.r")
                addRow(QStringLiteral("method.r"));
    }
    m_soon.start();
}

void SweepForm::fillKnobs(QComboBox* box, const QString& path) const {
    const QSignalBlocker blocker(box);
    box->clear();
    for (const SweepableKnob& knob : sweepableKnobs(m_situation.base, m_catalog)) {
        box->addItem(qstr(knob.spec.label.empty() ? knob.path : knob.spec.label), qstr(knob.path));
        box->setItemData(box->count() - 1, "<p>" + qstr(knob.path).toHtmlEscaped() + ": " + qstr(knob.spec.help).toHtmlEscaped() + "</p>", Qt::ToolTipRole);
    }
    int index = box->findData(path);
    if (index < 0 && !path.isEmpty()) { // of another method: kept, and complained of
        box->addItem(path, path);
        index = box->count() - 1;
    }
    box->setCurrentIndex(index);
}

QString SweepForm::suggestion(const QString& path) const {
    for (const SweepableKnob& knob : sweepableKnobs(m_situation.base, m_catalog)) {
        if (qstr(knob.path) != path)
            continue;
        const ParamSpec& spec = knob.spec;
        const std::string section = knob.path.substr(0, knob.path.find('.'));
        const ParamMap& values = section == "training"    ? m_situation.base.training
                                 : section == "method"    ? m_situation.base.method.params
                                 : section == "objective" ? m_situation.base.objective.params
                                 : section == "optimizer" ? m_situation.base.optimizer.params
                                 : section == "protection" ? m_situation.base.protection.params
                                                          : m_situation.base.schedule.params;
        ParamValue now = spec.key == "id" ? spec.defaultValue : paramOr(values, {spec}, spec.key);
        if (knob.path == "training.learning_rate")
            now = effectiveLearningRate(m_situation.base);
        if (std::holds_alternative<bool>(now))
            return QStringLiteral("false,true");
        if (!spec.choices.empty()) {
            QStringList words;
            for (std::size_t i = 0; i < std::min<std::size_t>(4, spec.choices.size()); ++i)
                words << qstr(spec.choices[i]);
            return words.join(QLatin1Char(','));
        }
        if (const auto* number = std::get_if<double>(&now))
            return *number > 0 ? qstr(neat(*number / 4, spec) + ".." + neat(*number * 4, spec) + ":log")
                               : qstr(neat(0, spec) + "," + neat(0.05, spec) + "," + neat(0.1, spec));
        if (const auto* whole = std::get_if<std::int64_t>(&now)) {
            const double middle = *whole > 0 ? double(*whole) : 100;
            return qstr(neat(middle / 2, spec) + "," + neat(middle, spec) + "," + neat(middle * 2, spec));
        }
    }
    return {};
}

void SweepForm::addRow(const QString& path) {
    if (m_rows.size() >= kMostRows)
        return;
    Row row;
    row.box = new QWidget(this);
    auto* column = new QVBoxLayout(row.box);
    column->setContentsMargins(0, 0, 0, 0);
    column->setSpacing(4);
    auto* line = new QHBoxLayout;
    line->setSpacing(8);
    row.knob = new QComboBox(row.box);
    guardWheel(row.knob);
    row.knob->setAccessibleName(tr("Setting to try"));
    row.knob->setSizeAdjustPolicy(QComboBox::AdjustToMinimumContentsLengthWithIcon);
    row.knob->setMinimumContentsLength(9);
    row.values = new QLineEdit(row.box);
    row.values->setAccessibleName(tr("Values of the setting"));
    row.values->setMinimumWidth(90);
    QPushButton* remove = makeButton({}, "quiet", "close", row.box);
    remove->setAccessibleName(tr("Remove this setting"));
    remove->setToolTip(tr("Remove this setting"));
    line->addWidget(row.knob, 4);
    line->addWidget(row.values, 5);
    line->addWidget(remove);
    column->addLayout(line);
    row.complaint = makeLabel({}, "note", row.box);
    setStyleProperty(row.complaint, "tone", "bad");
    row.complaint->hide();
    column->addWidget(row.complaint);
    m_rowLayout->addWidget(row.box);
    // The first knob nobody chose yet.
    QString wanted = path;
    for (const SweepableKnob& knob : sweepableKnobs(m_situation.base, m_catalog)) {
        if (!wanted.isEmpty())
            break;
        if (std::none_of(m_rows.begin(), m_rows.end(), [&](const Row& other) { return other.knob->currentData().toString() == qstr(knob.path); }))
            wanted = qstr(knob.path);
    }
    fillKnobs(row.knob, wanted);
    row.suggested = suggestion(wanted);
    row.values->setText(row.suggested);
    connect(row.knob, &QComboBox::currentIndexChanged, this, [this, box = row.knob] {
        for (Row& each : m_rows)
            if (each.knob == box)
                each.values->setText(each.suggested = suggestion(box->currentData().toString()));
        m_soon.start();
    });
    connect(row.values, &QLineEdit::textChanged, &m_soon, qOverload<>(&QTimer::start));
    connect(remove, &QPushButton::clicked, this, [this, box = row.box] { removeRow(box); });
    m_rows.push_back(row);
    m_soon.start();
}

void SweepForm::removeRow(QWidget* box) {
    std::erase_if(m_rows, [box](const Row& row) { return row.box == box; });
    box->hide();
    box->deleteLater();
    if (!m_rows.empty())
        m_rows.back().values->setFocus(Qt::OtherFocusReason);
    m_soon.start();
}

void SweepForm::setKnob(int row, const QString& path, const QString& values) {
    while (int(m_rows.size()) <= row && m_rows.size() < kMostRows)
        addRow(path);
    fillKnobs(m_rows[std::size_t(row)].knob, path);
    m_rows[std::size_t(row)].values->setText(values);
    m_soon.start();
}

void SweepForm::setKind(SweepKind kind, int trials) {
    m_kind->setIndex(int(kind));
    m_trials->setValue(trials);
    showKind();
}

void SweepForm::showKind() {
    const auto kind = SweepKind(m_kind->index());
    m_kindWords->setText(kind == SweepKind::Grid     ? tr("Every combination of the values: thorough, and soon very many.")
                         : kind == SweepKind::Random ? tr("Settings drawn at random: finds good ones with fewer runs where there are many settings.")
                                                     : tr("All trials train a little, the better third goes on, and again: most time goes to the best."));
    m_trialsLabel->setVisible(kind != SweepKind::Grid);
    m_trials->setVisible(kind != SweepKind::Grid);
    m_soon.start();
}

void SweepForm::settle() {
    if (!m_soon.isActive())
        return;
    m_soon.stop();
    check();
}

void SweepForm::check() {
    m_plan.reset();
    SweepPlan plan;
    plan.kind = SweepKind(std::max(0, m_kind->index()));
    plan.trials = plan.kind == SweepKind::Grid ? 0 : m_trials->value();
    plan.metric = sstr(m_metric->currentData().toString());
    plan.rows = m_situation.data ? m_situation.data->rows : 1000;
    bool rowsFine = !m_rows.empty();
    for (const Row& row : m_rows) {
        auto knob = parseSweepKnob(sstr(row.knob->currentData().toString() + '=' + row.values->text()), m_situation.base, m_catalog);
        row.complaint->setVisible(!knob);
        setStyleProperty(row.complaint, "tone", knob ? "" : "bad");
        setStyleProperty(row.values, "complaint", knob ? "" : "bad");
        if (!knob) {
            const QString hint = qstr(knob.error().hint);
            row.complaint->setText(qstr(knob.error().message).replace(row.knob->currentData().toString(), row.knob->currentText()) + (hint.isEmpty() || hint.size() > 160 ? QStringLiteral(".") : QStringLiteral(". ") + hint));
            rowsFine = false;
            continue;
        }
        if (plan.kind == SweepKind::Grid && knob->isRange()) { // which values a grid takes of a range is not left unsaid
            QStringList taken;
            for (const std::string& value : gridValues(*knob))
                taken << qstr(value);
            if (taken.size() > kMostShown)
                taken = taken.mid(0, kMostShown - 1) << QStringLiteral("… ") + taken.back();
            row.complaint->setText(tr("A grid takes %1. For another number of values write :5 behind the range.").arg(taken.join(QStringLiteral(", "))));
            row.complaint->show();
        }
        plan.knobs.push_back(std::move(*knob));
    }
    QString summary, tone;
    const auto nothing = [&](const QString& why, bool bad) {
        for (FigureLabel* figure : {m_count, m_steps, m_time})
            figure->setFigure(QStringLiteral("–"));
        summary = why;
        tone = bad ? "bad" : "";
    };
    if (m_rows.empty())
        nothing(tr("Add a setting to try."), false);
    else if (!rowsFine)
        nothing(tr("Correct the values marked above."), true);
    else if (const auto trials = sweepTrials(plan, m_situation.base, m_catalog); !trials)
        nothing(qstr(trials.error().message + ". " + trials.error().hint), true);
    else if (plan.metric.starts_with("validation") && m_situation.data && !m_situation.validationRows)
        nothing(tr("There are no validation rows to compare by. Set some rows apart in Data, or compare by the training loss."), true);
    else {
        m_plan = plan;
        m_count->setFigure(number(qint64(trials->size())));
        m_count->setCaption(trials->size() == 1 ? tr("trial") : tr("trials"));
        m_steps->setFigure(QStringLiteral("–"));
        m_time->setFigure(QStringLiteral("–"));
        if (const int rungs = rungCount(plan, trials->size()); rungs > 1) {
            QStringList counts;
            for (int rung = 0; rung < rungs; ++rung)
                counts << number(qint64(trialsAtRung(plan, trials->size(), rung)));
            summary = tr("%1 trials in turn, each time three times as far.").arg(counts.join(QStringLiteral(" → ")));
        } else if (plan.kind == SweepKind::Halving) {
            summary = tr("With fewer than three trials nothing can be halved: they run to their end.");
        }
        if (plan.trials > qint64(trials->size()))
            summary += (summary.isEmpty() ? "" : " ") + tr("These values allow no more different trials.");
        if (m_situation.model && m_situation.data && m_situation.computer) {
            const auto estimate = estimateSweep(plan, m_situation.base, *m_situation.model, *m_situation.data, *m_situation.computer, m_catalog);
            if (estimate) {
                m_steps->setFigure(number(qint64(estimate->steps)));
                m_time->setFigure(durationText(estimate->seconds));
                summary += (summary.isEmpty() ? "" : " ") + tr("The largest trial needs about %1 of memory.").arg(bytesText(qint64(estimate->peakBytes)));
            }
        } else {
            summary += (summary.isEmpty() ? "" : " ") + tr("Steps and time are known when model and data are chosen in New run.");
        }
    }
    m_summary->setText(summary);
    m_summary->setVisible(!summary.isEmpty());
    setStyleProperty(m_summary, "tone", tone);
    Q_EMIT changed();
}

} // namespace attune
