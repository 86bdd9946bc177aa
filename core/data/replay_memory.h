// The buffer of rows of earlier runs (core/protections/memory.h) as a file: a uniform sample of all rows that were ever trained with it.
// JSON Lines: a first line with what was seen, then the rows as other tools read them. Any thread; not shared between processes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/files.h"
#include "core/data/sample_source.h"

namespace attune {

struct ReplayMemory {
    std::int64_t seen = 0;         // rows of all runs so far
    std::vector<std::string> runs; // identities of the runs whose rows were added
    std::vector<Sample> rows;      // conversations and texts

    /// Adds the rows of one run as reservoir sampling does (Vitter 1985, algorithm R), so that each row of each run is kept with the
    /// same probability: of pairs and of labelled answers the good one. Nothing when the run was added before. A function of `seed`, the
    /// rows and what is there. Errors: those of `source`.
    Status addRun(const SampleSource& source, std::size_t capacity, std::uint64_t seed, const std::string& run);
    bool operator==(const ReplayMemory&) const = default;
};

/// An absent file is an empty memory. Errors: InvalidData (with the line), Io.
Result<ReplayMemory> readReplayMemory(const fs::path& file);
/// Whole or not at all; readable by its owner only. Errors: OutOfSpace, Io.
Status writeReplayMemory(const fs::path& file, const ReplayMemory& memory);

} // namespace attune
