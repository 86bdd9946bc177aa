// Trains a byte-level BPE vocabulary (GPT-2's pre-tokenisation, digits one by one). For ASCII text only, which is all
// that our generator writes: other bytes are an error, so that the hand-written splitter need not know Unicode classes.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/base/files.h"

namespace attune::starter {

inline constexpr std::size_t kVocabularySize = 4096;
// In the order of their ids, before the 256 bytes and the merges.
inline constexpr std::array<const char*, 6> kSpecialTokens{"<|begin|>", "<|end|>",       "<|system|>",
                                                           "<|user|>",  "<|assistant|>", "<|pad|>"};

struct BpeModel {
    std::vector<std::string> tokens;                           // by id, in raw bytes (special tokens spelt out)
    std::vector<std::pair<std::int32_t, std::int32_t>> merges; // merge k makes the id specials + 256 + k
};

/// What a merge never crosses: words with their leading space, runs of punctuation, single digits, white space.
std::vector<std::string_view> splitIntoWords(std::string_view text);

/// Counts of words -> merges. Deterministic: of equally frequent pairs the one with the smaller spelling comes first.
BpeModel trainBpe(const std::unordered_map<std::string, std::uint64_t>& words, std::size_t vocabularySize);

/// The words of all texts and messages of a JSONL corpus. Errors: NotFound, InvalidData (not ASCII, not our rows).
Result<BpeModel> trainOnCorpus(const fs::path& jsonl, std::size_t vocabularySize);

struct CorpusTokens {
    std::uint64_t rows = 0, tokens = 0, textTokens = 0, bytes = 0, longestRow = 0;
};
/// Tokens of a corpus as the trainer will see it (chat marks and ends included in `tokens`). Errors as trainOnCorpus.
Result<CorpusTokens> countTokens(const fs::path& jsonl, const BpeModel& model);

/// Encodes text without special tokens. Reference implementation, kept simple.
class BpeEncoder {
public:
    explicit BpeEncoder(const BpeModel& model); // copies what it needs
    std::vector<std::int32_t> encode(std::string_view text);

private:
    std::unordered_map<std::uint64_t, std::int32_t> m_rank; // (left, right) -> merge
    std::unordered_map<std::string, std::vector<std::int32_t>> m_cache;
};

} // namespace attune::starter
