#include "ui/charts/histogram_chart.h"

#include <algorithm>
#include <cmath>

#include <qcustomplot.h>

namespace attune {

HistogramChart::HistogramChart(QWidget* parent) : Chart(parent) {
    m_inside = new QCPBars(plot().xAxis, plot().yAxis);
    m_beyond = new QCPBars(plot().xAxis, plot().yAxis);
    m_line = new QCPItemStraightLine(&plot());
    m_label = new QCPItemText(&plot());
    m_label->position->setTypeX(QCPItemPosition::ptPlotCoords);
    m_label->position->setTypeY(QCPItemPosition::ptAxisRectRatio);
    m_label->setPositionAlignment(Qt::AlignRight | Qt::AlignTop);
    m_label->setPadding(QMargins(4, 0, 6, 0));
    m_line->setVisible(false);
    m_label->setVisible(false);
    plot().yAxis->ticker()->setTickCount(3);
    setAccessibleName(tr("Histogram"));
}

void HistogramChart::setBins(double first, double width, const QVector<double>& counts) {
    m_first = first;
    m_width = width > 0 ? width : 1;
    m_counts = counts;
    rebuild();
}

void HistogramChart::setValues(const QVector<double>& values, int bins) {
    QVector<double> finite;
    std::copy_if(values.begin(), values.end(), std::back_inserter(finite),
                 [](double value) { return std::isfinite(value); });
    if (finite.isEmpty() || bins < 1)
        return setBins(0, 1, {});
    const auto [low, high] = std::minmax_element(finite.begin(), finite.end());
    const double first = *low, width = *high > *low ? (*high - *low) / bins : 1;
    QVector<double> counts(bins, 0);
    for (const double value : finite)
        counts[std::min(bins - 1, int((value - first) / width))] += 1;
    setBins(first, width, counts);
}

void HistogramChart::setLimit(double x, const QString& text) {
    m_limit = x;
    m_limitText = text;
    rebuild();
}

void HistogramChart::rebuild() {
    QVector<double> insideX, insideY, beyondX, beyondY;
    for (qsizetype i = 0; i < m_counts.size(); ++i) {
        const double center = m_first + (double(i) + 0.5) * m_width;
        const bool beyond = !m_limitText.isEmpty() && center > m_limit;
        (beyond ? beyondX : insideX).append(center);
        (beyond ? beyondY : insideY).append(m_counts[i]);
    }
    m_inside->setWidth(m_width * 0.84);
    m_beyond->setWidth(m_width * 0.84);
    m_inside->setData(insideX, insideY, true);
    m_beyond->setData(beyondX, beyondY, true);
    m_line->point1->setCoords(m_limit, 0);
    m_line->point2->setCoords(m_limit, 1);
    m_label->position->setCoords(m_limit, 0);
    m_label->setText(m_limitText);
    scheduleReplot();
}

void HistogramChart::restyle() {
    m_inside->setPen(QPen(Qt::NoPen));
    m_inside->setBrush(QBrush(style().accent));
    m_beyond->setPen(QPen(style().bad, 1));
    m_beyond->setBrush(QBrush(style().bad, Qt::BDiagPattern));
    m_line->setPen(QPen(style().bad, 1.5, Qt::DotLine));
    m_label->setFont(style().font);
    m_label->setColor(style().bad);
    m_label->setBrush(QBrush(style().background));
}

void HistogramChart::rescale() {
    const double last = m_first + double(m_counts.size()) * m_width;
    const bool limited = !m_limitText.isEmpty();
    // A limit far beyond the data would squeeze the bars; then it stands at the edge of its text only.
    const bool shown = limited && m_limit < m_first + 3 * (last - m_first);
    m_line->setVisible(shown);
    m_label->setVisible(shown);
    // The words stand on the side of the line that has room for them.
    const bool left = m_limit - m_first > 0.5 * (last - m_first);
    m_label->setPositionAlignment((left ? Qt::AlignRight : Qt::AlignLeft) | Qt::AlignTop);
    plot().xAxis->setRange(m_first, shown ? std::max(last, m_limit * 1.04) : std::max(last, m_first + m_width));
    const double top = m_counts.isEmpty() ? 1 : *std::max_element(m_counts.begin(), m_counts.end());
    const double height = std::max(60, plot().axisRect()->height());
    const double words =
        shown ? QFontMetricsF(m_label->font()).height() / height : 0; // the label stands above the bars
    plot().yAxis->setRange(0, std::max(1.0, top * 1.06) / (1 - std::min(0.5, words)));
}

QString HistogramChart::valuesAt(double x) const {
    const auto bin = qsizetype(std::floor((x - m_first) / m_width));
    if (bin < 0 || bin >= m_counts.size())
        return {};
    return tr("%1 to %2: %3 rows")
        .arg(QString::number(m_first + double(bin) * m_width, 'f', 0),
             QString::number(m_first + double(bin + 1) * m_width - 1, 'f', 0), QString::number(m_counts[bin], 'f', 0));
}

QString HistogramChart::csv() const {
    QString text = "from,to,count\n";
    for (qsizetype i = 0; i < m_counts.size(); ++i)
        text += QStringLiteral("%1,%2,%3\n")
                    .arg(m_first + double(i) * m_width)
                    .arg(m_first + double(i + 1) * m_width)
                    .arg(m_counts[i]);
    return text;
}

} // namespace attune
