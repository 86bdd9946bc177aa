// Parts of a whole against a limit, with a legend: memory as weights / gradients / optimizer / activations. GUI thread.
#pragma once

#include <vector>

#include <QString>
#include <QWidget>

class QLabel;

namespace attune {

class StackedBar final : public QWidget {
    Q_OBJECT
public:
    struct Part {
        QString label;
        double value = 0;
        QString text; // "412 MB"
    };
    explicit StackedBar(QWidget* parent = nullptr);

    /// limit <= 0: the parts fill the bar. Beyond the limit the bar says so by colour, a mark and the legend's word.
    void setParts(std::vector<Part> parts, double limit, const QString& limitText);
    QSize sizeHint() const override;
    QSize minimumSizeHint() const override;
    bool hasHeightForWidth() const override { return true; }
    int heightForWidth(int width) const override;
    bool exceedsLimit() const;

protected:
    void paintEvent(QPaintEvent* event) override;
    void changeEvent(QEvent* event) override;

private:
    QString legendText(const Part& part) const;
    int layoutLegend(int width, std::vector<QRect>* places) const;
    QColor partColor(std::size_t index) const;
    std::vector<Part> m_parts;
    double m_limit = 0;
    QString m_limitText;
};

} // namespace attune
