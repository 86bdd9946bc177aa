#include "core/data/convert_sample.h"

#include <algorithm>
#include <utility>

#include "core/base/space.h"

namespace attune {

namespace {

Sample rowLike(const Sample& from, SampleKind kind) {
    Sample made;
    made.kind = kind;
    made.tags = from.tags;
    made.split = from.split;
    made.sourceRow = from.sourceRow;
    return made;
}

Sample conversationWith(const Sample& from, Message answer) {
    Sample made = rowLike(from, SampleKind::Chat);
    made.messages = from.messages;
    made.messages.push_back(std::move(answer));
    return made;
}

Sample markedAnswer(const Sample& from, Message answer, bool good) {
    Sample made = rowLike(from, SampleKind::Unpaired);
    made.messages = from.messages;
    made.chosen = std::move(answer.content);
    made.chosenCalls = answer.toolCalls;
    made.label = good;
    return made;
}

} // namespace

bool canConvert(SampleKind from, SampleKind to) {
    static constexpr std::pair<SampleKind, SampleKind> kPossible[] = {
        {SampleKind::Preference, SampleKind::Chat},       {SampleKind::Preference, SampleKind::Unpaired},
        {SampleKind::Preference, SampleKind::PromptOnly}, {SampleKind::Unpaired, SampleKind::Chat},
        {SampleKind::Unpaired, SampleKind::PromptOnly},   {SampleKind::Chat, SampleKind::PromptOnly},
        {SampleKind::Chat, SampleKind::Text}};
    return std::find(std::begin(kPossible), std::end(kPossible), std::pair(from, to)) != std::end(kPossible);
}

std::vector<Sample> convertSample(const Sample& sample, SampleKind to) {
    if (!canConvert(sample.kind, to))
        return {};
    if (to == SampleKind::PromptOnly) {
        Sample made = rowLike(sample, to);
        made.messages = sample.messages;
        while (!made.messages.empty() && made.messages.back().role == "assistant")
            made.messages.pop_back();
        return made.messages.empty() ? std::vector<Sample>{} : std::vector<Sample>{std::move(made)};
    }
    if (to == SampleKind::Text) {
        Sample made = rowLike(sample, to);
        for (const Message& message : sample.messages)
            made.text += (made.text.empty() ? "" : "\n\n") + message.content;
        return isBlank(made.text) ? std::vector<Sample>{} : std::vector<Sample>{std::move(made)};
    }
    if (sample.kind == SampleKind::Unpaired)
        return sample.label ? std::vector<Sample>{conversationWith(sample, chosenMessage(sample))} : std::vector<Sample>{};
    if (to == SampleKind::Chat)
        return {conversationWith(sample, chosenMessage(sample))};
    return {markedAnswer(sample, chosenMessage(sample), true), markedAnswer(sample, rejectedMessage(sample), false)};
}

} // namespace attune
