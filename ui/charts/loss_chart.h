// Loss over steps: training raw and smoothed, validation points, other runs beneath, markers. Appended live; 100,000
// points stay fast (adaptive sampling, redraw at most 25 times a second). Also used for learning rate, gradient norm
// and speed. GUI thread.
#pragma once

#include <vector>

#include <QVector>

#include "ui/charts/chart.h"

class QCPGraph;
class QCPItemStraightLine;
class QCPItemText;
class QCPLayoutGrid;

namespace attune {

class LossChart final : public Chart {
    Q_OBJECT
public:
    struct Point {
        double x = 0, y = 0;
    };
    struct Overlay {
        QString name;
        QVector<Point> training, validation; // training is shown smoothed
    };
    explicit LossChart(QWidget* parent = nullptr);

    void setNames(const QString& training, const QString& validation); ///< for legend, crosshair and CSV
    void clear();
    void append(const QVector<Point>& points);           ///< training, x ascending; a NaN leaves a gap
    void appendValidation(const QVector<Point>& points); ///< x ascending; a repeated x replaces
    /// The loss on general data, drawn like the validation in another colour; x ascending, a repeated x replaces.
    void appendGeneral(const QVector<Point>& points);
    void truncateAfter(double x);                        ///< a resumed run repeats steps: forget what lies beyond
    void setOverlays(const std::vector<Overlay>& overlays);
    void setMarker(double x, const QString& text); ///< e.g. best checkpoint; an empty text removes it
    void setExpectedEnd(double x);                 ///< right end of the x axis, 0 = by data
    void setSmoothing(double weight);              ///< 0 = none ... 0.99, exponential with bias correction; not automatic
    /// By the number of points: a twentieth of the run counts, so that short runs are not drawn as a flat line nor long
    /// ones as a cloud.
    void setAutomaticSmoothing();
    bool isSmoothingAutomatic() const { return m_automatic; }
    double smoothing() const { return m_smoothing; } ///< the weight in use
    static double automaticSmoothing(qsizetype points);
    void setLogScale(bool logScale);
    bool logScale() const { return m_logScale; }
    void setRawVisible(bool visible);
    qsizetype pointCount() const { return m_raw.size(); }
    QVector<Point> smoothed() const;
    QString csv() const override;

protected:
    void restyle() override;
    void rescale() override;
    QString valuesAt(double x) const override;

private:
    static void merge(QVector<Point>& known, const QVector<Point>& points);
    static QVector<Point> smooth(const QVector<Point>& points, double weight);
    void rebuild();
    void smoothAgain();
    void extendSmoothed(qsizetype from);
    double overlayWeight(qsizetype points) const { return m_automatic ? automaticSmoothing(points) : m_smoothing; }
    void layLegendBelow();
    void placeMarkerText();
    struct OverlayGraphs {
        Overlay data;
        QCPGraph* training;
        QCPGraph* validation;
    };
    QVector<Point> m_raw, m_validation, m_general;
    std::vector<OverlayGraphs> m_overlays;
    QCPGraph* m_rawGraph;
    QCPGraph* m_smoothGraph;
    QCPGraph* m_validationGraph;
    QCPGraph* m_generalGraph;
    QCPItemStraightLine* m_markerLine;
    QCPItemText* m_markerText;
    QCPLayoutGrid* m_legendRow = nullptr;
    QString m_trainingName, m_validationName;
    double m_smoothing = 0.9, m_expectedEnd = 0, m_average = 0, m_bias = 0;
    bool m_logScale = false, m_markerSet = false, m_automatic = false;
    qsizetype m_smoothedFor = 0; // points the automatic weight was chosen for
    double m_minimum = 0, m_maximum = 0;
    bool m_hasRange = false;
};

} // namespace attune
