// The sample project's task: a customer's message becomes one strict JSON record. Writes rows whose labels follow from
// what the message says, balanced over classes, without near duplicates.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <unordered_set>
#include <vector>

#include "core/base/files.h"
#include "tools/starter/support_domain.h"

namespace attune::starter {

inline constexpr const char* kSampleInstruction = "Turn this customer message into a record.";
inline constexpr std::size_t kTrainRows = 900, kValidationRows = 150, kTestRows = 150;
inline constexpr std::size_t kGeneralRows = 600; // texts and conversations that have nothing to do with customers
inline constexpr double kNearDuplicate =
    0.5; // share of word 5-grams in common from which two messages count as the same

struct SampleRow {
    std::string message;
    Case facts;
    std::string record() const; // the answer, keys always in the same order
    std::string jsonLine() const;
};

struct SampleReport {
    std::uint64_t rows = 0;
    double nearestAcrossSplits = 0; // largest Jaccard index of word 5-grams between rows of different splits
    std::map<std::string, std::uint64_t> rowsByLabel;
};

/// All rows; the first 900 are for training, then validation, then test.
std::vector<SampleRow> sampleRows(std::uint64_t seed);
/// Writes train.jsonl, validation.jsonl, test.jsonl, and general/{chat,text}.jsonl: what the starter model can do besides, drawn
/// like its corpus but with the sample's seed. Errors: Io, OutOfSpace.
Result<SampleReport> writeSampleProject(const fs::path& folder, std::uint64_t seed);

/// Hashes of a text's word 5-grams (lower case, without punctuation).
std::unordered_set<std::uint64_t> fiveGrams(std::string_view text);
double jaccard(const std::unordered_set<std::uint64_t>& a, const std::unordered_set<std::uint64_t>& b);

} // namespace attune::starter
