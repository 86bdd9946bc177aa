#include "core/data/jsonl_export.h"

#include "core/base/json.h"

namespace attune {

namespace {

// The turns with their calls as other programs read them; the tools have a key of their own.
OrderedJson turns(const std::vector<Message>& messages) {
    const auto first = messages.begin() + (!messages.empty() && messages.front().role == "tools");
    OrderedJson list = chatVariables({first, messages.end()}, {true, true})["messages"];
    for (std::size_t i = 0; i < list.size(); ++i) {
        for (const char* counted : {"tool_call_id", "name"}) // nothing the row said
            list[i].erase(counted);
        if (!(first + static_cast<std::ptrdiff_t>(i))->learn)
            list[i]["weight"] = 0;
    }
    return list;
}

void addToolList(OrderedJson& row, const std::vector<Message>& messages) {
    if (messages.empty() || messages.front().role != "tools")
        return;
    OrderedJson tools = chatVariables(messages, {true, true})["tools"];
    row["tools"] = tools.is_null() ? OrderedJson(messages.front().content) : std::move(tools); // one that cannot be read: as it was written
}

} // namespace

std::string toJsonLine(const Sample& sample) {
    OrderedJson row = OrderedJson::object();
    switch (sample.kind) {
    case SampleKind::Chat:
        row["messages"] = turns(sample.messages);
        break;
    case SampleKind::Text:
        row["text"] = sample.text;
        break;
    case SampleKind::Preference:
        row["prompt"] = turns(sample.messages);
        row["chosen"] = turns({chosenMessage(sample)});
        row["rejected"] = turns({rejectedMessage(sample)});
        if (sample.margin != 0)
            row["margin"] = sample.margin;
        break;
    case SampleKind::Unpaired:
        row["prompt"] = turns(sample.messages);
        row["completion"] = turns({chosenMessage(sample)});
        row["label"] = sample.label;
        break;
    case SampleKind::PromptOnly:
        row["prompt"] = turns(sample.messages);
        break;
    }
    addToolList(row, sample.messages);
    if (!sample.tags.empty())
        row["tags"] = sample.tags;
    return row.dump(-1, ' ', false, OrderedJson::error_handler_t::replace);
}

Result<std::int64_t> writeJsonl(const fs::path& file, const std::function<Result<std::optional<Sample>>()>& next,
                                const Progress& progress) {
    constexpr std::size_t kBuffer = std::size_t{1} << 20;
    ATTUNE_ASSIGN(AtomicFile output, AtomicFile::create(file));
    std::string buffer;
    std::int64_t rows = 0;
    for (;; ++rows) {
        if (progress.cancelled())
            return fail(ErrorCode::Cancelled, "Writing " + file.string() + " was cancelled");
        ATTUNE_ASSIGN(const std::optional<Sample> sample, next());
        if (!sample)
            break;
        buffer += toJsonLine(*sample);
        buffer += '\n';
        if (buffer.size() >= kBuffer) {
            ATTUNE_CHECK(output.write(buffer));
            buffer.clear();
        }
    }
    ATTUNE_CHECK(output.write(buffer));
    ATTUNE_CHECK(output.commit());
    return rows;
}

Result<std::int64_t> writeJsonl(const fs::path& file, std::span<const Sample> samples, const Progress& progress) {
    std::size_t index = 0;
    return writeJsonl(
        file,
        [&]() -> Result<std::optional<Sample>> {
            if (index == samples.size())
                return std::nullopt;
            return samples[index++];
        },
        progress);
}

} // namespace attune
