#include "ui/charts/parallel_chart.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <qcustomplot.h>

namespace attune {
namespace {

constexpr double kPickDistance = 10; // pixels

QString axisValue(double value) {
    return QString::number(value, 'g', 3);
}

QColor mixed(const QColor& a, const QColor& b, double share) {
    const auto part = [share](int x, int y) { return int(std::lround(x + (y - x) * share)); };
    return {part(a.red(), b.red()), part(a.green(), b.green()), part(a.blue(), b.blue())};
}

QString quotedCell(QString field) {
    return '"' + field.replace(QLatin1String("\""), QLatin1String("\"\"")) + '"';
}

} // namespace

ParallelChart::ParallelChart(QWidget* parent) : Chart(parent) {
    setAccessibleName(tr("Settings and results of the trials, as lines across parallel axes"));
    plot().yAxis->setVisible(false);
    connect(&plot(), &QCustomPlot::mousePress, this, [this](QMouseEvent* event) { pick(event->position()); });
}

void ParallelChart::setData(const std::vector<Axis>& axes, const std::vector<Line>& lines) {
    m_axes = axes;
    m_lines = lines;
    if (m_marked >= int(m_lines.size()))
        m_marked = -1;
    measure();
    restyle();
    scheduleReplot();
}

void ParallelChart::setMarked(int line) {
    if (line == m_marked)
        return;
    m_marked = line;
    restyle();
    scheduleReplot();
}

void ParallelChart::measure() {
    m_ranges.clear();
    for (std::size_t axis = 0; axis < m_axes.size(); ++axis) {
        if (!m_axes[axis].categories.isEmpty()) {
            m_ranges.emplace_back(0, double(m_axes[axis].categories.size() - 1));
            continue;
        }
        double low = std::numeric_limits<double>::infinity(), high = -low;
        for (const Line& line : m_lines)
            if (const double value = line.values.value(qsizetype(axis), std::nan("")); std::isfinite(value))
                low = std::min(low, value), high = std::max(high, value);
        m_ranges.emplace_back(low, high);
    }
}

double ParallelChart::place(std::size_t axis, double value) const {
    auto [low, high] = m_ranges[axis];
    if (!std::isfinite(value) || !(low <= high))
        return std::nan("");
    if (low == high)
        return 0.5;
    if (m_axes[axis].logarithmic && low > 0)
        low = std::log(low), high = std::log(high), value = std::log(value);
    const double share = (value - low) / (high - low);
    return m_axes[axis].lowerIsBetter ? 1 - share : share;
}

void ParallelChart::drawAxes() {
    const ChartStyle& s = style();
    const auto text = [&](double x, double y, const QString& words) {
        auto* item = new QCPItemText(&plot());
        item->setFont(s.font);
        item->setColor(s.muted);
        item->setBrush(QBrush(s.background));
        item->setPositionAlignment((x + 1 >= double(m_axes.size()) ? Qt::AlignRight : Qt::AlignLeft) | Qt::AlignVCenter);
        item->setPadding(QMargins(6, 0, 6, 0));
        item->setText(words);
        item->position->setCoords(x, y);
        item->setClipToAxisRect(false);
        m_items.push_back(item);
    };
    for (std::size_t axis = 0; axis < m_axes.size(); ++axis) {
        auto* upright = new QCPItemLine(&plot());
        upright->setPen(QPen(s.line, 2));
        upright->start->setCoords(double(axis), 0);
        upright->end->setCoords(double(axis), 1);
        m_items.push_back(upright);
        const auto& [low, high] = m_ranges[axis];
        if (!m_axes[axis].categories.isEmpty()) {
            for (qsizetype i = 0; i < m_axes[axis].categories.size(); ++i)
                text(double(axis), place(axis, double(i)), m_axes[axis].categories[i]);
        } else if (low <= high) {
            text(double(axis), place(axis, low), axisValue(low));
            if (low < high) {
                text(double(axis), place(axis, high), axisValue(high));
                const bool log = m_axes[axis].logarithmic && low > 0;
                text(double(axis), 0.5, axisValue(log ? std::sqrt(low * high) : (low + high) / 2));
            }
        }
    }
}

void ParallelChart::restyle() {
    QCustomPlot& chart = plot();
    chart.clearPlottables();
    for (QCPAbstractItem* item : m_items)
        chart.removeItem(item);
    m_items.clear();
    auto ticker = QSharedPointer<QCPAxisTickerText>::create();
    for (std::size_t axis = 0; axis < m_axes.size(); ++axis)
        ticker->addTick(double(axis), m_axes[axis].label);
    chart.xAxis->setTicker(ticker);
    chart.xAxis->setBasePen(QPen(Qt::NoPen));
    chart.xAxis->setTickLabelColor(style().text);
    chart.yAxis->grid()->setVisible(false);

    // The worst first, so that the best lie on top, and the marked one above all.
    std::vector<std::size_t> order(m_lines.size());
    for (std::size_t i = 0; i < order.size(); ++i)
        order[i] = i;
    std::stable_sort(order.begin(), order.end(), [this](std::size_t a, std::size_t b) {
        const bool markedA = int(a) == m_marked, markedB = int(b) == m_marked;
        return markedA != markedB ? markedB : m_lines[a].rank > m_lines[b].rank;
    });
    for (const std::size_t index : order) {
        const Line& line = m_lines[index];
        QCPGraph* graph = chart.addGraph();
        const bool marked = int(index) == m_marked, whole = std::none_of(line.values.begin(), line.values.end(), [](double v) { return std::isnan(v); });
        QPen pen(marked ? style().accent : mixed(style().accent, mixed(style().muted, style().background, 0.55), std::clamp(line.rank, 0.0, 1.0)),
                 marked ? 3.5 : 1.5);
        if (!whole)
            pen.setStyle(Qt::DashLine);
        graph->setPen(pen);
        graph->setName(line.name);
        if (marked)
            graph->setScatterStyle(QCPScatterStyle(QCPScatterStyle::ssDisc, style().accent, 8));
        QVector<double> x, y;
        for (std::size_t axis = 0; axis < m_axes.size(); ++axis) {
            x.append(double(axis));
            y.append(place(axis, line.values.value(qsizetype(axis), std::nan(""))));
        }
        graph->setData(x, y, true);
    }
    drawAxes();
}

void ParallelChart::rescale() {
    const double last = std::max(1.0, double(m_axes.size()) - 1);
    plot().xAxis->setRange(-0.06 * last - 0.1, last * 1.06 + 0.1);
    plot().yAxis->setRange(-0.08, 1.08);
}

void ParallelChart::pick(const QPointF& pixel) {
    const double x = plot().xAxis->pixelToCoord(pixel.x());
    const auto left = std::size_t(std::clamp(std::floor(x), 0.0, std::max(0.0, double(m_axes.size()) - 2)));
    double nearest = kPickDistance;
    int found = -1;
    for (std::size_t i = 0; i < m_lines.size() && left + 1 < m_axes.size(); ++i) {
        const double a = place(left, m_lines[i].values.value(qsizetype(left), std::nan("")));
        const double b = place(left + 1, m_lines[i].values.value(qsizetype(left) + 1, std::nan("")));
        const double y = plot().yAxis->coordToPixel(a + (b - a) * std::clamp(x - double(left), 0.0, 1.0));
        if (const double distance = std::abs(y - pixel.y()); distance < nearest) // false for NaN
            nearest = distance, found = int(i);
    }
    if (found >= 0)
        Q_EMIT lineClicked(found);
}

QString ParallelChart::csv() const {
    QString text = QStringLiteral("trial");
    for (const Axis& axis : m_axes)
        text += ',' + quotedCell(axis.label);
    text += '\n';
    for (const Line& line : m_lines) {
        text += quotedCell(line.name);
        for (std::size_t axis = 0; axis < m_axes.size(); ++axis) {
            const double value = line.values.value(qsizetype(axis), std::nan(""));
            text += ',';
            if (std::isfinite(value))
                text += m_axes[axis].categories.isEmpty() ? QString::number(value, 'g', 10) : quotedCell(m_axes[axis].categories.value(qsizetype(value)));
        }
        text += '\n';
    }
    return text;
}

} // namespace attune
