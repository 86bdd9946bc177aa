#include "core/engine/general_probe.h"

#include <algorithm>

#include <ATen/ATen.h>

#include "core/engine/sample_rows.h"

namespace attune {

namespace {

constexpr std::uint64_t kProbeEvery = 5;

// FNV-1a over the ids: cheap, the same everywhere, and no more is needed than that rows spread evenly.
std::uint64_t rowHash(const std::vector<TokenId>& ids) {
    std::uint64_t hash = 0xCBF29CE484222325u;
    for (const TokenId id : ids)
        for (int shift = 0; shift < 32; shift += 8)
            hash = (hash ^ (static_cast<std::uint64_t>(id) >> shift & 0xFF)) * 0x100000001B3u;
    return hash ^ hash >> 32;
}

void appendRow(TokenDataset& data, TokenDataset::Row row) {
    const auto tokens = static_cast<std::int64_t>(row.ids.size());
    data.tokens += tokens, data.targets += row.targets;
    data.longest = std::max(data.longest, tokens);
    data.rows.push_back(std::move(row));
}

} // namespace

GeneralRows splitGeneral(TokenDataset data) {
    GeneralRows parts;
    const bool single = data.rows.size() == 1;
    for (TokenDataset::Row& row : data.rows) {
        if (!single && rowHash(row.ids) % kProbeEvery != 0)
            appendRow(parts.rest, std::move(row));
        else if (parts.probe.tokens < kProbeTokens)
            appendRow(parts.probe, std::move(row));
        // What would be too much to measure is not trained on either: an equal row may be in the probe.
    }
    if (parts.probe.rows.empty() && !parts.rest.rows.empty()) { // a handful of rows, none of which was drawn
        std::vector<TokenDataset::Row> rows = std::move(parts.rest.rows);
        parts.rest = {};
        const std::vector<TokenId> first = rows.front().ids;
        for (TokenDataset::Row& row : rows) {
            TokenDataset& part = row.ids == first ? parts.probe : parts.rest;
            appendRow(part, std::move(row));
        }
    }
    return parts;
}

Result<std::optional<ProbeResult>> measureGeneral(TrainingPass& pass, const TokenDataset& probe, std::int64_t microBatchTokens,
                                                  const std::stop_token& stop) {
    const SampleRows rows(probe, {});
    const auto samples = rows.all();
    std::vector<std::int64_t> lengths;
    for (const std::uint32_t sample : samples)
        lengths.push_back(rows.tokens(sample));
    ProbeResult result;
    double sum = 0;
    std::int64_t right = 0;
    for (const auto& group : planMicroBatches(lengths, microBatchTokens)) {
        if (stop.stop_requested())
            return std::nullopt;
        const PackedRows batch = rows.pack(group);
        ATTUNE_CHECK(pass.forward(batch.tokens, {.keepForBackward = false, .training = false}));
        TargetFacts facts;
        ATTUNE_ASSIGN(const at::Tensor logProbs, pass.targetLogProbs(&facts));
        sum -= logProbs.sum(at::kDouble).item<double>();
        right += static_cast<std::int64_t>(facts.likeliest().sum(at::kDouble).item<double>());
        result.targets += logProbs.size(0);
    }
    const double targets = std::max(1.0, static_cast<double>(result.targets));
    result.loss = sum / targets;
    result.accuracy = static_cast<double>(right) / targets;
    return result;
}

} // namespace attune
