#include "ui/charts/chart.h"

#include <qcustomplot.h>

#include <QFileDialog>
#include <QFileInfo>
#include <QLabel>
#include <QMouseEvent>
#include <QSvgGenerator>
#include <QVBoxLayout>

namespace attune {
namespace {

constexpr int kReplotMilliseconds = 40;
constexpr double kPictureScale = 2; // PNG files for documents: twice the screen's size

} // namespace

Chart::Chart(QWidget* parent) : QWidget(parent) {
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 0);
    m_plot = new QCustomPlot(this);
    m_plot->setNoAntialiasingOnDrag(true);
    m_plot->setPlottingHint(QCP::phFastPolylines, true);
    m_plot->setFocusPolicy(Qt::StrongFocus);
    m_plot->setAttribute(Qt::WA_OpaquePaintEvent, false);
    layout->addWidget(m_plot);
    m_crosshair = new QCPItemLine(m_plot);
    m_crosshair->setVisible(false);
    m_readout = new QLabel(m_plot);
    m_readout->setTextFormat(Qt::PlainText);
    m_readout->setAttribute(Qt::WA_TransparentForMouseEvents);
    m_readout->hide();
    m_replot.setSingleShot(true);
    connect(&m_replot, &QTimer::timeout, this, [this] {
        if (!m_zoomed)
            rescale();
        m_plot->replot(QCustomPlot::rpQueuedReplot);
    });
    m_plot->installEventFilter(this);
    setMouseTracking(true);
    m_plot->setMouseTracking(true);
}

Chart::~Chart() = default;

void Chart::enableZoom() {
    m_zoomable = true;
    m_plot->setInteractions(QCP::iRangeDrag | QCP::iRangeZoom);
    const auto note = [this] {
        if (!m_zoomed) {
            m_zoomed = true;
            Q_EMIT zoomChanged();
        }
    };
    connect(m_plot, &QCustomPlot::mouseWheel, this, note);
    connect(m_plot, &QCustomPlot::mouseMove, this, [this, note](QMouseEvent* event) {
        if (event->buttons() & Qt::LeftButton)
            note();
    });
    connect(m_plot, &QCustomPlot::mouseDoubleClick, this, [this] { resetZoom(); });
}

void Chart::resetZoom() {
    m_zoomed = false;
    scheduleReplot();
    Q_EMIT zoomChanged();
}

void Chart::setStyle(const ChartStyle& style) {
    m_style = style;
    m_plot->setBackground(QBrush(style.background));
    m_plot->axisRect()->setBackground(QBrush(style.background));
    for (QCPAxis* axis : {m_plot->xAxis, m_plot->yAxis}) {
        axis->setBasePen(axis == m_plot->xAxis ? QPen(style.line) : QPen(Qt::NoPen));
        axis->setTickPen(QPen(Qt::NoPen));
        axis->setSubTickPen(QPen(Qt::NoPen));
        axis->setTickLabelColor(style.muted);
        axis->setLabelColor(style.muted);
        axis->setTickLabelFont(style.font);
        axis->setLabelFont(style.font);
        axis->setTickLabelPadding(6);
        axis->grid()->setZeroLinePen(QPen(Qt::NoPen));
        axis->grid()->setSubGridVisible(false);
        axis->grid()->setPen(QPen(style.grid, 1));
    }
    m_plot->xAxis->grid()->setVisible(false);
    m_crosshair->setPen(QPen(style.muted, 1, Qt::DotLine));
    m_readout->setFont(style.font);
    m_readout->setStyleSheet(
        QStringLiteral("background:%1; color:%2; border:1px solid %3; border-radius:6px; padding:4px 8px;")
            .arg(style.background.name(), style.text.name(), style.line.name()));
    restyle();
    scheduleReplot();
}

void Chart::setAxisTitles(const QString& x, const QString& y) {
    m_plot->xAxis->setLabel(x);
    m_plot->yAxis->setLabel(y);
    scheduleReplot();
}

void Chart::scheduleReplot() {
    if (!m_replot.isActive())
        m_replot.start(isVisible() ? kReplotMilliseconds : 0);
}

QString Chart::valuesAt(double) const {
    return {};
}

