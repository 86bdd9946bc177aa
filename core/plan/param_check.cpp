#include "core/plan/param_check.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <numeric>
#include <utility>

#include "core/base/space.h"

namespace attune {

namespace {

std::string numberText(double value) {
    std::array<char, 64> buffer{};
    const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value);
    return {buffer.data(), end.ptr};
}

// As people write it: 100000 rather than 1e+05.
std::string plainNumber(double value) {
    if (!(std::abs(value) >= 1e-4 && std::abs(value) < 1e9))
        return numberText(value);
    std::array<char, 64> buffer{};
    const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, std::chars_format::fixed);
    return {buffer.data(), end.ptr};
}

std::string joined(std::span<const std::string> words) {
    std::string text;
    for (const std::string& word : words)
        text += (text.empty() ? "" : ", ") + word;
    return text;
}

const char* typeName(const ParamValue& value) {
    static constexpr const char* kNames[] = {"true or false", "a whole number", "a number", "a text",
                                             "a list of texts"};
    return kNames[value.index()];
}

std::string allowedRange(const ParamSpec& spec) {
    std::string text;
    if (spec.min && spec.max)
        text = "from " + numberText(*spec.min) + " to " + numberText(*spec.max);
    else if (spec.min)
        text = "at least " + numberText(*spec.min);
    else if (spec.max)
        text = "at most " + numberText(*spec.max);
    return text + (text.empty() || spec.unit.empty() ? "" : " " + spec.unit);
}

template <class T>
std::optional<T> fromText(std::string_view text) {
    T value{};
    if (text.starts_with('+'))
        text.remove_prefix(1);
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size())
        return std::nullopt;
    return value;
}

Error wrongType(const ParamSpec& spec, std::string_view field, std::string_view given) {
    return {ErrorCode::InvalidArgument,
            std::string(field) + " must be " + typeName(spec.defaultValue) +
                (given.empty() ? "" : ", not \"" + std::string(given.substr(0, 80)) + "\""),
            "Give " + std::string(typeName(spec.defaultValue)) +
                (allowedRange(spec).empty() ? "." : " " + allowedRange(spec) + ".")};
}

Status checkChoice(const ParamSpec& spec, const std::string& value, std::string_view field) {
    if (spec.choices.empty() || std::find(spec.choices.begin(), spec.choices.end(), value) != spec.choices.end())
        return {};
    const std::string near = nearestWord(value, spec.choices);
    return fail(ErrorCode::InvalidArgument, std::string(field) + " cannot be \"" + value.substr(0, 80) + "\"",
                (near.empty() ? "" : "Did you mean " + near + "? ") + "Allowed: " + joined(spec.choices) + ".");
}

} // namespace

Status checkParam(const ParamSpec& spec, const ParamValue& value, std::string_view field) {
    const bool wantsDouble = std::holds_alternative<double>(spec.defaultValue);
    const bool integerForDouble = wantsDouble && std::holds_alternative<std::int64_t>(value);
    if (value.index() != spec.defaultValue.index() && !integerForDouble)
        return fail(wrongType(spec, field, paramText(value)));
    if (const auto* text = std::get_if<std::string>(&value))
        return checkChoice(spec, *text, field);
    if (const auto* list = std::get_if<std::vector<std::string>>(&value)) {
        for (const std::string& entry : *list)
            ATTUNE_CHECK(checkChoice(spec, entry, field));
        return {};
    }
    if (std::holds_alternative<bool>(value))
        return {};
    const double number = std::holds_alternative<std::int64_t>(value)
                              ? static_cast<double>(std::get<std::int64_t>(value))
                              : std::get<double>(value);
    // The negated form also refuses NaN.
    if (!std::isfinite(number) || (spec.min && !(number >= *spec.min)) || (spec.max && !(number <= *spec.max)))
        return fail(ErrorCode::InvalidArgument, std::string(field) + " cannot be " + plainNumber(number),
                    "Allowed: " + (allowedRange(spec).empty() ? "any finite number" : allowedRange(spec)) + ".");
    return {};
}

