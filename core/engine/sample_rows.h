// The samples of a token data set as a step needs them: which rows belong to a sample, rows packed with what the objective
// wants to know of them, the numbers a step's loss is divided by. Torch-free arithmetic over plain data.
#pragma once

#include <span>
#include <vector>

#include "core/engine/token_dataset.h"
#include "core/objectives/objective.h"

namespace attune {

struct PackedRows {
    PackedTokens tokens;
    std::vector<RowFacts> facts; // one per row
};

class SampleRows {
public:
    SampleRows(const TokenDataset& data, const ObjectiveNeeds& needs) : m_data(&data), m_needs(needs) {}

    std::int64_t samples() const {
        return static_cast<std::int64_t>(m_data->rows.size()) / static_cast<std::int64_t>(m_data->rowsPerSample);
    }
    /// Where the sample stands in its source.
    std::size_t source(std::uint32_t sample) const { return row(sample, 0).source; }
    /// Tokens of the rows that are trained on (without the mismatched one).
    std::int64_t tokens(std::uint32_t sample) const;
    std::int64_t mismatchedTokens(std::uint32_t sample) const {
        return static_cast<std::int64_t>(row(sample, trainedRows()).ids.size());
    }
    /// The trained rows of these samples, a sample's rows next to each other.
    PackedRows pack(std::span<const std::uint32_t> samples) const;
    /// Their mismatched rows.
    PackedRows packMismatched(std::span<const std::uint32_t> samples) const;
    StepWindow window(std::span<const std::uint32_t> samples) const;
    std::vector<std::uint32_t> all() const;

private:
    const TokenDataset::Row& row(std::uint32_t sample, std::size_t which) const {
        return m_data->rows[sample * m_data->rowsPerSample + which];
    }
    std::size_t trainedRows() const { return static_cast<std::size_t>(m_needs.rowsPerSample); }
    std::int64_t targetsOf(const TokenDataset::Row& row, std::size_t which) const;
    void add(PackedRows& packed, std::uint32_t sample, std::size_t which) const;

    const TokenDataset* m_data;
    ObjectiveNeeds m_needs;
};

} // namespace attune
