// Points with a name each, two figures a point, in groups with a shape and a colour of their own. GUI thread.
#pragma once

#include <vector>

#include <QVector>

#include "ui/charts/chart.h"

namespace attune {

class ScatterChart final : public Chart {
    Q_OBJECT
public:
    struct Point {
        QString name;
        double x = 0, y = 0;
        bool chosen = false; ///< drawn larger, its name in full contrast
    };
    struct Group {
        QString name; // in the legend
        std::vector<Point> points;
    };
    explicit ScatterChart(QWidget* parent = nullptr);
    void setGroups(std::vector<Group> groups);
    /// Titles of the columns of a saved table: what x and y are.
    void setColumns(const QString& x, const QString& y);
    QString csv() const override;

protected:
    void restyle() override;
    void rescale() override;
    QString valuesAt(double x) const override; ///< of the point nearest to the pointer

private:
    std::vector<Group> m_groups;
    QString m_x = QStringLiteral("x"), m_y = QStringLiteral("y");
};

} // namespace attune
