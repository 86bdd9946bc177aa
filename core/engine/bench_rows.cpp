#include "core/engine/bench_rows.h"

#include <algorithm>
#include <span>

#include "core/engine/token_dataset.h"

namespace attune {

namespace {

void append(PackedTokens& batch, const BenchRow& row, std::int64_t width, std::int64_t vocabulary, Rng& rng) {
    if (batch.rowStarts.empty())
        batch.rowStarts.push_back(0);
    const auto first = batch.ids.size();
    for (std::int64_t t = 0; t < width; ++t)
        batch.ids.push_back(t < row.tokens ? static_cast<std::int64_t>(rng.below(static_cast<std::uint64_t>(vocabulary))) : 0);
    for (std::int64_t t = 0; t < width; ++t) {
        const bool target = t + 1 < row.tokens && t + 1 >= row.tokens - row.targets;
        batch.targets.push_back(target ? batch.ids[first + static_cast<std::size_t>(t) + 1] : -100);
    }
    batch.rowStarts.push_back(static_cast<std::int32_t>(batch.ids.size()));
}

} // namespace

Result<RowLayout> rowLayout(const std::string& name) {
    if (name == "packed")
        return RowLayout::Packed;
    if (name == "padded")
        return RowLayout::Padded;
    return fail(ErrorCode::InvalidArgument, "There is no packing \"" + name + "\".", "Choose packed or padded.");
}

Result<std::vector<BenchRow>> benchRows(const Json& options, std::int64_t batch, std::int64_t seq, std::int64_t context) {
    if (!options.contains("rows"))
        return std::vector<BenchRow>(static_cast<std::size_t>(batch), BenchRow{seq, seq - 1});
    std::vector<BenchRow> rows;
    for (const Json& row : options["rows"]) {
        if (!row.is_array() || row.size() != 2 || !row[0].is_number_integer() || !row[1].is_number_integer() ||
            row[0].get<std::int64_t>() < 2 || row[1].get<std::int64_t>() < 1)
            return fail(ErrorCode::InvalidArgument, "A benchmark row needs at least two tokens and one target.",
                        "Give rows as [[tokens, targets], ...].");
        const std::int64_t tokens = std::min(row[0].get<std::int64_t>(), context);
        rows.push_back({tokens, std::min(row[1].get<std::int64_t>(), tokens - 1)});
    }
    if (rows.empty())
        return fail(ErrorCode::InvalidArgument, "There are no rows to measure on.", "Choose a data set with rows.");
    std::vector<BenchRow> shuffled;
    for (const std::uint32_t row : permutation(static_cast<std::uint32_t>(rows.size()), 42, 0))
        shuffled.push_back(rows[row]);
    return shuffled;
}

std::vector<PackedTokens> benchMicroBatches(const std::vector<BenchRow>& rows, const RowPacking& packing, std::int64_t vocabulary, Rng& rng) {
    std::vector<PackedTokens> batches;
    if (packing.layout == RowLayout::Padded) {
        const auto atOnce = static_cast<std::size_t>(packing.deviceBatch);
        for (std::size_t first = 0; first < rows.size(); first += atOnce) {
            const std::span group = std::span(rows).subspan(first, std::min(atOnce, rows.size() - first));
            std::int64_t width = 0;
            for (const BenchRow& row : group)
                width = std::max(width, row.tokens);
            batches.emplace_back();
            for (const BenchRow& row : group)
                append(batches.back(), row, width, vocabulary, rng);
        }
        return batches;
    }
    std::vector<std::int64_t> lengths;
    for (const BenchRow& row : rows)
        lengths.push_back(row.tokens);
    for (const auto& group : planMicroBatches(lengths, packing.microBatchTokens)) {
        batches.emplace_back();
        for (const std::uint32_t index : group)
            append(batches.back(), rows[index], rows[index].tokens, vocabulary, rng);
    }
    return batches;
}

double unavoidableFlop(CausalLm& model, const std::vector<BenchRow>& rows) {
    const ModelConfig& config = model.config();
    double adapters = 0;
    for (const LinearPart* part : model.linearParts())
        if (part->lora)
            adapters += static_cast<double>(part->lora->a.value.numel() + part->lora->b.value.numel());
    const double perWeight = model.embedding.trained ? 6.0 : 4.0;
    const double head = static_cast<double>(config.vocabularySize * config.hiddenSize);
    double flop = 0;
    for (const BenchRow& row : rows) {
        const auto tokens = static_cast<double>(row.tokens);
        flop += tokens * (perWeight * static_cast<double>(config.activeLinearParameters()) + 6.0 * adapters);
        flop += static_cast<double>(row.targets) * perWeight * head;
        flop += 3.0 * 4.0 * 0.5 * tokens * tokens * static_cast<double>(config.queryWidth() * config.layers);
    }
    return flop;
}

} // namespace attune
