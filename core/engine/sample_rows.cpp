#include "core/engine/sample_rows.h"

#include <algorithm>
#include <numeric>

namespace attune {

std::int64_t SampleRows::targetsOf(const TokenDataset::Row& row, std::size_t which) const {
    return which == 0 && m_needs.wholeFirstRow ? static_cast<std::int64_t>(row.ids.size()) - 1 : row.targets;
}

std::int64_t SampleRows::tokens(std::uint32_t sample) const {
    std::int64_t sum = 0;
    for (std::size_t which = 0; which < trainedRows(); ++which)
        sum += static_cast<std::int64_t>(row(sample, which).ids.size());
    return sum;
}

void SampleRows::add(PackedRows& packed, std::uint32_t sample, std::size_t which) const {
    const TokenDataset::Row& from = row(sample, which);
    const bool whole = which == 0 && m_needs.wholeFirstRow;
    RowFacts facts;
    facts.answerBegin = -1;
    for (std::size_t t = 0; t < from.ids.size(); ++t) {
        const bool hasNext = t + 1 < from.ids.size(), answer = hasNext && from.trained[t + 1];
        packed.tokens.ids.push_back(from.ids[t]);
        packed.tokens.targets.push_back(answer || (hasNext && whole) ? from.ids[t + 1] : -100);
        if (answer) {
            if (facts.answerBegin < 0)
                facts.answerBegin = facts.targets;
            ++facts.answerTargets;
        }
        facts.targets += packed.tokens.targets.back() != -100;
    }
    packed.tokens.rowStarts.push_back(static_cast<std::int32_t>(packed.tokens.ids.size()));
    if (!m_data->reference.empty())
        facts.reference = m_data->reference[sample * m_data->rowsPerSample + which];
    const TokenDataset::Row& first = row(sample, 0);
    if (m_needs.restWeight != 1 && which < trainedRows()) {
        facts.restWeight = m_needs.restWeight;
        for (std::size_t other = 0; other < trainedRows(); ++other) {
            const std::int64_t targets = row(sample, other).targets; // of the answer
            facts.sharedTokens = facts.sharedTokens < 0 ? targets : std::min(facts.sharedTokens, targets);
        }
    }
    facts.desirable = first.desirable;
    facts.margin = first.margin;
    packed.facts.push_back(facts);
}

PackedRows SampleRows::pack(std::span<const std::uint32_t> samples) const {
    PackedRows packed;
    packed.tokens.rowStarts.push_back(0);
    for (const std::uint32_t sample : samples)
        for (std::size_t which = 0; which < trainedRows(); ++which)
            add(packed, sample, which);
    return packed;
}

PackedRows SampleRows::packMismatched(std::span<const std::uint32_t> samples) const {
    PackedRows packed;
    packed.tokens.rowStarts.push_back(0);
    for (const std::uint32_t sample : samples)
        add(packed, sample, trainedRows());
    return packed;
}

StepWindow SampleRows::window(std::span<const std::uint32_t> samples) const {
    StepWindow window;
    window.targets = window.firstRowTargets = 0;
    window.samples = static_cast<double>(samples.size());
    for (const std::uint32_t sample : samples) {
        for (std::size_t which = 0; which < trainedRows(); ++which)
            window.targets += static_cast<double>(targetsOf(row(sample, which), which));
        window.firstRowTargets += static_cast<double>(targetsOf(row(sample, 0), 0));
        (row(sample, 0).desirable ? window.desirable : window.undesirable) += 1;
    }
    return window;
}

std::vector<std::uint32_t> SampleRows::all() const {
    std::vector<std::uint32_t> list(static_cast<std::size_t>(samples()));
    std::iota(list.begin(), list.end(), 0u);
    return list;
}

} // namespace attune
