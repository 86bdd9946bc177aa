#include "ui/charts/scatter_chart.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <qcustomplot.h>

namespace attune {
namespace {

constexpr double kRoom = 0.14;       // of the range, around the outermost points: their names need it
constexpr double kSmallest = 0.02;   // of an axis: a single point, or many alike, still get one
constexpr int kNameLength = 28;
constexpr double kNear = 0.03;       // of the x range: how near the pointer must be

QString shortened(const QString& name) {
    return name.size() > kNameLength ? name.left(kNameLength - 1) + QStringLiteral("…") : name;
}

QCPRange roomy(double low, double high) {
    const double least = std::max({high - low, kSmallest, 0.1 * std::max(std::abs(low), std::abs(high))});
    const double middle = (low + high) / 2, half = least * (0.5 + kRoom);
    return {middle - half, middle + half};
}

} // namespace

ScatterChart::ScatterChart(QWidget* parent) : Chart(parent) {
    setAccessibleName(tr("Points"));
    plot().xAxis->setNumberFormat("gb");
    plot().yAxis->setNumberFormat("gb");
    enableZoom();
}

void ScatterChart::setGroups(std::vector<Group> groups) {
    m_groups = std::move(groups);
    restyle();
    scheduleReplot();
}

void ScatterChart::setColumns(const QString& x, const QString& y) {
    m_x = x;
    m_y = y;
}

void ScatterChart::restyle() {
    QCustomPlot& chart = plot();
    chart.clearPlottables();
    for (int i = chart.itemCount(); i-- > 0;)
        if (qobject_cast<QCPItemText*>(chart.item(i)))
            chart.removeItem(i);
    const ChartStyle& s = style();
    // A shape beside the colour, as everywhere.
    static constexpr QCPScatterStyle::ScatterShape kShapes[] = {QCPScatterStyle::ssDisc, QCPScatterStyle::ssSquare, QCPScatterStyle::ssTriangle,
                                                                QCPScatterStyle::ssDiamond, QCPScatterStyle::ssCross, QCPScatterStyle::ssTriangleInverted};
    const QColor colors[] = {s.muted, s.accent, s.good, s.careful, s.text, s.bad};
    for (std::size_t k = 0; k < m_groups.size(); ++k) {
        const QColor color = colors[k % std::size(colors)];
        for (const bool chosen : {false, true}) {
            auto* graph = chart.addGraph();
            graph->setName(m_groups[k].name);
            graph->setLineStyle(QCPGraph::lsNone);
            graph->setScatterStyle(QCPScatterStyle(kShapes[k % std::size(kShapes)], QPen(color, chosen ? 2.5 : 1.5), QBrush(color), chosen ? 12 : 8));
            QVector<double> x, y;
            for (const Point& point : m_groups[k].points) {
                if (point.chosen != chosen)
                    continue;
                x.append(point.x);
                y.append(point.y);
                auto* text = new QCPItemText(&chart);
                text->setFont(s.font);
                text->setColor(chosen ? s.text : s.muted);
                text->setText(shortened(point.name));
                text->setPadding(QMargins(9, 0, 9, 0));
                text->setPositionAlignment(Qt::AlignLeft | Qt::AlignVCenter);
                text->position->setCoords(point.x, point.y);
            }
            graph->setData(x, y);
            if (chosen)
                graph->removeFromLegend();
        }
    }
    chart.xAxis->grid()->setVisible(true);
    for (QCPAxis* axis : {chart.xAxis, chart.yAxis})
        axis->grid()->setZeroLinePen(QPen(s.line, 1.4));
    chart.legend->setVisible(m_groups.size() > 1);
    // Where the worst would be, hardly any point is.
    chart.axisRect()->insetLayout()->setInsetAlignment(0, Qt::AlignBottom | Qt::AlignRight);
    chart.legend->setBorderPen(QPen(Qt::NoPen));
    chart.legend->setBrush(QBrush(s.background));
    chart.legend->setFont(s.font);
    chart.legend->setTextColor(s.muted);
}

void ScatterChart::rescale() {
    constexpr double kNone = std::numeric_limits<double>::infinity();
    double left = kNone, right = -kNone, bottom = kNone, top = -kNone;
    for (const Group& group : m_groups)
        for (const Point& point : group.points) {
            left = std::min(left, point.x), right = std::max(right, point.x);
            bottom = std::min(bottom, point.y), top = std::max(top, point.y);
        }
    if (!(left <= right))
        return;
    const QCPRange across = roomy(std::min(0.0, left), std::max(0.0, right)), up = roomy(std::min(0.0, bottom), std::max(0.0, top));
    plot().xAxis->setRange(across);
    plot().yAxis->setRange(up);
    // A name that would leave the picture stands at the other side of its point.
    for (int i = 0; i < plot().itemCount(); ++i)
        if (auto* text = qobject_cast<QCPItemText*>(plot().item(i)))
            text->setPositionAlignment((text->position->key() > across.lower + 0.6 * across.size() ? Qt::AlignRight : Qt::AlignLeft) | Qt::AlignVCenter);
}

QString ScatterChart::valuesAt(double x) const {
    const Point* nearest = nullptr;
    for (const Group& group : m_groups)
        for (const Point& point : group.points)
            if (!nearest || std::abs(point.x - x) < std::abs(nearest->x - x))
                nearest = &point;
    if (!nearest || std::abs(nearest->x - x) > kNear * plot().xAxis->range().size())
        return {};
    return tr("%1\n%2: %3\n%4: %5").arg(nearest->name, m_x, QString::number(nearest->x, 'g', 3), m_y, QString::number(nearest->y, 'g', 3));
}

QString ScatterChart::csv() const {
    const auto quoted = [](QString field) { return '"' + field.replace(QLatin1String("\""), QLatin1String("\"\"")) + '"'; };
    QString text = QStringLiteral("name,group,%1,%2\n").arg(quoted(m_x), quoted(m_y));
    for (const Group& group : m_groups)
        for (const Point& point : group.points)
            text += quoted(point.name) + ',' + quoted(group.name) + ',' + QString::number(point.x, 'g', 9) + ',' + QString::number(point.y, 'g', 9) + '\n';
    return text;
}

} // namespace attune