Result<ParamValue> parseParam(const ParamSpec& spec, std::string_view text, std::string_view field) {
    ParamValue value;
    if (std::holds_alternative<bool>(spec.defaultValue)) {
        if (text != "true" && text != "false")
            return fail(wrongType(spec, field, text));
        value = text == "true";
    } else if (std::holds_alternative<std::int64_t>(spec.defaultValue)) {
        const auto number = fromText<std::int64_t>(trimmed(text));
        if (!number)
            return fail(wrongType(spec, field, text));
        value = *number;
    } else if (std::holds_alternative<double>(spec.defaultValue)) {
        const auto number = fromText<double>(trimmed(text));
        if (!number)
            return fail(wrongType(spec, field, text));
        value = *number;
    } else if (std::holds_alternative<std::string>(spec.defaultValue)) {
        value = std::string(text);
    } else {
        std::vector<std::string> list;
        for (std::size_t start = 0; start < text.size();) {
            const std::size_t comma = std::min(text.find(',', start), text.size());
            if (const auto entry = trimmed(text.substr(start, comma - start)); !entry.empty())
                list.emplace_back(entry);
            start = comma + 1;
        }
        value = std::move(list);
    }
    ATTUNE_CHECK(checkParam(spec, value, field));
    return value;
}

std::string paramText(const ParamValue& value) {
    if (const auto* flag = std::get_if<bool>(&value))
        return *flag ? "true" : "false";
    if (const auto* integer = std::get_if<std::int64_t>(&value))
        return std::to_string(*integer);
    if (const auto* number = std::get_if<double>(&value))
        return numberText(*number);
    if (const auto* text = std::get_if<std::string>(&value))
        return *text;
    return joined(std::get<std::vector<std::string>>(value));
}

const ParamSpec* findParam(std::span<const ParamSpec> specs, std::string_view key) {
    const auto found = std::find_if(specs.begin(), specs.end(), [&](const ParamSpec& spec) { return spec.key == key; });
    return found == specs.end() ? nullptr : &*found;
}

bool takesEffect(const ParamSpec& spec, const ParamMap& values, const std::vector<ParamSpec>& specs) {
    const std::string_view condition = spec.onlyWhen;
    const std::size_t equals = condition.find('=');
    if (equals == std::string_view::npos)
        return true;
    const ParamSpec* other = findParam(specs, condition.substr(0, equals));
    if (!other)
        return true;
    const auto given = values.find(other->key);
    const std::string value = paramText(given == values.end() ? other->defaultValue : given->second);
    for (std::size_t begin = equals + 1; begin <= condition.size();) {
        const std::size_t end = std::min(condition.find('|', begin), condition.size());
        if (condition.substr(begin, end - begin) == value)
            return true;
        begin = end + 1;
    }
    return false;
}

std::string nearestWord(std::string_view word, std::span<const std::string> candidates) {
    word = word.substr(0, 64); // longer is no typo, and the distance is quadratic
    std::string best;
    std::size_t bestEdits = std::max<std::size_t>(1, word.size() / 3) + 1;
    for (const std::string& candidate : candidates) {
        // Optimal string alignment: a swap of two neighbours is one edit, the commonest typo there is.
        std::vector<std::size_t> beforeLast, last, row(candidate.size() + 1);
        std::iota(row.begin(), row.end(), std::size_t{0});
        for (std::size_t i = 1; i <= word.size(); ++i) {
            beforeLast = std::exchange(last, row);
            row[0] = i;
            for (std::size_t j = 1; j <= candidate.size(); ++j) {
                row[j] =
                    std::min({last[j - 1] + (word[i - 1] == candidate[j - 1] ? 0 : 1), row[j - 1] + 1, last[j] + 1});
                if (i > 1 && j > 1 && word[i - 1] == candidate[j - 2] && word[i - 2] == candidate[j - 1])
                    row[j] = std::min(row[j], beforeLast[j - 2] + 1);
            }
        }
        if (row.back() < bestEdits)
            best = candidate, bestEdits = row.back();
    }
    return best;
}

} // namespace attune
