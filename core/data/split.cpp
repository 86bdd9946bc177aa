#include "core/data/split.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <unordered_map>

#include "core/base/rng.h"
#include "core/data/sample_hash.h"
#include "core/data/sample_text.h"

namespace attune {

namespace {

struct Group {
    std::vector<std::uint32_t> rows;
};

// How many rows of `part` go to validation and test.
struct Wanted {
    std::int64_t validation = 0, test = 0;
};

Status checkOptions(std::size_t rows, const SplitOptions& options) {
    if (rows == 0)
        return fail(ErrorCode::InvalidData, "There is no row to split", "Import a dataset first.");
    const auto isShare = [](double share) { return share >= 0 && share < 1; };
    if (!isShare(options.validation) || !isShare(options.test) || options.validation + options.test >= 1)
        return fail(ErrorCode::InvalidArgument,
                    "The shares of validation and test must be at least 0 and together less than 1",
                    "Usual are 0.1 and 0.1.");
    const std::int64_t counted = options.validationRows.value_or(0) + options.testRows.value_or(0);
    if (options.validationRows.value_or(0) < 0 || options.testRows.value_or(0) < 0 ||
        counted >= static_cast<std::int64_t>(rows))
        return fail(ErrorCode::InvalidArgument,
                    "Validation and test take " + std::to_string(counted) + " of " + std::to_string(rows) +
                        " rows; nothing is left to train on",
                    "Ask for fewer rows.");
    return {};
}

// Groups in the order of their first row, shuffled by the seed alone.
std::vector<std::size_t> shuffledGroups(std::size_t count, std::uint64_t seed, std::uint64_t stream) {
    std::vector<std::size_t> order(count);
    for (std::size_t i = 0; i < count; ++i)
        order[i] = i;
    Rng rng(seed, stream);
    for (std::size_t i = count; i > 1; --i)
        std::swap(order[i - 1], order[rng.below(i)]);
    return order;
}

// Fills test, then validation, with whole groups; a group that would overshoot by more than it brings is passed over.
void fill(const std::vector<Group>& groups, const std::vector<std::size_t>& order, Wanted wanted,
          std::vector<Split>& splits) {
    std::int64_t test = 0, validation = 0;
    for (const std::size_t index : order) {
        const auto size = static_cast<std::int64_t>(groups[index].rows.size());
        Split split = Split::Train;
        if (test < wanted.test && test + size - wanted.test <= wanted.test - test)
            split = Split::Test, test += size;
        else if (validation < wanted.validation &&
                 validation + size - wanted.validation <= wanted.validation - validation)
            split = Split::Validation, validation += size;
        for (const std::uint32_t row : groups[index].rows)
            splits[row] = split;
    }
}

} // namespace

SplitKey splitKey(const Sample& sample, const SplitOptions& options) {
    SplitKey key;
    switch (options.group) {
    case GroupRows::SameContent:
        key.group = low64(normalisedHash(sample));
        break;
    case GroupRows::SamePrompt:
        key.group = low64(promptHash(sample));
        break;
    case GroupRows::SameTag:
        key.group = low64(sample.tags.empty() ? normalisedHash(sample) : hashOf(sample.tags.front()));
        break;
    }
    if (options.stratify == Stratify::Completion)
        key.stratum = low64(hashOf(normalisedText(completionText(sample))));
    else if (options.stratify == Stratify::Tag && !sample.tags.empty())
        key.stratum = low64(hashOf(sample.tags.front()));
    return key;
}

Result<std::vector<Split>> makeSplit(std::span<const SplitKey> keys, const SplitOptions& options) {
    ATTUNE_CHECK(checkOptions(keys.size(), options));
    const auto total = static_cast<double>(keys.size());
    const double validationShare =
        options.validationRows ? static_cast<double>(*options.validationRows) / total : options.validation;
    const double testShare = options.testRows ? static_cast<double>(*options.testRows) / total : options.test;

    // A group belongs to the stratum of its first row.
    std::unordered_map<std::uint64_t, std::size_t> groupOf, stratumOf;
    std::vector<Group> groups;
    std::vector<std::vector<std::size_t>> strata;
    for (std::uint32_t row = 0; row < keys.size(); ++row) {
        const auto [group, isNew] = groupOf.try_emplace(keys[row].group, groups.size());
        if (isNew) {
            groups.emplace_back();
            const std::uint64_t stratum = options.stratify == Stratify::No ? 0 : keys[row].stratum;
            const auto [place, newStratum] = stratumOf.try_emplace(stratum, strata.size());
            if (newStratum)
                strata.emplace_back();
            strata[place->second].push_back(group->second);
        }
        groups[group->second].rows.push_back(row);
    }

    std::vector<Split> splits(keys.size(), Split::Train);
    // Each stratum rounds up or down so that the sums come out right: what rounding left over is carried to the next.
    double owedValidation = 0, owedTest = 0;
    for (std::size_t index = 0; index < strata.size(); ++index) {
        std::vector<Group> members;
        double rows = 0;
        for (const std::size_t group : strata[index]) {
            rows += static_cast<double>(groups[group].rows.size());
            members.push_back(std::move(groups[group]));
        }
        const double test = rows * testShare + owedTest, validation = rows * validationShare + owedValidation;
        const Wanted wanted{std::llround(validation), std::llround(test)};
        fill(members, shuffledGroups(members.size(), options.seed, index), wanted, splits);
        std::int64_t gotTest = 0, gotValidation = 0;
        for (const Group& group : members) {
            const auto size = static_cast<std::int64_t>(group.rows.size());
            gotTest += splits[group.rows.front()] == Split::Test ? size : 0;
            gotValidation += splits[group.rows.front()] == Split::Validation ? size : 0;
        }
        owedTest = test - static_cast<double>(gotTest);
        owedValidation = validation - static_cast<double>(gotValidation);
    }
    const auto missing = [&](double share, Split split) {
        return share > 0 && std::find(splits.begin(), splits.end(), split) == splits.end();
    };
    for (const auto& [share, split] : {std::pair(testShare, Split::Test), std::pair(validationShare, Split::Validation),
                                       std::pair(1.0, Split::Train)})
        if (missing(share, split))
            return fail(ErrorCode::InvalidData,
                        std::string("The split \"") + splitId(split) + "\" would be empty: there are only " +
                            std::to_string(groupOf.size()) + " different rows",
                        "Import more rows, or ask for other shares (0 leaves a part out).");
    return splits;
}

Status splitSamples(std::vector<Sample>& samples, const SplitOptions& options) {
    std::vector<SplitKey> keys;
    keys.reserve(samples.size());
    for (const Sample& sample : samples)
        keys.push_back(splitKey(sample, options));
    ATTUNE_ASSIGN(const auto splits, makeSplit(keys, options));
    for (std::size_t i = 0; i < samples.size(); ++i)
        samples[i].split = splits[i];
    return {};
}

} // namespace attune
