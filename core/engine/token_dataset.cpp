#include "core/engine/token_dataset.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <numeric>
#include <optional>
#include <set>
#include <thread>

namespace attune {

namespace {

// One slot per sample: workers fill slots in any order, the result is read in the samples' order.
struct Slot {
    std::optional<TokenDataset::Row> row;
    std::string id, reason;
    bool endTrained = true;
};

Slot tokenizeOne(const SampleSource& source, std::size_t index, const PromptFormat& format, const TokenizeOptions& options) {
    Slot slot;
    auto sample = source.at(index);
    if (!sample) {
        slot.reason = sample.error().message;
        return slot;
    }
    slot.id = sample->id;
    auto tokenized = sample->kind == SampleKind::Text ? format.textRow(sample->text, options.maxLength)
                                                      : format.trainingRow(sample->messages, options.trainOn, options.maxLength);
    if (!tokenized) {
        slot.reason = tokenized.error().message;
        return slot;
    }
    TokenDataset::Row row;
    row.source = index;
    row.truncated = tokenized->truncated;
    for (std::size_t i = 1; i < tokenized->trained.size(); ++i)
        row.targets += tokenized->trained[i];
    if (row.targets == 0) {
        slot.reason = "there is nothing to learn from it: no token of the answer is left";
        return slot;
    }
    row.ids = std::move(tokenized->ids);
    row.trained = std::move(tokenized->trained);
    slot.endTrained = tokenized->endTokenTrained || tokenized->truncated;
    slot.row = std::move(row);
    return slot;
}

} // namespace

Result<TokenDataset> tokenizeSamples(const SampleSource& source, const PromptFormat& format, const TokenizeOptions& options,
                                     const Progress& progress) {
    const std::size_t count = source.size();
    std::vector<Slot> slots(count);
    std::atomic<std::size_t> next{0};
    const auto work = [&](bool reports) {
        constexpr std::size_t kChunk = 32;
        for (std::size_t begin = next.fetch_add(kChunk); begin < count && !progress.cancelled(); begin = next.fetch_add(kChunk)) {
            for (std::size_t i = begin; i < std::min(begin + kChunk, count); ++i)
                slots[i] = tokenizeOne(source, i, format, options);
            if (reports)
                progress.report(static_cast<double>(begin) / static_cast<double>(count), "Tokenising rows");
        }
    };
    {
        std::vector<std::jthread> helpers;
        for (int i = 1; i < options.threads && count > 256; ++i)
            helpers.emplace_back([&] { work(false); });
        work(true);
    }
    if (progress.cancelled())
        return fail(ErrorCode::Cancelled, "Tokenising was cancelled");

    TokenDataset data;
    std::map<std::string, std::size_t> reasons;
    for (std::size_t i = 0; i < count; ++i) {
        Slot& slot = slots[i];
        if (!slot.row) {
            ++reasons[slot.reason];
            data.dropped.push_back({i, std::move(slot.id), std::move(slot.reason)});
            continue;
        }
        data.tokens += static_cast<std::int64_t>(slot.row->ids.size());
        data.targets += slot.row->targets;
        data.longest = std::max(data.longest, static_cast<std::int64_t>(slot.row->ids.size()));
        data.truncatedRows += slot.row->truncated;
        data.endNotTrained += !slot.endTrained;
        data.rows.push_back(std::move(*slot.row));
    }
    if (data.rows.empty()) {
        if (count == 0)
            return fail(ErrorCode::InvalidData, "The data set has no rows", "Import rows in Data, or choose another file or split.");
        const auto most = std::max_element(reasons.begin(), reasons.end(),
                                           [](const auto& a, const auto& b) { return a.second < b.second; });
        return fail(ErrorCode::InvalidData,
                    "None of the " + std::to_string(count) + " rows can be used; " + std::to_string(most->second) +
                        " of them because: " + most->first,
                    "Raise the maximum length (training.max_length), shorten the rows, or look at them in Data.");
    }
    return data;
}

std::vector<std::vector<std::uint32_t>> planMicroBatches(std::span<const std::int64_t> lengths, std::int64_t budget) {
    std::vector<std::uint32_t> order(lengths.size());
    std::iota(order.begin(), order.end(), 0u);
    std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return lengths[a] > lengths[b]; });
    std::vector<std::vector<std::uint32_t>> plan;
    std::set<std::pair<std::int64_t, std::size_t>> room; // (tokens left, micro-batch); lower_bound finds the best fit
    for (const std::uint32_t row : order) {
        const auto fit = room.lower_bound({lengths[row], 0});
        if (fit == room.end()) {
            plan.push_back({row});
            if (budget > lengths[row])
                room.insert({budget - lengths[row], plan.size() - 1});
            continue;
        }
        const auto [left, index] = *fit;
        room.erase(fit);
        plan[index].push_back(row);
        if (left > lengths[row])
            room.insert({left - lengths[row], index});
    }
    return plan;
}

} // namespace attune
