#include "core/engine/watched_answers.h"

#include <algorithm>

#include "core/engine/generate.h"

namespace attune {

namespace {

constexpr std::size_t kWatchedRows = 4;     // when the recipe names no prompts of its own
constexpr std::size_t kSearchedRows = 256;  // for rows that are short enough

std::optional<WatchedPrompt> watchedPromptOf(Sample sample) {
    if (sample.kind == SampleKind::Text || sample.messages.size() < (sample.kind == SampleKind::Chat ? 2u : 1u))
        return std::nullopt;
    WatchedPrompt prompt;
    if (sample.kind == SampleKind::Chat) {
        prompt.expected = sample.messages.back().content;
        sample.messages.pop_back();
    } else if (sample.kind == SampleKind::Preference || sample.label) {
        prompt.expected = sample.chosen;
    }
    prompt.shown = sample.messages.back().content;
    prompt.prompt.messages = std::move(sample.messages);
    return prompt;
}

} // namespace

Result<std::vector<WatchedPrompt>> watchedPrompts(const TrainRequest& request, const std::vector<std::string>& named,
                                                  const PromptFormat& format, std::size_t maxTokens) {
    std::vector<WatchedPrompt> prompts;
    for (const std::string& text : named)
        prompts.push_back({Prompt{.messages = {{"user", text}}}, text, {}});
    if (!named.empty())
        return prompts;
    const SampleSource& source = request.validation && request.validation->size() > 0 ? *request.validation : *request.train;
    for (std::size_t i = 0; i < std::min(source.size(), kSearchedRows) && prompts.size() < kWatchedRows; ++i) {
        ATTUNE_ASSIGN(Sample sample, source.at(i));
        auto prompt = watchedPromptOf(std::move(sample));
        if (!prompt)
            continue;
        const auto ids = format.promptIds(prompt->prompt.messages);
        if (ids && ids->size() <= maxTokens)
            prompts.push_back(std::move(*prompt));
    }
    return prompts;
}

Status writeWatchedAnswers(const LoadedModel& loaded, const std::vector<WatchedPrompt>& watched, std::int64_t maxTokens, std::int64_t step,
                           std::stop_token stop, const Emit& emit) {
    std::vector<std::vector<std::int64_t>> ids;
    for (const WatchedPrompt& prompt : watched) {
        ATTUNE_ASSIGN(auto encoded, promptIds(loaded, prompt.prompt));
        ids.push_back(std::move(encoded));
    }
    GenerateOptions options;
    options.sampling.maxTokens = maxTokens;
    ATTUNE_ASSIGN(const auto texts, generateTexts(loaded, ids, options, stop, [](const TrainingEvent&) {}));
    if (stop.stop_requested())
        return {}; // cut off answers
    for (std::size_t i = 0; i < texts.size(); ++i)
        emit(SampleGenerated{step, static_cast<int>(i), watched[i].shown, watched[i].expected, texts[i].text});
    return {};
}

} // namespace attune
