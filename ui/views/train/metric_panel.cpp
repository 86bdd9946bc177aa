#include "ui/views/train/metric_panel.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include <QGridLayout>
#include <QHBoxLayout>
#include <QMenu>
#include <QVBoxLayout>

#include "ui/bridge/qt_convert.h"
#include "ui/views/train/train_parts.h"
#include "ui/widgets/card.h"
#include "ui/widgets/chart_support.h"
#include "ui/widgets/message_bar.h"

namespace attune {
namespace {

constexpr int kChartHeight = 128, kLeastWidth = 208, kMostColumns = 3, kGap = 24;
// Figures that every run has; the colon keeps them apart from an objective's.
const char* const kRate = ":learning_rate";
const char* const kNorm = ":gradient_norm";
const char* const kSpeed = ":tokens_per_second";

std::vector<MetricSpec> figuresOfEveryRun() {
    const auto words = [](const char* text) { return sstr(MetricPanel::tr(text)); };
    return {{kNorm, words(QT_TRANSLATE_NOOP("MetricPanel", "Gradient norm")), "",
             words(QT_TRANSLATE_NOOP("MetricPanel", "How strongly a step pulls at the weights, before it is limited; sudden peaks are a warning."))},
            {kRate, words(QT_TRANSLATE_NOOP("MetricPanel", "Learning rate")), "",
             words(QT_TRANSLATE_NOOP("MetricPanel", "How far each step moves the weights; its course is the schedule."))},
            {kSpeed, words(QT_TRANSLATE_NOOP("MetricPanel", "Speed")), words(QT_TRANSLATE_NOOP("MetricPanel", "tokens a second")),
             words(QT_TRANSLATE_NOOP("MetricPanel", "Averaged over the last steps.")), false},
            {"penalty", words(QT_TRANSLATE_NOOP("MetricPanel", "Penalty")), "",
             words(QT_TRANSLATE_NOOP("MetricPanel", "What the protection against forgetting adds to the loss.")), false},
            {"aux_loss", words(QT_TRANSLATE_NOOP("MetricPanel", "Balance of experts")), "",
             words(QT_TRANSLATE_NOOP("MetricPanel", "Of a mixture: as low as the number of experts per token when all are equally busy, higher when few do the work.")), false},
            {"replay/loss", words(QT_TRANSLATE_NOOP("MetricPanel", "Loss of mixed-in rows")), "nats",
             words(QT_TRANSLATE_NOOP("MetricPanel", "Of the general or earlier rows in each step; it should not rise.")), false},
            {"replay/share", words(QT_TRANSLATE_NOOP("MetricPanel", "Share of mixed-in rows")), "share",
             words(QT_TRANSLATE_NOOP("MetricPanel", "Of each step's tokens.")), false}};
}

QString figureText(const MetricSpec& spec, double value) {
    if (!std::isfinite(value))
        return MetricPanel::tr("not a number");
    if (spec.unit == "share")
        return MetricPanel::tr("%1 %").arg(number(value, std::abs(value) < 10 ? 1 : 0));
    if (spec.key == kRate || (value != 0 && std::abs(value) < 0.001))
        return QString::number(value, 'g', 3);
    return number(value, std::abs(value) >= 100 ? 0 : std::abs(value) >= 10 ? 1 : 3);
}

} // namespace

MetricPanel::MetricPanel(MessageArea& messages, QWidget* parent) : QWidget(parent), m_messages(messages) {
    auto* outer = new QVBoxLayout(this);
    outer->setContentsMargins(0, 0, 0, 0);
    m_card = new Card(tr("Curves"), tr("newest value at the right · ● on the validation rows"), this);
    outer->addWidget(m_card);
    m_choose = makeButton(tr("Choose curves"), "chip", {}, m_card);
    m_card->tools()->addWidget(m_choose);
    m_menu = new QMenu(m_choose);
    m_menu->setToolTipsVisible(true);
    connect(m_choose, &QPushButton::clicked, this, [this] {
        fillMenu();
        m_menu->popup(m_choose->mapToGlobal(QPoint(0, m_choose->height())));
    });
    auto* save = makeButton(tr("Save as…"), "chip", {}, m_card);
    save->setAccessibleName(tr("Save one of the curves as a picture or as values"));
    m_card->tools()->addWidget(save);
    m_saveMenu = new QMenu(save);
    connect(save, &QPushButton::clicked, this, [this, save] {
        fillSaveMenu();
        m_saveMenu->popup(save->mapToGlobal(QPoint(0, save->height())));
    });
    m_grid = new QGridLayout;
    m_grid->setHorizontalSpacing(kGap);
    m_grid->setVerticalSpacing(16);
    m_card->body()->addLayout(m_grid, 1);
    begin({});
}

void MetricPanel::begin(const std::vector<MetricSpec>& metrics) {
    for (auto& [key, curve] : m_curves)
        delete curve.box;
    m_curves.clear();
    m_order.clear();
    m_newSteps.clear(), m_newValidation.clear();
    m_lastStep = -1, m_end = 0;
    m_metrics = metrics;
    const std::vector<MetricSpec> every = figuresOfEveryRun();
    m_metrics.insert(m_metrics.end(), every.begin(), every.end());
    for (const MetricSpec& spec : m_metrics)
        if (spec.key.find('*') == std::string::npos)
            curve(spec.key);
    // Their places are there before the first step, so that the page does not jump. What an objective may or may not report
    // (a distance that is not held against the model) comes when it is reported.
    for (const char* key : {kNorm, kRate})
        draw(curve(key));
    arrange();
}

MetricPanel::Curve& MetricPanel::curve(const std::string& key) {
    const auto known = m_curves.find(key);
    if (known != m_curves.end())
        return known->second;
    Curve& made = m_curves[key];
    MetricSpec filled;
    if (const MetricSpec* spec = findMetric(m_metrics, key, filled))
        made.spec = *spec;
    else
        made.spec = {key, key, "", sstr(tr("A figure this version of the program has no words for.")), false};
    m_order.push_back(key);
    return made;
}

double MetricPanel::shown(const MetricSpec& spec, double value) const {
    return !std::isfinite(value) ? qQNaN() : spec.unit == "share" ? 100 * value : value;
}

bool MetricPanel::wanted(const Curve& curve) const {
    return curve.reported && m_chosen.value(qstr(curve.spec.key), curve.spec.leading);
}

void MetricPanel::add(const std::string& key, double step, double value, bool validation) {
    Curve& of = curve(key);
    of.reported = true;
    (validation ? m_newValidation : m_newSteps)[key].append({step, shown(of.spec, value)});
}

void MetricPanel::takeSteps(const QVector<StepFinished>& steps) {
    for (const StepFinished& step : steps) {
        const double x = double(step.step);
        if (x <= m_lastStep) { // a continued run repeats what its last checkpoint did not hold
            flush();
            for (auto& [key, curve] : m_curves) {
                const auto beyond = [x](const LossChart::Point& point) { return point.x >= x; };
                curve.steps.removeIf(beyond), curve.validation.removeIf(beyond);
                if (curve.chart)
                    curve.chart->truncateAfter(x - 0.5);
            }
        }
        m_lastStep = x;
        m_end = double(step.totalSteps);
        add(kNorm, x, step.gradientNorm, false);
        add(kRate, x, step.learningRate, false);
        add(kSpeed, x, step.tokensPerSecond, false);
        for (const auto& [name, value] : step.metrics)
            add(name, x, value, false);
    }
    flush();
}

void MetricPanel::takeEvals(const QVector<EvalFinished>& evals) {
    for (const EvalFinished& eval : evals)
        if (eval.name == "validation")
            for (const auto& [name, value] : eval.metrics)
                add(name, double(eval.step), value, true);
    flush();
}

void MetricPanel::flush() {
    bool more = false;
    for (const auto& [key, points] : m_newSteps)
        m_curves.at(key).steps += points;
    for (const auto& [key, points] : m_newValidation) {
        QVector<LossChart::Point>& known = m_curves.at(key).validation;
        for (const LossChart::Point& point : points) {
            known.removeIf([&](const LossChart::Point& other) { return other.x == point.x; });
            known.append(point);
        }
    }
    const auto steps = std::exchange(m_newSteps, {}), validation = std::exchange(m_newValidation, {});
    for (auto& [key, curve] : m_curves) {
        if (!curve.chart) {
            if (wanted(curve)) {
                draw(curve);
                more = true;
            }
            continue;
        }
        if (const auto fresh = steps.find(key); fresh != steps.end())
            curve.chart->append(fresh->second);
        if (const auto fresh = validation.find(key); fresh != validation.end())
            curve.chart->appendValidation(fresh->second);
        curve.chart->setExpectedEnd(m_end);
        showValue(curve);
    }
    if (more)
        arrange();
}

void MetricPanel::draw(Curve& curve) {
    curve.box = new QWidget(m_card);
    auto* column = new QVBoxLayout(curve.box);
    column->setContentsMargins(0, 0, 0, 0);
    column->setSpacing(4);
    auto* line = new QHBoxLayout;
    line->setSpacing(8);
    const QString name = qstr(curve.spec.label);
    curve.title = new ElidedLabel(name, Qt::ElideRight, curve.box);
    setStyleProperty(curve.title, "role", "section");
    curve.box->setToolTip("<p>" + name.toHtmlEscaped() + ": " + qstr(curve.spec.help).toHtmlEscaped() + "</p>");
    curve.value = makeLabel({}, "note", curve.box);
    curve.value->setWordWrap(false);
    line->addWidget(curve.title, 1);
    line->addWidget(curve.value);
    column->addLayout(line);
    curve.chart = new LossChart(curve.box);
    curve.chart->setNames(name, {});
    curve.chart->setAccessibleName(name);
    curve.chart->setAccessibleDescription(qstr(curve.spec.help));
    if (curve.spec.key == kRate)
        curve.chart->setSmoothing(0);
    else
        curve.chart->setAutomaticSmoothing();
    takeLeftRoom(*curve.chart, kChartHeight);
    followTheme(*curve.chart);
    column->addWidget(curve.chart, 1);
    curve.chart->append(curve.steps);
    curve.chart->appendValidation(curve.validation);
    curve.chart->setExpectedEnd(m_end);
    showValue(curve);
}

void MetricPanel::showValue(Curve& curve) {
    QStringList parts;
    if (!curve.steps.isEmpty())
        parts << figureText(curve.spec, curve.steps.back().y);
    const std::string& unit = curve.spec.unit;
    if (!parts.isEmpty() && !unit.empty() && unit != "share")
        parts.back() += QLatin1Char(' ') + qstr(unit);
    if (!curve.validation.isEmpty())
        parts << tr("● %1").arg(figureText(curve.spec, curve.validation.back().y));
    curve.value->setText(parts.join(QStringLiteral("  ")));
}

void MetricPanel::arrange() {
    const int columns = std::clamp((width() - 32 + kGap) / (kLeastWidth + kGap), 1, kMostColumns);
    while (m_grid->count() > 0)
        delete m_grid->takeAt(0);
    int place = 0;
    for (const std::string& key : m_order)
        if (const Curve& curve = m_curves.at(key); curve.box) {
            m_grid->addWidget(curve.box, place / columns, place % columns);
            curve.box->show();
            ++place;
        }
    for (int column = 0; column < kMostColumns; ++column)
        m_grid->setColumnStretch(column, column < columns ? 1 : 0);
    m_columns = columns;
    m_card->setMinimumHeight(0);
    updateGeometry();
}

void MetricPanel::resizeEvent(QResizeEvent* event) {
    QWidget::resizeEvent(event);
    if (std::clamp((width() - 32 + kGap) / (kLeastWidth + kGap), 1, kMostColumns) != m_columns)
        arrange();
}

QStringList MetricPanel::titles() const {
    QStringList found;
    for (const std::string& key : m_order)
        if (const Curve& curve = m_curves.at(key); curve.box)
            found << qstr(curve.spec.label);
    return found;
}

LossChart* MetricPanel::chart(const QString& key) const {
    const auto found = m_curves.find(sstr(key));
    return found == m_curves.end() ? nullptr : found->second.chart;
}

void MetricPanel::setDrawn(const QString& key, bool drawn) {
    m_chosen[key] = drawn;
    Curve& of = curve(sstr(key));
    if (drawn && !of.box && of.reported) {
        draw(of);
    } else if (!drawn && of.box) {
        of.box->hide();
        of.box->deleteLater();
        of.box = nullptr, of.chart = nullptr, of.title = of.value = nullptr;
    }
    arrange();
}

void MetricPanel::fillMenu() {
    m_menu->clear();
    for (const std::string& key : m_order) {
        const Curve& of = m_curves.at(key);
        if (!of.reported && !of.box)
            continue;
        QAction* action = m_menu->addAction(qstr(of.spec.label).replace(QLatin1Char('&'), QLatin1String("&&")));
        action->setToolTip("<p>" + qstr(of.spec.help).toHtmlEscaped() + "</p>");
        action->setCheckable(true);
        action->setChecked(of.box != nullptr);
        connect(action, &QAction::toggled, this, [this, name = qstr(key)](bool on) { setDrawn(name, on); });
    }
}

void MetricPanel::fillSaveMenu() {
    m_saveMenu->clear();
    for (const std::string& key : m_order) {
        const Curve& of = m_curves.at(key);
        if (!of.chart)
            continue;
        QAction* action = m_saveMenu->addAction(qstr(of.spec.label).replace(QLatin1Char('&'), QLatin1String("&&")));
        connect(action, &QAction::triggered, of.chart, [this, chart = of.chart, name = qstr(of.spec.label).toLower()] {
            QString error;
            const QString file = chart->saveAs(QString(name).replace(QLatin1Char('/'), QLatin1Char('-')), &error);
            if (!error.isEmpty())
                m_messages.show("chart", Tone::Bad, error);
            else if (!file.isEmpty())
                m_messages.show("chart", Tone::Good, tr("Saved %1.").arg(file));
        });
    }
}

} // namespace attune
