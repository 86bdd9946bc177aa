// Colours and fonts a chart is drawn with, handed in by whoever owns the theme (charts know no core and no Theme).
// Value type.
#pragma once

#include <QColor>
#include <QFont>

namespace attune {

struct ChartStyle {
    QColor background, grid, text, muted, line, accent, accentWash, good, careful, bad;
    QFont font;
};

} // namespace attune
