// The health of a set of samples, collected while they stream by: what is empty, what is there twice, what leaks from
// training into validation or test. Some 60 bytes a row. One object per thread.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "core/data/control_tokens.h"
#include "core/data/sample.h"
#include "core/data/sample_hash.h"

namespace attune {

/// Tokens of a row with some tokenizer; the caller supplies it, this folder knows none.
using CountTokens = std::function<std::int64_t(const Sample&)>;

struct TokenSummary {
    std::int64_t rows = 0, total = 0, min = 0, median = 0, p95 = 0, max = 0;
    std::int64_t longerThanLimit = 0;
};

struct QualityReport {
    std::int64_t rows = 0;
    std::int64_t emptyPrompt = 0, emptyCompletion = 0; // nothing but white space
    std::int64_t exactDuplicates = 0;                  // rows that repeat an earlier one byte for byte
    std::int64_t nearDuplicates = 0;                   // that repeat one after normalisation, without the exact ones
    std::int64_t conflicting = 0; // prompts (normalised) with more than one different completion: rows beyond the first
    std::int64_t leaked = 0;      // validation and test rows whose content (normalised) is also in train
    std::int64_t leakedPrompts = 0; // ... whose prompt is also in train, without the former
    std::int64_t longestBytes = 0, bytes = 0;
    std::int64_t withControlTokens = 0; // rows that spell a control token in their text; it is tokenised as text
    std::string firstControlToken;      // of the first such row
    std::int64_t toolFaults = 0;        // rows whose functions or calls cannot be read, so that models see them as text
    std::string firstToolFault;         // "row 3, field \"tools\": ..."
    std::int64_t contextAnswers = 0;    // answers that are not to be learned ("weight": 0)
    std::int64_t contextLastAnswers = 0; // of these, last ones: learned from the completion alone, such rows teach nothing
    std::vector<std::int64_t> emptyRows, duplicateRows, leakedRows, controlTokenRows, toolFaultRows, contextLastRows; // sourceRow of the first of each, at most kListed
    std::optional<TokenSummary> tokens;

    static constexpr std::size_t kListed = 1000;
};

class QualityCheck {
public:
    explicit QualityCheck(CountTokens countTokens = {}, std::int64_t tokenLimit = 0, ControlTokens controlTokens = ControlTokens::usual())
        : m_countTokens(std::move(countTokens)), m_tokenLimit(tokenLimit), m_controlTokens(std::move(controlTokens)) {}
    void add(const Sample& sample);
    /// Everything so far.
    QualityReport report() const;

private:
    struct Row {
        std::uint64_t content = 0, prompt = 0;
        std::int64_t sourceRow = 0;
        Split split = Split::None;
    };
    CountTokens m_countTokens;
    std::int64_t m_tokenLimit;
    ControlTokens m_controlTokens;
    QualityReport m_report;
    std::vector<Row> m_rows;
    std::unordered_set<std::uint64_t> m_exact;
    std::vector<std::int64_t> m_tokens;
};

} // namespace attune
