#include "core/engine/prompt_rows.h"

#include <algorithm>
#include <map>

namespace attune {

namespace {

struct PromptOf {
    std::vector<Message> messages;
    std::string reference;
};

// Nothing where the kind gives no prompts.
std::optional<PromptOf> promptOf(Sample sample) {
    PromptOf prompt;
    switch (sample.kind) {
    case SampleKind::Chat:
        if (sample.messages.empty())
            return std::nullopt;
        prompt.reference = std::move(sample.messages.back().content);
        sample.messages.pop_back();
        break;
    case SampleKind::Preference:
        prompt.reference = std::move(sample.chosen);
        break;
    case SampleKind::PromptOnly:
        break;
    case SampleKind::Text:
    case SampleKind::Unpaired:
        return std::nullopt;
    }
    prompt.messages = std::move(sample.messages);
    return prompt;
}

} // namespace

Result<PromptRows> readPromptRows(const SampleSource& source, const PromptFormat& format, std::size_t longest,
                                  const RewardMix& rewards, const Progress& progress) {
    PromptRows rows;
    std::map<std::string, std::size_t> reasons;
    std::map<SampleKind, std::size_t> unwanted;
    const auto leaveOut = [&](std::size_t index, const std::string& id, std::string reason) {
        ++reasons[reason];
        rows.data.dropped.push_back({index, id, std::move(reason)});
    };
    for (std::size_t i = 0; i < source.size(); ++i) {
        if (progress.cancelled())
            return fail(ErrorCode::Cancelled, "Reading the prompts was cancelled");
        if (i % 256 == 0)
            progress.report(static_cast<double>(i) / static_cast<double>(source.size()), "Reading prompts");
        auto sample = source.at(i);
        if (!sample) {
            leaveOut(i, {}, sample.error().message);
            continue;
        }
        const std::string id = sample->id;
        const SampleKind kind = sample->kind;
        auto prompt = promptOf(std::move(*sample));
        if (!prompt) {
            ++unwanted[kind];
            leaveOut(i, id, std::string("it is one of ") + kindInWords(kind));
            continue;
        }
        if (std::string problem = rewards.referenceProblem(prompt->reference); !problem.empty()) {
            leaveOut(i, id, std::move(problem));
            continue;
        }
        auto ids = format.promptIds(prompt->messages);
        if (!ids) {
            leaveOut(i, id, ids.error().message);
            continue;
        }
        if (ids->empty() || ids->size() > longest) {
            leaveOut(i, id, ids->empty() ? "its prompt is empty" : "its prompt and the longest answer do not fit into the maximum length");
            continue;
        }
        TokenDataset::Row row;
        row.source = i;
        row.trained.assign(ids->size(), false);
        row.ids = std::move(*ids);
        rows.data.tokens += static_cast<std::int64_t>(row.ids.size());
        rows.data.longest = std::max(rows.data.longest, static_cast<std::int64_t>(row.ids.size()));
        rows.data.rows.push_back(std::move(row));
        rows.messages.push_back(std::move(prompt->messages));
        rows.references.push_back(std::move(prompt->reference));
    }
    if (!rows.data.rows.empty())
        return rows;
    if (source.size() == 0)
        return fail(ErrorCode::InvalidData, "The data set has no rows", "Import rows in Data, or choose another file or split.");
    if (unwanted.size() == 1 && unwanted.begin()->second == source.size())
        return fail(ErrorCode::Unsupported, std::string("The data holds ") + kindInWords(unwanted.begin()->first));
    const auto most = std::max_element(reasons.begin(), reasons.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
    return fail(ErrorCode::InvalidData,
                "None of the " + std::to_string(source.size()) + " rows can be used; " + std::to_string(most->second) +
                    " of them because: " + most->first,
                "Choose rewards that fit the rows, lower objective.max_completion_length, raise training.max_length, or look at the rows in Data.");
}

} // namespace attune
