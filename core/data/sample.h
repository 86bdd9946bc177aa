// One training or test sample in the one form everything after the importers works with. A value type.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/text/prompt_format.h"

namespace attune {

enum class SampleKind { Chat, Text, Preference, Unpaired, PromptOnly };
enum class Split { None, Train, Validation, Test };

struct Sample {
    std::string id; // stable: hash of the content and its occurrence number, or the file's own id
    SampleKind kind = SampleKind::Chat;
    // Chat: the whole conversation, last message from the assistant. Preference, Unpaired, PromptOnly: the prompt only.
    std::vector<Message> messages;
    std::string text;             // Text
    std::string chosen, rejected; // Preference: the two completions. Unpaired: `chosen` is the completion
    bool label = true;            // Unpaired: desirable or not
    double margin = 0;            // Preference, optional
    int chosenCalls = 0, rejectedCalls = 0; // Message::toolCalls of the two completions
    std::vector<std::string> tags;
    Split split = Split::None;
    std::int64_t sourceRow = 0; // 1-based row (or line for JSONL) in the file it came from

    bool operator==(const Sample&) const = default;
};

/// The completions as the messages they are.
inline Message chosenMessage(const Sample& sample) { return {"assistant", sample.chosen, sample.chosenCalls}; }
inline Message rejectedMessage(const Sample& sample) { return {"assistant", sample.rejected, sample.rejectedCalls}; }

const char* sampleKindId(SampleKind kind); // "chat", "text", "preference", "unpaired", "prompt_only"
const char* splitId(Split split);          // "", "train", "validation", "test"

} // namespace attune
