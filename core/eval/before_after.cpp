#include "core/eval/before_after.h"

#include <algorithm>
#include <set>

#include "core/eval/text_metrics.h"
#include "core/run/engine.h"

namespace attune {

namespace {

// A field whose expected values are this long on average is free text: scored by ROUGE-L instead of equality.
constexpr double kFreeTextLength = 24.0;

// The rules when every expected answer is a JSON object with one set of keys; empty otherwise.
std::vector<JsonFieldRule> recordRules(std::span<const std::string> expected) {
    std::vector<OrderedJson> objects;
    for (const std::string& text : expected) {
        auto parsed = parseOrderedJson(text, "expected answer");
        if (!parsed || !parsed->is_object() || parsed->empty())
            return {};
        objects.push_back(std::move(*parsed));
    }
    std::vector<JsonFieldRule> rules;
    if (objects.empty())
        return rules;
    for (const auto& [key, first] : objects.front().items()) {
        std::size_t length = 0, strings = 0;
        std::set<std::string> distinct;
        for (const OrderedJson& object : objects) {
            if (object.size() != objects.front().size() || !object.contains(key))
                return {};
            if (object[key].is_string()) {
                length += object[key].get_ref<const std::string&>().size();
                distinct.insert(object[key].get<std::string>());
                ++strings;
            }
        }
        const bool free = strings == objects.size() && static_cast<double>(length) / static_cast<double>(strings) > kFreeTextLength &&
                          distinct.size() * 4 > objects.size();
        rules.push_back({key, free ? JsonFieldRule::Compare::RougeL : JsonFieldRule::Compare::Exact});
    }
    return rules;
}

} // namespace

Result<std::vector<Score>> taskScores(std::span<const std::string> answers, std::span<const std::string> expected) {
    if (const auto rules = recordRules(expected); !rules.empty())
        return jsonScores(answers, expected, rules);
    return textScores(answers, expected);
}

Prompt promptOf(const Sample& sample) {
    Prompt prompt;
    prompt.messages = sample.messages;
    if (sample.kind == SampleKind::Chat && !prompt.messages.empty())
        prompt.messages.pop_back();
    return prompt;
}

const std::string& expectedAnswer(const Sample& sample) {
    if (sample.kind == SampleKind::Chat && !sample.messages.empty())
        return sample.messages.back().content;
    return sample.chosen;
}

Result<std::vector<std::string>> answerRows(Engine& engine, const std::string& model, const std::string& adapter,
                                            const BeforeAfterRequest& request, std::stop_token stop,
                                            const std::function<void(double)>& progress) {
    GenerateRequest generate;
    generate.model = model;
    generate.adapter = adapter;
    generate.precision = request.precision;
    generate.sampling.maxTokens = request.maxTokens;
    for (const Sample& row : request.rows)
        generate.prompts.push_back(promptOf(row));
    std::size_t finished = 0;
    const Emit emit = [&](const TrainingEvent& event) {
        if (const auto* text = std::get_if<TextGenerated>(&event); text && text->finished)
            progress(static_cast<double>(++finished) / static_cast<double>(request.rows.size()));
    };
    ATTUNE_ASSIGN(auto generated, engine.generate(generate, stop, emit));
    std::vector<std::string> answers;
    for (GeneratedText& text : generated) {
        if (text.finish == "cancelled")
            return fail(ErrorCode::Cancelled, "The evaluation was cancelled");
        answers.push_back(std::move(text.text));
    }
    return answers;
}

Result<BeforeAfter> evaluateBeforeAfter(Engine& engine, const BeforeAfterRequest& request, std::stop_token stop,
                                        const std::function<void(double, const char*)>& progress) {
    if (request.rows.empty())
        return fail(ErrorCode::InvalidData, "There are no test rows to measure", "Split the data so that the test part has rows.");
    BeforeAfter result;
    for (const Sample& row : request.rows)
        result.expected.push_back(expectedAnswer(row));
    ATTUNE_ASSIGN(result.base, answerRows(engine, request.model, {}, request, stop,
                                          [&](double done) { progress(done / 2, "Base model answers"); }));
    ATTUNE_ASSIGN(result.tuned, answerRows(engine, request.model, request.adapter, request, stop,
                                           [&](double done) { progress(0.5 + done / 2, "Tuned model answers"); }));
    ATTUNE_ASSIGN(const auto before, taskScores(result.base, result.expected));
    ATTUNE_ASSIGN(const auto after, taskScores(result.tuned, result.expected));
    result.changes = compareAll(before, after);
    return result;
}

} // namespace attune
