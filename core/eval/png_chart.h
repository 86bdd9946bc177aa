// A LineChart as PNG (8-bit RGB), rasterised here with a small built-in font, so that the command line needs no window
// system.
#pragma once

#include <string>

#include "core/base/files.h"
#include "core/eval/line_chart.h"

namespace attune {

/// The bytes of the file. Errors: InvalidArgument (size outside 64 .. 8192), Internal (libpng).
Result<std::string> pngChart(const LineChart& chart);
Status writePngChart(const fs::path& file, const LineChart& chart); // atomic

} // namespace attune
