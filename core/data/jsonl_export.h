// Samples as JSONL in the forms other tools read (chat messages, text, explicit preference, unpaired). Reading it back
// gives the same samples. Pure except for the file.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>

#include "core/base/files.h"
#include "core/base/progress.h"
#include "core/base/result.h"
#include "core/data/sample.h"

namespace attune {

/// One line without its newline.
std::string toJsonLine(const Sample& sample);
/// Writes what `next` gives until it gives nothing; all or nothing. Errors: OutOfSpace, Io, Cancelled, or the error of
/// `next`.
Result<std::int64_t> writeJsonl(const fs::path& file, const std::function<Result<std::optional<Sample>>()>& next,
                                const Progress& progress = {});
Result<std::int64_t> writeJsonl(const fs::path& file, std::span<const Sample> samples, const Progress& progress = {});

} // namespace attune
