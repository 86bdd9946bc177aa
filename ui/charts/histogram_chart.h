// How many rows have how many tokens: bars over bins, with a limit line (the context length). GUI thread.
#pragma once

#include <QVector>

#include "ui/charts/chart.h"

class QCPBars;
class QCPItemStraightLine;
class QCPItemText;

namespace attune {

class HistogramChart final : public Chart {
    Q_OBJECT
public:
    explicit HistogramChart(QWidget* parent = nullptr);
    /// counts[i] rows lie in [first + i*width, first + (i+1)*width).
    void setBins(double first, double width, const QVector<double>& counts);
    void setValues(const QVector<double>& values, int bins = 24); ///< bins them
    void setLimit(double x, const QString& text);                 ///< bars beyond it are pale; an empty text removes it
    QString csv() const override;
    QSize sizeHint() const override { return {300, 140}; }

protected:
    void restyle() override;
    void rescale() override;
    QString valuesAt(double x) const override;

private:
    void rebuild();
    double m_first = 0, m_width = 1, m_limit = 0;
    QString m_limitText;
    QVector<double> m_counts;
    QCPBars* m_inside;
    QCPBars* m_beyond;
    QCPItemStraightLine* m_line;
    QCPItemText* m_label;
};

} // namespace attune
