// Parallel coordinates: one upright axis for each knob and one for the result, one line for each trial. Shows at a glance
// which settings lead where. A line can be picked with the mouse; whoever owns the chart marks it. GUI thread.
#pragma once

#include <vector>

#include <QStringList>
#include <QVector>

#include "ui/charts/chart.h"

class QCPAbstractItem;

namespace attune {

class ParallelChart final : public Chart {
    Q_OBJECT
public:
    struct Axis {
        QString label;
        bool logarithmic = false; // numbers above zero
        bool lowerIsBetter = false; // the smallest value stands at the top
        QStringList categories = {}; // not empty: values are indices into these
    };
    struct Line {
        QString name;
        QVector<double> values; // one for each axis; NaN: not known (yet), the line ends there
        double rank = 0;        // 0 = the best ... 1 = the worst: how strongly it is drawn
    };
    explicit ParallelChart(QWidget* parent = nullptr);

    void setData(const std::vector<Axis>& axes, const std::vector<Line>& lines);
    /// Draws one line thick and on top; -1 = none.
    void setMarked(int line);
    int marked() const { return m_marked; }
    QString csv() const override;
    /// Where a value lies on its axis: 0 = bottom, 1 = top; NaN stays NaN.
    double place(std::size_t axis, double value) const;

Q_SIGNALS:
    void lineClicked(int line);

protected:
    void restyle() override;
    void rescale() override;

private:
    void measure();
    void drawAxes();
    void pick(const QPointF& pixel);

    std::vector<Axis> m_axes;
    std::vector<Line> m_lines;
    std::vector<std::pair<double, double>> m_ranges; // of each axis, in its own unit
    std::vector<QCPAbstractItem*> m_items; // axes and their values, made anew with every restyle
    int m_marked = -1;
};

} // namespace attune
