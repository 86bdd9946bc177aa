// The parts of a sample as people and checks name them, whatever its kind. Pure functions.
#pragma once

#include <optional>
#include <string>

#include "core/data/sample.h"

namespace attune {

/// What the model is asked: the last user message of a conversation and what stands before it, one message per
/// paragraph. "" for text.
std::string promptText(const Sample& sample);
/// What it should answer: last assistant message, chosen completion, or the whole text.
std::string completionText(const Sample& sample);
/// toolFault() of the conversation and of the answers beside it; their fields are "chosen" and "rejected".
std::optional<ToolFault> toolFault(const Sample& sample);
/// Bytes of all texts.
std::int64_t textBytes(const Sample& sample);
/// Calls `visit(std::string_view)` for each text of the sample.
template <class Visit>
void forEachText(const Sample& sample, Visit&& visit) {
    for (const Message& message : sample.messages)
        visit(std::string_view(message.content));
    visit(std::string_view(sample.text));
    visit(std::string_view(sample.chosen));
    visit(std::string_view(sample.rejected));
}

} // namespace attune
