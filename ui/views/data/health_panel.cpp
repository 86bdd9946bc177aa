#include "ui/views/data/health_panel.h"

#include <QLabel>
#include <QPushButton>
#include <QVBoxLayout>

#include "ui/bridge/qt_convert.h"
#include "ui/charts/histogram_chart.h"
#include "ui/views/data/health_line.h"
#include "ui/widgets/card.h"
#include "ui/widgets/chart_support.h"

namespace attune {

HealthPanel::HealthPanel(QWidget* parent) : QWidget(parent) {
    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(0, 0, 0, 0);
    column->setSpacing(16);
    m_health = new Card(tr("Health"), {}, this);
    m_health->body()->setSpacing(0);
    m_again = makeButton(tr("Check again"), "small", {}, m_health);
    m_again->hide();
    m_health->tools()->addWidget(m_again);
    m_rows = addLine(tr("Rows"));
    m_duplicates = addLine(tr("Exact duplicates"), HealthFinding::Duplicates);
    m_near = addLine(tr("Nearly the same"));
    m_conflicting = addLine(tr("Same prompt, other answer"));
    m_leaks = addLine(tr("Test rows seen in training"), HealthFinding::Leaks);
    m_empty = addLine(tr("Empty prompt or answer"), HealthFinding::Empty);
    m_tooLong = addLine(tr("Longer than the context"), HealthFinding::TooLong);
    m_controlTokens = addLine(tr("Control tokens in the text"), HealthFinding::ControlTokens);
    m_toolFaults = addLine(tr("Tools or calls that stay text"));
    m_context = addLine(tr("Last answer not learned (weight 0)"));
    m_setAside = addLine(tr("Unreadable, set aside"), HealthFinding::SetAside);
    column->addWidget(m_health);

    m_length = new Card(tr("Length"), {}, this);
    m_chart = new HistogramChart(m_length);
    m_chart->setAccessibleName(tr("Rows by their length in tokens"));
    m_chart->setFixedHeight(132);
    followTheme(*m_chart);
    m_noCounts = new QWidget(m_length);
    auto* noCounts = new QVBoxLayout(m_noCounts);
    noCounts->setContentsMargins(0, 0, 0, 0);
    noCounts->addWidget(makeLabel(tr("Tokens are counted with the model you want to tune."), "muted", m_noCounts));
    auto* choose = makeButton(tr("Choose a model folder…"), "secondary", "folder", m_noCounts);
    noCounts->addWidget(choose, 0, Qt::AlignLeft);
    m_lengthWords = makeLabel({}, "note", m_length);
    m_length->body()->addWidget(m_chart);
    m_length->body()->addWidget(m_noCounts);
    m_length->body()->addWidget(m_lengthWords);
    m_chart->hide();
    m_lengthWords->hide();
    column->addWidget(m_length);
    connect(choose, &QPushButton::clicked, this, &HealthPanel::chooseModelWanted);
    connect(m_again, &QPushButton::clicked, this, &HealthPanel::checkWanted);
}

HealthLine* HealthPanel::addLine(const QString& what, std::optional<HealthFinding> finding) {
    auto* line = new HealthLine(what, m_health);
    m_health->body()->addWidget(line);
    if (finding)
        connect(line, &QAbstractButton::clicked, this, [this, finding = *finding] { Q_EMIT findingClicked(finding); });
    return line;
}

void HealthPanel::setChecking() {
    m_health->setNote(tr("checking…"));
    m_again->hide();
}

void HealthPanel::setOutdated() {
    m_health->setNote(tr("not up to date"));
    m_again->show();
}

void HealthPanel::setReport(const HealthReport& report, const QString& modelName) {
    const QualityReport& quality = report.quality;
    m_health->setNote(tr("checked"));
    m_again->hide();
    const auto show = [](HealthLine& line, qint64 count, const QString& verdict, Tone tone, bool opens = true) {
        line.setState(number(count), count == 0 ? tr("fine") : verdict, count == 0 ? Tone::Good : tone,
                      opens && count > 0);
    };
    m_rows->setState(number(qint64(report.statistics.rows)), {}, Tone::Neutral, false);
    show(*m_duplicates, quality.exactDuplicates, tr("settle"), Tone::Careful);
    // The check counts these two without listing them.
    show(*m_near, quality.nearDuplicates, tr("look"), Tone::Neutral, false);
    show(*m_conflicting, quality.conflicting, tr("look"), Tone::Neutral, false);
    m_near->setVisible(quality.nearDuplicates > 0);
    m_conflicting->setVisible(quality.conflicting > 0);
    show(*m_leaks, quality.leaked, tr("blocks"), Tone::Bad);
    show(*m_empty, quality.emptyPrompt + quality.emptyCompletion, tr("settle"), Tone::Careful);
    show(*m_controlTokens, quality.withControlTokens, tr("settle"), Tone::Careful);
    show(*m_toolFaults, quality.toolFaults, tr("look"), Tone::Careful, false);
    m_toolFaults->setToolTip(tr("The first: %1").arg(qstr(quality.firstToolFault)));
    show(*m_context, quality.contextLastAnswers, tr("look"), Tone::Neutral, false);
    m_context->setToolTip(tr("They teach only where every answer is learned (train_on: all_assistant)."));
    m_toolFaults->setVisible(quality.toolFaults > 0);
    m_context->setVisible(quality.contextLastAnswers > 0);
    show(*m_setAside, report.statistics.problems, tr("show"), Tone::Neutral);
    const bool counted = report.statistics.counted > 0;
    if (counted && report.contextLength > 0)
        show(*m_tooLong, report.tooLong, tr("cut"), Tone::Careful);
    else
        m_tooLong->setState(QStringLiteral("–"), tr("not measured"), Tone::Neutral, false);

    m_chart->setVisible(counted);
    m_lengthWords->setVisible(counted);
    m_noCounts->setVisible(!counted);
    m_length->setNote(counted
                          ? tr("tokens per row") + (report.contextLength > 0
                                                        ? tr(" · context %1").arg(number(qint64(report.contextLength)))
                                                        : QString())
                          : QString());
    if (!counted)
        return;
    QVector<double> counts;
    for (const std::int64_t rows : report.statistics.tokenHistogram)
        counts << double(rows);
    m_chart->setBins(0, double(report.statistics.binWidth), counts);
    m_chart->setLimit(double(report.contextLength), report.contextLength > 0 ? tr("context") : QString());
    m_lengthWords->setText(
        tr("%1 tokens in all, %2 on average, %3 at most. Counted with %4.")
            .arg(number(qint64(report.statistics.tokens)),
                 number(qint64(report.statistics.tokens / std::max<std::int64_t>(1, report.statistics.counted))),
                 number(qint64(report.statistics.maxTokens)), modelName));
}

} // namespace attune
