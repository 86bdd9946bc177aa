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
    std::vector<TokenDataset::Row> rows;
    std::string id, reason;
    std::optional<SampleKind> unwanted;
    bool endTrained = true;
};

std::string otherKind(SampleKind kind, const std::vector<SampleKind>& wanted) {
    std::string words;
    for (const SampleKind accepted : wanted)
        words += std::string(words.empty() ? "" : " or ") + kindInWords(accepted);
    return std::string("it is one of ") + kindInWords(kind) + ", not of " + words;
}

Result<TokenDataset::Row> rowOf(TokenizedRow tokenized, const Sample& sample, std::size_t source) {
    TokenDataset::Row row;
    row.source = source;
    row.truncated = tokenized.truncated;
    row.desirable = sample.kind != SampleKind::Unpaired || sample.label;
    row.margin = sample.margin;
    for (std::size_t i = 1; i < tokenized.trained.size(); ++i)
        row.targets += tokenized.trained[i];
    if (row.targets == 0)
        return fail(ErrorCode::InvalidData, "there is nothing to learn from it: no token of the answer is left");
    row.ids = std::move(tokenized.ids);
    row.trained = std::move(tokenized.trained);
    return row;
}

// The conversations whose last answers a sample consists of.
std::vector<std::vector<Message>> answered(Sample& sample) {
    if (sample.kind != SampleKind::Preference && sample.kind != SampleKind::Unpaired)
        return {std::move(sample.messages)};
    std::vector<std::vector<Message>> conversations{sample.messages};
    conversations[0].push_back(chosenMessage(sample));
    if (sample.kind == SampleKind::Preference) {
        conversations.push_back(std::move(sample.messages));
        conversations[1].push_back(rejectedMessage(sample));
    }
    return conversations;
}

Slot tokenizeOne(const SampleSource& source, std::size_t index, const PromptFormat& format, const TokenizeOptions& options) {
    Slot slot;
    auto sample = source.at(index);
    if (!sample) {
        slot.reason = sample.error().message;
        return slot;
    }
    slot.id = sample->id;
    if (std::find(options.kinds.begin(), options.kinds.end(), sample->kind) == options.kinds.end()) {
        slot.unwanted = sample->kind;
        slot.reason = otherKind(sample->kind, options.kinds);
        return slot;
    }
    const bool contextOnly = std::any_of(sample->messages.begin(), sample->messages.end(), [](const Message& message) { return !message.learn; });
    const auto add = [&](Result<TokenizedRow> tokenized) -> Status {
        if (!tokenized)
            return fail(std::move(tokenized).error());
        if (contextOnly && std::find(tokenized->trained.begin(), tokenized->trained.end(), true) == tokenized->trained.end())
            return fail(ErrorCode::InvalidData, "nothing in it is learned: its answers have weight 0 (with train_on: completion only the last one counts)");
        slot.endTrained = slot.endTrained && (tokenized->endTokenTrained || tokenized->truncated);
        ATTUNE_ASSIGN(TokenDataset::Row row, rowOf(std::move(*tokenized), *sample, index));
        if (row.truncated && options.wholeSamplesOnly)
            return fail(ErrorCode::InvalidData, "one of its answers does not fit into the maximum length");
        slot.rows.push_back(std::move(row));
        return {};
    };
    Status added;
    if (sample->kind == SampleKind::Text) {
        added = add(format.textRow(sample->text, options.maxLength));
    } else {
        for (const auto& conversation : answered(*sample))
            if (added)
                added = add(format.trainingRow(conversation, options.trainOn, options.maxLength));
    }
    if (added && slot.rows.size() == 2 && slot.rows[0].ids == slot.rows[1].ids)
        added = fail(ErrorCode::InvalidData, "both answers are the same once they are cut to the maximum length");
    if (!added) {
        slot.reason = added.error().message;
        slot.rows.clear();
    }
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
    std::map<SampleKind, std::size_t> unwanted;
    for (std::size_t i = 0; i < count; ++i) {
        Slot& slot = slots[i];
        if (slot.rows.empty()) {
            ++reasons[slot.reason];
            if (slot.unwanted)
                ++unwanted[*slot.unwanted];
            data.dropped.push_back({i, std::move(slot.id), std::move(slot.reason)});
            continue;
        }
        data.rowsPerSample = slot.rows.size();
        std::int64_t sampleTokens = 0;
        for (TokenDataset::Row& row : slot.rows) {
            sampleTokens += static_cast<std::int64_t>(row.ids.size());
            data.targets += row.targets;
            data.truncatedRows += row.truncated;
            data.rows.push_back(std::move(row));
        }
        data.tokens += sampleTokens;
        data.longest = std::max(data.longest, sampleTokens);
        data.endNotTrained += !slot.endTrained;
    }
    if (data.rows.empty()) {
        if (count == 0)
            return fail(ErrorCode::InvalidData, "The data set has no rows", "Import rows in Data, or choose another file or split.");
        if (unwanted.size() == 1 && unwanted.begin()->second == count)
            return fail(ErrorCode::Unsupported, std::string("The data holds ") + kindInWords(unwanted.begin()->first));
        const auto most = std::max_element(reasons.begin(), reasons.end(),
                                           [](const auto& a, const auto& b) { return a.second < b.second; });
        return fail(ErrorCode::InvalidData,
                    "None of the " + std::to_string(count) + " rows can be used; " + std::to_string(most->second) +
                        " of them because: " + most->first,
                    "Raise the maximum length (training.max_length), shorten the rows, or look at them in Data.");
    }
    return data;
}

const char* kindInWords(SampleKind kind) {
    switch (kind) {
    case SampleKind::Chat:
        return "conversations";
    case SampleKind::Text:
        return "plain texts";
    case SampleKind::Preference:
        return "preference pairs";
    case SampleKind::Unpaired:
        return "labelled answers";
    case SampleKind::PromptOnly:
        break;
    }
    return "prompts without answers";
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
