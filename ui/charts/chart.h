// What all charts share: the plot, its style, zoom and pan, a crosshair with values, saving as PNG, SVG, PDF and CSV.
// GUI thread.
#pragma once

#include <QString>
#include <QStringList>
#include <QTimer>
#include <QWidget>

#include "ui/charts/chart_style.h"

class QCustomPlot;
class QCPItemLine;
class QLabel;

namespace attune {

class Chart : public QWidget {
    Q_OBJECT
public:
    explicit Chart(QWidget* parent = nullptr);
    ~Chart() override;

    void setStyle(const ChartStyle& style);
    const ChartStyle& style() const { return m_style; }
    /// By the file's ending: png, svg, pdf, csv. False when it cannot be written; `error` then says why.
    bool save(const QString& file, QString* error = nullptr);
    /// Asks for a file name and saves; shows nothing when the user cancels. Returns the file, "" = none.
    QString saveAs(const QString& suggestedName, QString* error = nullptr);
    virtual QString csv() const = 0;
    void setAxisTitles(const QString& x, const QString& y);
    /// Back to showing everything; following live data again.
    void resetZoom();
    bool isZoomed() const { return m_zoomed; }
    QSize sizeHint() const override { return {480, 260}; }
    QSize minimumSizeHint() const override { return {200, 120}; }

Q_SIGNALS:
    void zoomChanged();

protected:
    virtual void restyle() = 0;               ///< after setStyle: pens and brushes of the own plottables
    virtual void rescale() = 0;               ///< axes to the data, called unless the user zoomed
    virtual QString valuesAt(double x) const; ///< text of the crosshair; empty = none
    void scheduleReplot();                    ///< at most 25 times a second
    QCustomPlot& plot() const { return *m_plot; }
    void enableZoom();
    bool eventFilter(QObject* object, QEvent* event) override;

private:
    void moveCrosshair(double pixelX);
    QCustomPlot* m_plot;
    QCPItemLine* m_crosshair = nullptr;
    QLabel* m_readout;
    QTimer m_replot;
    ChartStyle m_style;
    bool m_zoomed = false, m_zoomable = false;
};

} // namespace attune
