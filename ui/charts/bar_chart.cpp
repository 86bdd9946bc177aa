#include "ui/charts/bar_chart.h"

#include <algorithm>
#include <cmath>

#include <qcustomplot.h>

namespace attune {
namespace {

constexpr double kGroupWidth = 0.72; // of the room of a category

QString valueText(double value, bool percent) {
    return percent ? QStringLiteral("%1 %").arg(std::lround(value)) : QString::number(value, 'g', 3);
}

} // namespace

BarChart::BarChart(QWidget* parent) : Chart(parent) {
    setAccessibleName(tr("Values with intervals"));
}

void BarChart::setData(const QStringList& categories, const std::vector<Series>& series, bool percent) {
    m_categories = categories;
    m_series = series;
    m_percent = percent;
    restyle();
    scheduleReplot();
}

void BarChart::restyle() {
    QCustomPlot& chart = plot();
    chart.clearPlottables();
    for (int i = chart.itemCount(); i-- > 0;)
        if (qobject_cast<QCPItemText*>(chart.item(i)))
            chart.removeItem(i);
    auto ticker = QSharedPointer<QCPAxisTickerText>::create();
    for (qsizetype i = 0; i < m_categories.size(); ++i)
        ticker->addTick(double(i), m_categories[i]);
    chart.xAxis->setTicker(ticker);
    const ChartStyle& s = style();
    const QColor colors[] = {s.muted, s.accent, s.good, s.careful};
    const double width = kGroupWidth / double(std::max<std::size_t>(1, m_series.size()));
    for (std::size_t k = 0; k < m_series.size(); ++k) {
        auto* bars = new QCPBars(chart.xAxis, chart.yAxis);
        auto* errors = new QCPErrorBars(chart.xAxis, chart.yAxis);
        errors->setDataPlottable(bars);
        bars->setName(m_series[k].name);
        bars->setPen(QPen(Qt::NoPen));
        bars->setBrush(QBrush(colors[m_series.size() == 1 ? 1 : k % 4]));
        bars->setWidth(width * 0.9);
        errors->setPen(QPen(s.text, 1.2));
        errors->setWhiskerWidth(8);
        errors->setSymbolGap(0);
        errors->removeFromLegend();
        QVector<double> x, y, minus, plus;
        for (std::size_t i = 0; i < m_series[k].values.size(); ++i) {
            const Value value = shown(m_series[k].values[i]);
            const double center = double(i) - kGroupWidth / 2 + (double(k) + 0.5) * width;
            auto* text = new QCPItemText(&chart);
            text->setFont(s.font);
            text->setColor(value.measured ? s.text : s.muted);
            text->setPositionAlignment(Qt::AlignHCenter | Qt::AlignBottom);
            text->setPadding(QMargins(0, 0, 0, 3));
            text->setText(value.measured ? valueText(value.value, m_percent) : tr("not measured"));
            if (!value.measured) { // upright in the place of its bar
                text->setRotation(-90);
                text->setPositionAlignment(Qt::AlignLeft | Qt::AlignVCenter);
                text->setPadding(QMargins(4, 0, 0, 0));
            }
            text->position->setCoords(center, value.measured ? std::max(value.value, value.high) : 0);
            if (!value.measured)
                continue;
            x.append(center);
            y.append(value.value);
            minus.append(std::max(0.0, value.value - std::min(value.low, value.value)));
            plus.append(std::max(0.0, std::max(value.high, value.value) - value.value));
        }
        bars->setData(x, y);
        errors->setData(minus, plus);
    }
    chart.legend->setVisible(m_series.size() > 1);
    chart.legend->setBorderPen(QPen(Qt::NoPen));
    chart.legend->setBrush(QBrush(s.background));
    chart.legend->setFont(s.font);
    chart.legend->setTextColor(s.muted);
}

void BarChart::rescale() {
    plot().xAxis->setRange(-0.6, double(std::max<qsizetype>(1, m_categories.size())) - 0.4);
    double top = m_percent ? 100.0 : 0.0, bottom = 0;
    for (const Series& series : m_series)
        for (const Value& given : series.values)
            if (const Value value = shown(given); value.measured) {
                top = std::max({top, value.value, value.high});
                bottom = std::min({bottom, value.value, value.low});
            }
    plot().yAxis->setRange(bottom * 1.1, (top > 0 ? top : 1) * 1.16);
}

BarChart::Value BarChart::shown(const Value& value) const {
    const double scale = m_percent ? 100 : 1;
    return {value.value * scale, value.low * scale, value.high * scale, value.measured};
}

QString BarChart::csv() const {
    QString text = "category,series,value,low,high\n";
    const auto quoted = [](QString field) {
        return '"' + field.replace(QLatin1String("\""), QLatin1String("\"\"")) + '"';
    };
    for (const Series& series : m_series)
        for (std::size_t i = 0; i < series.values.size() && qsizetype(i) < m_categories.size(); ++i) {
            const Value& value = series.values[i];
            text += quoted(m_categories[qsizetype(i)]) + "," + quoted(series.name) + ",";
            text += value.measured ? QStringLiteral("%1,%2,%3\n").arg(value.value).arg(value.low).arg(value.high)
                                   : QStringLiteral("not measured,,\n");
        }
    return text;
}

} // namespace attune
