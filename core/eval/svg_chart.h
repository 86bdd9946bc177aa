// A LineChart as one <svg> element that stands alone or inside an HTML page.
#pragma once

#include <string>

#include "core/eval/line_chart.h"

namespace attune {

std::string svgChart(const LineChart& chart);

} // namespace attune
