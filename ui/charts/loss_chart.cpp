#include "ui/charts/loss_chart.h"

#include <algorithm>
#include <cmath>

#include <qcustomplot.h>

namespace attune {
namespace {

bool before(const LossChart::Point& point, double x) {
    return point.x < x;
}

/// The last point at or before x, null when there is none.
const LossChart::Point* lastAt(const QVector<LossChart::Point>& points, double x) {
    auto next = std::lower_bound(points.begin(), points.end(), x, before);
    if (next != points.end() && next->x == x)
        return &*next;
    return next == points.begin() ? nullptr : &*(next - 1);
}

QString figure(double value) {
    const double size = std::abs(value);
    return size != 0 && (size < 0.001 || size >= 1e6) ? QString::number(value, 'g', 3)
                                                      : QString::number(value, 'f', size < 0.1 ? 4 : 3);
}

constexpr int kLegendColumns = 3, kTickRoom = 28, kStepRoom = 56; // pixels a number of the y axis, of the x axis wants
constexpr double kPartOfRun = 20, kLongestMemory = 40; // automatic smoothing: time constant in points, by the number of points
constexpr double kSideRoom = 0.008;                 // of the x axis, so that the first and the last point are whole
const QString kBeneath = QStringLiteral("beneath"); // the layer of other runs' curves

QString csvField(QString text) {
    if (text.contains(QLatin1Char(',')) || text.contains(QLatin1Char('"')) || text.contains(QLatin1Char('\n')))
        text = '"' + text.replace(QLatin1String("\""), QLatin1String("\"\"")) + '"';
    return text;
}

void setPoints(QCPGraph* graph, const QVector<LossChart::Point>& points) {
    QVector<QCPGraphData> data;
    data.reserve(points.size());
    for (const LossChart::Point& point : points)
        data.append(QCPGraphData(point.x, point.y));
    graph->data()->set(data, true);
}

} // namespace

LossChart::LossChart(QWidget* parent)
    : Chart(parent), m_trainingName(tr("training")), m_validationName(tr("validation")) {
    QCustomPlot& chart = plot();
    m_rawGraph = chart.addGraph();
    m_smoothGraph = chart.addGraph();
    m_validationGraph = chart.addGraph();
    m_generalGraph = chart.addGraph();
    chart.addLayer(kBeneath, chart.layer("main"), QCustomPlot::limBelow);
    for (QCPGraph* graph : {m_rawGraph, m_smoothGraph, m_validationGraph, m_generalGraph})
        graph->setAdaptiveSampling(true);
    m_markerLine = new QCPItemStraightLine(&chart);
    m_markerText = new QCPItemText(&chart);
    m_markerText->position->setTypeX(QCPItemPosition::ptPlotCoords);
    m_markerText->position->setTypeY(QCPItemPosition::ptAxisRectRatio);
    m_markerText->setPositionAlignment(Qt::AlignLeft | Qt::AlignTop);
    m_markerText->setPadding(QMargins(6, 2, 4, 2));
    m_markerLine->setVisible(false);
    m_markerText->setVisible(false);
    connect(&chart, &QCustomPlot::beforeReplot, this, &LossChart::placeMarkerText);
    enableZoom();
    setAccessibleName(tr("Loss over steps"));
}

void LossChart::setNames(const QString& training, const QString& validation) {
    m_trainingName = training;
    m_validationName = validation;
    restyle();
    scheduleReplot();
}

void LossChart::clear() {
    m_raw.clear();
    m_validation.clear();
    m_general.clear();
    m_average = m_bias = 0;
    if (m_automatic)
        m_smoothing = automaticSmoothing(m_smoothedFor = 0);
    rebuild();
    setMarker(0, {});
}

void LossChart::append(const QVector<Point>& points) {
    const qsizetype from = m_raw.size();
    for (const Point& point : points)
        if (m_raw.isEmpty() || point.x > m_raw.back().x)
            m_raw.append(point);
    // The weight follows the growing run in steps of a quarter: the whole curve is smoothed anew a few times, not at each point.
    if (m_automatic && double(m_raw.size()) >= 1.25 * double(std::max<qsizetype>(m_smoothedFor, 16)) &&
        automaticSmoothing(m_raw.size()) != m_smoothing) {
        m_smoothing = automaticSmoothing(m_smoothedFor = m_raw.size());
        return rebuild();
    }
    extendSmoothed(from);
    scheduleReplot();
}

double LossChart::automaticSmoothing(qsizetype points) {
    const double memory = std::min(double(points) / kPartOfRun, kLongestMemory);
    return memory > 1 ? 1 - 1 / memory : 0;
}

void LossChart::extendSmoothed(qsizetype from) {
    QVector<QCPGraphData> raw, smooth;
    raw.reserve(m_raw.size() - from);
    smooth.reserve(m_raw.size() - from);
    for (qsizetype i = from; i < m_raw.size(); ++i) {
        const Point& point = m_raw[i];
        raw.append(QCPGraphData(point.x, point.y));
        if (!std::isfinite(point.y)) {
            smooth.append(QCPGraphData(point.x, qQNaN()));
            continue;
        }
        m_average = m_smoothing * m_average + (1 - m_smoothing) * point.y;
        m_bias = m_smoothing * m_bias + (1 - m_smoothing);
        smooth.append(QCPGraphData(point.x, m_average / m_bias));
        m_minimum = m_hasRange ? std::min(m_minimum, point.y) : point.y;
        m_maximum = m_hasRange ? std::max(m_maximum, point.y) : point.y;
        m_hasRange = true;
    }
    m_rawGraph->data()->add(raw, true);
    m_smoothGraph->data()->add(smooth, true);
}

void LossChart::merge(QVector<Point>& known, const QVector<Point>& points) {
    for (const Point& point : points) {
        auto place = std::lower_bound(known.begin(), known.end(), point.x, before);
        if (place != known.end() && place->x == point.x)
            *place = point;
        else
            known.insert(place, point);
    }
}

void LossChart::appendValidation(const QVector<Point>& points) {
    merge(m_validation, points);
    setPoints(m_validationGraph, m_validation);
    scheduleReplot();
}

void LossChart::appendGeneral(const QVector<Point>& points) {
    const bool first = m_general.isEmpty();
    merge(m_general, points);
    setPoints(m_generalGraph, m_general);
    if (first)
        restyle(); // the legend has one entry more
    scheduleReplot();
}

void LossChart::truncateAfter(double x) {
    const auto drop = [x](QVector<Point>& points) {
        while (!points.isEmpty() && points.back().x > x)
            points.removeLast();
    };
    drop(m_raw);
    drop(m_validation);
    drop(m_general);
    rebuild();
}

void LossChart::rebuild() {
    m_average = m_bias = 0;
    m_hasRange = false;
    m_rawGraph->data()->clear();
    m_smoothGraph->data()->clear();
    extendSmoothed(0);
    setPoints(m_validationGraph, m_validation);
    setPoints(m_generalGraph, m_general);
    scheduleReplot();
}

QVector<LossChart::Point> LossChart::smooth(const QVector<Point>& points, double weight) {
    QVector<Point> result;
    result.reserve(points.size());
    double average = 0, bias = 0;
    for (const Point& point : points) {
        if (std::isfinite(point.y)) {
            average = weight * average + (1 - weight) * point.y;
            bias = weight * bias + (1 - weight);
        }
        result.append({point.x, std::isfinite(point.y) ? average / bias : point.y});
    }
    return result;
}

QVector<LossChart::Point> LossChart::smoothed() const {
    return smooth(m_raw, m_smoothing);
}

void LossChart::setOverlays(const std::vector<Overlay>& overlays) {
    for (const OverlayGraphs& graphs : m_overlays) {
        plot().removeGraph(graphs.training);
        plot().removeGraph(graphs.validation);
    }
    m_overlays.clear();
    for (const Overlay& overlay : overlays)
        m_overlays.push_back({overlay, plot().addGraph(), plot().addGraph()});
    for (const OverlayGraphs& graphs : m_overlays) {
        for (QCPGraph* graph : {graphs.training, graphs.validation})
            graph->setLayer(kBeneath);
        setPoints(graphs.training, smooth(graphs.data.training, overlayWeight(graphs.data.training.size())));
        setPoints(graphs.validation, graphs.data.validation);
    }
    restyle();
    scheduleReplot();
}

void LossChart::setMarker(double x, const QString& text) {
    m_markerSet = !text.isEmpty();
    m_markerLine->setVisible(m_markerSet);
    m_markerText->setVisible(m_markerSet);
    m_markerLine->point1->setCoords(x, 1);
    m_markerLine->point2->setCoords(x, 2);
    m_markerText->position->setCoords(x, 0.0);
    m_markerText->setText(text);
    scheduleReplot();
}

void LossChart::setExpectedEnd(double x) {
    m_expectedEnd = x;
    scheduleReplot();
}

void LossChart::setSmoothing(double weight) {
    m_automatic = false;
    m_smoothing = std::clamp(weight, 0.0, 0.999);
    smoothAgain();
}

void LossChart::setAutomaticSmoothing() {
    m_automatic = true;
    m_smoothing = automaticSmoothing(m_smoothedFor = m_raw.size());
    smoothAgain();
}

void LossChart::smoothAgain() {
    rebuild();
    for (const OverlayGraphs& graphs : m_overlays)
        setPoints(graphs.training, smooth(graphs.data.training, overlayWeight(graphs.data.training.size())));
}

void LossChart::setLogScale(bool logScale) {
    m_logScale = logScale;
    plot().yAxis->setScaleType(logScale ? QCPAxis::stLogarithmic : QCPAxis::stLinear);
    if (logScale)
        plot().yAxis->setTicker(QSharedPointer<QCPAxisTickerLog>::create());
    else
        plot().yAxis->setTicker(QSharedPointer<QCPAxisTicker>::create());
    resetZoom();
}

void LossChart::setRawVisible(bool visible) {
    m_rawGraph->setVisible(visible);
    scheduleReplot();
}

void LossChart::restyle() {
    const ChartStyle& s = style();
    QColor pale = s.accent;
    pale.setAlphaF(0.38f);
    m_rawGraph->setPen(QPen(pale, 1));
    m_smoothGraph->setPen(QPen(s.accent, 2));
    m_smoothGraph->setName(m_trainingName);
    m_validationGraph->setPen(QPen(s.careful, 2));
    m_validationGraph->setScatterStyle(QCPScatterStyle(QCPScatterStyle::ssDisc, s.careful, s.careful, 7));
    m_validationGraph->setName(m_validationName);
    m_rawGraph->removeFromLegend();
    m_generalGraph->setPen(QPen(s.good, 2));
    m_generalGraph->setScatterStyle(QCPScatterStyle(QCPScatterStyle::ssSquare, s.good, s.background, 6));
    m_generalGraph->setName(tr("general data"));
    if (m_general.isEmpty())
        m_generalGraph->removeFromLegend();
    else
        m_generalGraph->addToLegend();
    if (m_validationName.isEmpty()) // a chart of one curve has no second entry
        m_validationGraph->removeFromLegend();
    const Qt::PenStyle dashes[] = {Qt::DashLine, Qt::DotLine, Qt::DashDotLine, Qt::DashDotDotLine};
    for (std::size_t i = 0; i < m_overlays.size(); ++i) {
        m_overlays[i].training->setPen(QPen(s.muted, 1.5, dashes[i % 4]));
        m_overlays[i].training->setName(m_overlays[i].data.name);
        m_overlays[i].validation->setPen(QPen(s.muted, 1, dashes[i % 4]));
        m_overlays[i].validation->setScatterStyle(QCPScatterStyle(QCPScatterStyle::ssCircle, s.muted, s.background, 6));
        m_overlays[i].validation->removeFromLegend();
    }
    QCPLegend* legend = plot().legend;
    const bool several = !m_validationName.isEmpty(); // one curve is named by the title of its chart
    legend->setVisible(several);
    if (several && m_legendRow == nullptr)
        layLegendBelow();
    legend->setBrush(QBrush(s.background));
    legend->setBorderPen(QPen(Qt::NoPen));
    legend->setFont(s.font);
    legend->setTextColor(s.muted);
    legend->setIconSize(18, QFontMetrics(s.font).height() + 2); // as high as the words: else their feet are cut
    m_markerLine->setPen(QPen(s.muted, 1.2, Qt::DotLine));
    m_markerText->setFont(s.font);
    m_markerText->setColor(s.muted);
    m_markerText->setBrush(QBrush(s.background));
    m_validationGraph->setVisible(true);
}

/// In the plot, the legend would cover curves and the marker's words.
void LossChart::layLegendBelow() {
    QCPLegend* legend = plot().legend;
    plot().axisRect()->insetLayout()->take(legend);
    m_legendRow = new QCPLayoutGrid;
    plot().plotLayout()->addElement(1, 0, m_legendRow);
    plot().plotLayout()->setRowStretchFactor(1, 0.001);
    m_legendRow->addElement(0, 0, legend);
    m_legendRow->addElement(0, 1, new QCPLayoutElement(&plot())); // takes the rest: the entries stand at the left
    m_legendRow->setColumnStretchFactor(0, 0.001);
    legend->setFillOrder(QCPLegend::foColumnsFirst);
    legend->setWrap(kLegendColumns);
    legend->setColumnSpacing(16);
}

/// Right of the line, or left of it where the plot ends.
void LossChart::placeMarkerText() {
    if (!m_markerSet)
        return;
    const double line = plot().xAxis->coordToPixel(m_markerLine->point1->key());
    const double needed = QFontMetricsF(m_markerText->font()).horizontalAdvance(m_markerText->text()) + 12;
    const bool fits = line + needed <= plot().axisRect()->right();
    m_markerText->setPositionAlignment((fits ? Qt::AlignLeft : Qt::AlignRight) | Qt::AlignTop);
}

void LossChart::rescale() {
    double low = m_minimum, high = m_maximum, end = m_expectedEnd;
    bool any = m_hasRange;
    const auto include = [&](const QVector<Point>& points) {
        for (const Point& point : points) {
            if (!std::isfinite(point.y))
                continue;
            low = any ? std::min(low, point.y) : point.y;
            high = any ? std::max(high, point.y) : point.y;
            any = true;
        }
        if (!points.isEmpty())
            end = std::max(end, points.back().x);
    };
    include(m_validation);
    include(m_general);
    for (const OverlayGraphs& graphs : m_overlays) {
        include(smooth(graphs.data.training, overlayWeight(graphs.data.training.size())));
        include(graphs.data.validation);
    }
    if (!m_raw.isEmpty())
        end = std::max(end, m_raw.back().x);
    if (!any) {
        low = m_logScale ? 0.1 : 0;
        high = 1;
    }
    const double last = end > 0 ? end : 100;
    plot().xAxis->setRange(-kSideRoom * last, (1 + kSideRoom) * last);
    plot().xAxis->ticker()->setTickCount(std::clamp(plot().axisRect()->width() / kStepRoom, 2, 6));
    plot().yAxis->ticker()->setTickCount(std::clamp(plot().axisRect()->height() / kTickRoom, 2, 6));
    if (m_logScale) {
        low = std::max(low, 1e-12);
        plot().yAxis->setRange(low * 0.85, std::max(high, low * 1.01) * 1.2);
        return;
    }
    const double margin = high > low ? (high - low) * 0.08 : std::max(std::abs(high) * 0.1, 1e-12);
    plot().yAxis->setRange(low >= 0 && low < margin * 3 ? 0 : low - margin, high + margin);
}

QString LossChart::valuesAt(double x) const {
    const Point* raw = lastAt(m_raw, x);
    if (!raw && m_validation.isEmpty())
        return {};
    QStringList lines;
    if (raw) {
        lines << tr("step %1").arg(QString::number(raw->x, 'f', 0)) << tr("%1 %2").arg(m_trainingName, figure(raw->y));
        const auto smooth = m_smoothGraph->data()->findBegin(raw->x, false);
        if (smooth != m_smoothGraph->data()->constEnd() && m_smoothing > 0)
            lines << tr("smoothed %1").arg(figure(smooth->value));
    }
    if (const Point* validation = lastAt(m_validation, x))
        lines << tr("%1 %2 (step %3)")
                     .arg(m_validationName, figure(validation->y), QString::number(validation->x, 'f', 0));
    if (const Point* general = lastAt(m_general, x))
        lines << tr("general data %1 (step %2)").arg(figure(general->y), QString::number(general->x, 'f', 0));
    for (const OverlayGraphs& graphs : m_overlays)
        if (const Point* other = lastAt(graphs.data.training, x))
            lines << tr("%1 %2").arg(graphs.data.name, figure(other->y));
    return lines.join(QLatin1Char('\n'));
}

QString LossChart::csv() const {
    const bool general = !m_general.isEmpty();
    QString text = "step," + csvField(m_trainingName) + "," + csvField(m_trainingName + " smoothed") + "," +
                   csvField(m_validationName) + (general ? QStringLiteral(",general data") : QString()) + "\n";
    const QVector<Point> smooth = smoothed();
    const auto cell = [](double value) {
        return std::isfinite(value) ? QString::number(value, 'g', 17) : QStringLiteral("NaN");
    };
    // The three lists are ascending: the smallest step among their heads is the next line.
    qsizetype r = 0, v = 0, g = 0;
    while (r < m_raw.size() || v < m_validation.size() || g < m_general.size()) {
        double x = std::numeric_limits<double>::infinity();
        const auto look = [&x](const QVector<Point>& points, qsizetype at) {
            if (at < points.size())
                x = std::min(x, points[at].x);
        };
        look(m_raw, r), look(m_validation, v), look(m_general, g);
        const auto take = [&](const QVector<Point>& points, qsizetype& at) {
            return at < points.size() && points[at].x == x ? cell(points[at++].y) : QString();
        };
        text += QString::number(x, 'g', 15);
        const bool raw = r < m_raw.size() && m_raw[r].x == x;
        text += "," + (raw ? cell(m_raw[r].y) : QString()) + "," + (raw ? cell(smooth[r].y) : QString());
        r += raw;
        text += "," + take(m_validation, v);
        text += (general ? "," + take(m_general, g) : QString()) + "\n";
    }
    return text;
}

} // namespace attune
