#include "core/eval/json_metrics.h"

#include <algorithm>

#include "core/eval/text_metrics.h"

namespace attune {

namespace {

// An answer is untrusted text of a model: small limits, so that a babbling one costs nothing.
constexpr JsonLimits kAnswerLimits{.maxBytes = std::size_t{1} << 20, .maxDepth = 32, .maxValues = 100'000};

std::string quotedList(const std::vector<std::string>& keys) {
    std::string text;
    for (const std::string& key : keys)
        text += (text.empty() ? "\"" : ", \"") + key + "\"";
    return text;
}

double fieldScore(const JsonFieldRule& rule, const Json& answer, const Json& expected) {
    const auto given = answer.find(rule.key), wanted = expected.find(rule.key);
    if (given == answer.end() || wanted == expected.end())
        return 0;
    if (rule.compare == JsonFieldRule::Compare::Exact)
        return *given == *wanted ? 1 : 0;
    if (!given->is_string() || !wanted->is_string())
        return 0;
    return rougeL(given->get_ref<const std::string&>(), wanted->get_ref<const std::string&>());
}

} // namespace

JsonAnswer readJsonAnswer(std::string_view answer, std::span<const std::string> expectedKeys) {
    JsonAnswer result;
    auto json = parseJson(answer, "the answer", kAnswerLimits);
    if (!json) {
        result.problem = json.error().message;
        return result;
    }
    if (!json->is_object()) {
        result.problem = "the answer is JSON but not an object";
        return result;
    }
    result.parses = true;
    result.object = std::move(*json);
    for (const std::string& key : expectedKeys)
        if (!result.object.contains(key))
            result.missing.push_back(key);
    for (const auto& [key, value] : result.object.items())
        if (std::find(expectedKeys.begin(), expectedKeys.end(), key) == expectedKeys.end())
            result.extra.push_back(key);
    result.valid = result.missing.empty() && result.extra.empty();
    if (!result.missing.empty())
        result.problem = "the keys " + quotedList(result.missing) + " are missing";
    else if (!result.extra.empty())
        result.problem = "the keys " + quotedList(result.extra) + " do not belong there";
    return result;
}

Result<std::vector<Score>> jsonScores(std::span<const std::string> answers, std::span<const std::string> expected,
                                      std::span<const JsonFieldRule> rules) {
    std::vector<double> valid, record;
    std::vector<std::vector<double>> fields(rules.size());
    for (std::size_t i = 0; i < std::min(answers.size(), expected.size()); ++i) {
        const auto wanted =
            parseJson(expected[i], "the expected answer of row " + std::to_string(i + 1), kAnswerLimits);
        if (!wanted || !wanted->is_object())
            return fail(ErrorCode::InvalidData,
                        "The expected answer of row " + std::to_string(i + 1) + " is not a JSON object",
                        "Correct that row, or score the answers as text.");
        std::vector<std::string> keys;
        for (const auto& [key, value] : wanted->items())
            keys.push_back(key);
        const JsonAnswer answer = readJsonAnswer(answers[i], keys);
        valid.push_back(answer.valid ? 1 : 0);
        bool right = answer.valid;
        for (std::size_t rule = 0; rule < rules.size(); ++rule) {
            const double score = answer.valid ? fieldScore(rules[rule], answer.object, *wanted) : 0;
            fields[rule].push_back(score);
            right = right && (rules[rule].compare != JsonFieldRule::Compare::Exact || score == 1);
        }
        record.push_back(right ? 1 : 0);
    }
    std::vector<Score> scores{summarise("json.valid", "Valid JSON", std::move(valid))};
    for (std::size_t rule = 0; rule < rules.size(); ++rule)
        scores.push_back(summarise("field." + rules[rule].key,
                                   "\"" + rules[rule].key + "\" " +
                                       (rules[rule].compare == JsonFieldRule::Compare::Exact ? "exact" : "ROUGE-L"),
                                   std::move(fields[rule])));
    scores.push_back(summarise("json.record", "All exact fields right", std::move(record)));
    return scores;
}

} // namespace attune
