#include "core/data/sample.h"

#include "core/data/import_problem.h"
#include "core/data/sample_text.h"

namespace attune {

const char* sampleKindId(SampleKind kind) {
    switch (kind) {
    case SampleKind::Chat:
        return "chat";
    case SampleKind::Text:
        return "text";
    case SampleKind::Preference:
        return "preference";
    case SampleKind::Unpaired:
        return "unpaired";
    case SampleKind::PromptOnly:
        break;
    }
    return "prompt_only";
}

const char* splitId(Split split) {
    switch (split) {
    case Split::Train:
        return "train";
    case Split::Validation:
        return "validation";
    case Split::Test:
        return "test";
    case Split::None:
        break;
    }
    return "";
}

std::string describe(const ImportProblem& problem) {
    std::string text = "row " + std::to_string(problem.row);
    if (problem.line != 0 && problem.line != problem.row)
        text += " (line " + std::to_string(problem.line) + ")";
    if (!problem.field.empty())
        text += ", field \"" + problem.field + "\"";
    return text + ": " + problem.reason;
}

std::string promptText(const Sample& sample) {
    std::size_t end = sample.messages.size();
    if (sample.kind == SampleKind::Chat && end > 0 && sample.messages.back().role == "assistant")
        --end;
    std::string text;
    for (std::size_t i = 0; i < end; ++i) {
        if (i > 0)
            text += "\n\n";
        text += sample.messages[i].content;
    }
    return text;
}

std::string completionText(const Sample& sample) {
    switch (sample.kind) {
    case SampleKind::Chat:
        return !sample.messages.empty() && sample.messages.back().role == "assistant" ? sample.messages.back().content
                                                                                      : std::string();
    case SampleKind::Text:
        return sample.text;
    default:
        return sample.chosen;
    }
}

std::optional<ToolFault> toolFault(const Sample& sample) {
    if (auto fault = toolFault(sample.messages))
        return fault;
    for (const auto& [message, field] : {std::pair{chosenMessage(sample), "chosen"}, std::pair{rejectedMessage(sample), "rejected"}})
        if (message.toolCalls > 0)
            if (const auto fault = toolFault(std::vector<Message>{message}))
                return ToolFault{field, fault->reason};
    return std::nullopt;
}

std::int64_t textBytes(const Sample& sample) {
    std::size_t bytes = 0;
    forEachText(sample, [&](std::string_view text) { bytes += text.size(); });
    return static_cast<std::int64_t>(bytes);
}

} // namespace attune