bool Chart::eventFilter(QObject* object, QEvent* event) {
    if (event->type() == QEvent::MouseMove) {
        moveCrosshair(static_cast<QMouseEvent*>(event)->position().x());
    } else if (event->type() == QEvent::Leave) {
        m_crosshair->setVisible(false);
        m_readout->hide();
        m_plot->replot(QCustomPlot::rpQueuedReplot);
    } else if (event->type() == QEvent::KeyPress && m_zoomable) {
        // The same without a mouse: plus and minus zoom, arrows move, 0 shows everything.
        QCPRange range = m_plot->xAxis->range();
        switch (static_cast<QKeyEvent*>(event)->key()) {
        case Qt::Key_Plus:
            range = {range.lower + range.size() * 0.1, range.upper - range.size() * 0.1};
            break;
        case Qt::Key_Minus:
            range = {range.lower - range.size() * 0.1, range.upper + range.size() * 0.1};
            break;
        case Qt::Key_Left:
            range -= range.size() * 0.1;
            break;
        case Qt::Key_Right:
            range += range.size() * 0.1;
            break;
        case Qt::Key_0:
            resetZoom();
            return true;
        default:
            return QWidget::eventFilter(object, event);
        }
        m_plot->xAxis->setRange(range);
        m_zoomed = true;
        m_plot->replot(QCustomPlot::rpQueuedReplot);
        Q_EMIT zoomChanged();
        return true;
    }
    return QWidget::eventFilter(object, event);
}

void Chart::moveCrosshair(double pixelX) {
    const double x = m_plot->xAxis->pixelToCoord(pixelX);
    const QRect area = m_plot->axisRect()->rect();
    const QString text = area.left() <= pixelX && pixelX <= area.right() ? valuesAt(x) : QString();
    m_crosshair->setVisible(!text.isEmpty());
    m_readout->setVisible(!text.isEmpty());
    if (!text.isEmpty()) {
        m_crosshair->start->setCoords(x, m_plot->yAxis->range().lower);
        m_crosshair->end->setCoords(x, m_plot->yAxis->range().upper);
        m_readout->setText(text);
        m_readout->adjustSize();
        const int right = int(pixelX) + 12;
        m_readout->move(right + m_readout->width() > area.right() ? int(pixelX) - 12 - m_readout->width() : right,
                        area.top() + 4);
    }
    m_plot->replot(QCustomPlot::rpQueuedReplot);
}

bool Chart::save(const QString& file, QString* error) {
    const QString ending = QFileInfo(file).suffix().toLower();
    m_crosshair->setVisible(false);
    m_readout->hide();
    if (!m_zoomed)
        rescale();
    bool written = false;
    QString why = tr("The file cannot be written; choose a folder you may write to.");
    const QSize size = m_plot->size().expandedTo(QSize(640, 320));
    if (ending == "png") {
        written = m_plot->savePng(file, size.width(), size.height(), kPictureScale);
    } else if (ending == "pdf") {
        written = m_plot->savePdf(file, size.width(), size.height());
    } else if (ending == "svg") {
        QSvgGenerator generator;
        generator.setFileName(file);
        generator.setSize(size);
        generator.setViewBox(QRect(QPoint(0, 0), size));
        QCPPainter painter;
        written = painter.begin(&generator);
        if (written) {
            painter.setMode(QCPPainter::pmVectorized);
            m_plot->toPainter(&painter, size.width(), size.height());
            written = painter.end();
        }
    } else if (ending == "csv") {
        QFile out(file);
        const QByteArray content = csv().toUtf8();
        written = out.open(QIODevice::WriteOnly) && out.write(content) == content.size() && out.flush();
        if (!written)
            why = out.errorString();
    } else {
        why = tr("Give the file one of the endings .png, .svg, .pdf or .csv.");
    }
    if (!written && error)
        *error = tr("%1 was not saved. %2").arg(file, why);
    return written;
}

QString Chart::saveAs(const QString& suggestedName, QString* error) {
    QString filter;
    QString file = QFileDialog::getSaveFileName(
        this, tr("Save chart"), suggestedName + ".png",
        tr("Picture (*.png);;Vector picture (*.svg);;Page (*.pdf);;Values (*.csv)"), &filter);
    if (file.isEmpty())
        return {};
    if (QFileInfo(file).suffix().isEmpty()) {
        const int dot = int(filter.lastIndexOf("*."));
        file += dot > 0 ? filter.mid(dot + 1).chopped(1) : QStringLiteral(".png");
    }
    return save(file, error) ? file : QString();
}

} // namespace attune
