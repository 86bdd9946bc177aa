// A few values with their intervals, side by side or grouped (base and tuned). The value stands above its bar. GUI
// thread.
#pragma once

#include <vector>

#include <QStringList>

#include "ui/charts/chart.h"

namespace attune {

class BarChart final : public Chart {
    Q_OBJECT
public:
    struct Value {
        double value = 0, low = 0, high = 0; // low == high: no interval
        bool measured = true;                // false: "not measured" instead of a bar
    };
    struct Series {
        QString name;
        std::vector<Value> values; // one for each category
    };
    explicit BarChart(QWidget* parent = nullptr);
    /// `percent`: values are shares in 0..1, shown as per cent. First series muted, second in the accent.
    void setData(const QStringList& categories, const std::vector<Series>& series, bool percent = false);
    QString csv() const override;

protected:
    void restyle() override;
    void rescale() override;

private:
    Value shown(const Value& value) const; // in the unit of the axis
    QStringList m_categories;
    std::vector<Series> m_series;
    bool m_percent = false;
};

} // namespace attune
