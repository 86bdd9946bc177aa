// Train / validation / test: a seeded random split that never puts equal rows on both sides. Pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "core/base/result.h"
#include "core/data/sample.h"

namespace attune {

enum class GroupRows {
    SameContent, // rows that are equal after normalisation stay together
    SamePrompt,  // also rows with the same prompt
    SameTag,     // also rows with the same first tag (same client, same patient)
};
enum class Stratify { No, Completion, Tag };

struct SplitOptions {
    double validation = 0.1, test = 0.1;                  // shares of the rows
    std::optional<std::int64_t> validationRows, testRows; // instead of the shares
    std::uint64_t seed = 42;
    GroupRows group = GroupRows::SameContent;
    Stratify stratify = Stratify::No; // each completion (class) or first tag gets the same shares
};

/// What the split needs to know of a row: 16 bytes, so that a million rows fit easily.
struct SplitKey {
    std::uint64_t group = 0, stratum = 0;
};
SplitKey splitKey(const Sample& sample, const SplitOptions& options);

/// One Split per key. Whole groups move, so counts can differ from the wish by less than the largest group. The result
/// depends on seed, keys and their order only. Errors: InvalidArgument (shares outside [0, 1) or that leave nothing to
/// train on), InvalidData (a wished part stays empty because there are too few different rows).
Result<std::vector<Split>> makeSplit(std::span<const SplitKey> keys, const SplitOptions& options);
/// The same on samples in memory.
Status splitSamples(std::vector<Sample>& samples, const SplitOptions& options);

} // namespace attune
