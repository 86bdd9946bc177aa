#include "core/plan/sweep_knob.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>
#include <set>

#include "core/base/space.h"
#include "core/plan/param_check.h"

namespace attune {

namespace {

constexpr std::size_t kMaxValues = 1000;
constexpr std::int64_t kMaxPoints = 1000;
constexpr const char* kForms = "Write NAME=4,8,16 for values, or NAME=1e-5..1e-3:log for a range.";

const std::set<std::string, std::less<>> kWithoutEffect{"threads",          "sample_prompts",    "sample_max_tokens", "save_every",
                                                        "keep_checkpoints", "activations",       "forgetting_limit",  "score_gain"};

template <class Entries>
void addChoice(std::vector<SweepableKnob>& knobs, const char* section, const char* label, const Choice& choice, const Entries& entries) {
    ParamSpec id;
    id.key = "id", id.label = label, id.defaultValue = choice.id;
    id.help = "Which one is used; another one than the recipe's comes with its own defaults.";
    const Described* chosen = nullptr;
    for (const auto& entry : entries) {
        const Described* described = nullptr;
        if constexpr (std::is_same_v<typename Entries::value_type, Described>)
            described = &entry;
        else
            described = &entry.description;
        id.choices.push_back(described->id);
        if (described->id == choice.id)
            chosen = described;
    }
    if (chosen)
        for (const ParamSpec& spec : chosen->params)
            knobs.push_back({std::string(section) + "." + spec.key, spec});
    knobs.push_back({std::string(section) + ".id", id});
}

std::string lower(std::string_view text) {
    std::string result(text);
    std::transform(result.begin(), result.end(), result.begin(), [](unsigned char c) { return std::tolower(c); });
    return result;
}

// "Rank (r)" is also "rank"; "Learning rate" is also "learning_rate".
std::string spokenName(const ParamSpec& spec) {
    std::string name = lower(spec.label.substr(0, spec.label.find('(')));
    name = std::string(trimmed(name));
    std::replace(name.begin(), name.end(), ' ', '_');
    return name;
}

Result<SweepableKnob> findKnob(const std::string& name, const RunConfig& base, const Catalog& catalog) {
    const std::vector<SweepableKnob> knobs = sweepableKnobs(base, catalog);
    const auto dot = name.find('.');
    std::string path = name;
    // "lora.r" is the r of the method, as in --set.
    for (const auto& [section, id] : {std::pair{"method", base.method.id}, std::pair{"objective", base.objective.id},
                                      std::pair{"optimizer", base.optimizer.id}, std::pair{"schedule", base.schedule.id},
                                      std::pair{"protection", base.protection.id}})
        if (dot != std::string::npos && name.substr(0, dot) == id)
            path = std::string(section) + name.substr(dot);
    for (const auto& matches : {+[](const SweepableKnob& knob, const std::string& wanted) { return knob.path == wanted; },
                                +[](const SweepableKnob& knob, const std::string& wanted) { return knob.spec.key != "id" && knob.spec.key == wanted; },
                                +[](const SweepableKnob& knob, const std::string& wanted) { return spokenName(knob.spec) == lower(wanted); }})
        for (const SweepableKnob& knob : knobs)
            if (matches(knob, path))
                return knob;
    std::vector<std::string> names;
    for (const SweepableKnob& knob : knobs) {
        names.push_back(knob.path);
        if (knob.spec.key != "id")
            names.push_back(knob.spec.key);
        names.push_back(spokenName(knob.spec));
    }
    const std::string near = nearestWord(path, names);
    std::string all;
    for (const SweepableKnob& knob : knobs)
        all += (all.empty() ? "" : ", ") + knob.path;
    return fail(ErrorCode::InvalidArgument, "There is no knob \"" + name.substr(0, 80) + "\" in this recipe",
                (near.empty() ? "" : "Did you mean " + near + "? ") + "Knobs: " + all + ".");
}

bool isNumber(const ParamSpec& spec) {
    return std::holds_alternative<double>(spec.defaultValue) || std::holds_alternative<std::int64_t>(spec.defaultValue);
}

Result<double> bound(const SweepableKnob& knob, std::string_view text) {
    ATTUNE_ASSIGN(const ParamValue value, parseParam(knob.spec, trimmed(text), knob.path));
    return std::holds_alternative<double>(value) ? std::get<double>(value) : static_cast<double>(std::get<std::int64_t>(value));
}

Result<SweepKnob> parseRange(SweepKnob knob, const SweepableKnob& found, std::string_view text) {
    if (!isNumber(found.spec))
        return fail(ErrorCode::InvalidArgument, found.path + " is no number, so it has no range", "List its values: " + found.path + "=a,b.");
    knob.whole = std::holds_alternative<std::int64_t>(found.spec.defaultValue);
    const std::size_t dots = text.find("..");
    const std::string_view lowText = text.substr(0, dots);
    std::string_view rest = text.substr(dots + 2);
    const std::size_t colon = rest.find(':');
    const std::string_view highText = rest.substr(0, colon);
    rest = colon == std::string_view::npos ? std::string_view{} : rest.substr(colon + 1);
    ATTUNE_ASSIGN(knob.low, bound(found, lowText));
    ATTUNE_ASSIGN(knob.high, bound(found, highText));
    while (!rest.empty()) {
        const std::size_t end = std::min(rest.find(':'), rest.size());
        const std::string_view word = trimmed(rest.substr(0, end));
        rest = end == rest.size() ? std::string_view{} : rest.substr(end + 1);
        if (word == "log" || word == "lin") {
            knob.logarithmic = word == "log";
            continue;
        }
        const auto [stop, error] = std::from_chars(word.data(), word.data() + word.size(), knob.points);
        if (error != std::errc() || stop != word.data() + word.size() || knob.points < 2 || knob.points > kMaxPoints)
            return fail(ErrorCode::InvalidArgument, found.path + ": \"" + std::string(word.substr(0, 40)) + "\" after a range is not understood",
                        "Allowed: log, lin, and how many points a grid takes (2 to 1000), as in 1e-5..1e-3:log:5.");
    }
    if (!(knob.low < knob.high))
        return fail(ErrorCode::InvalidArgument, found.path + ": the range " + std::string(text.substr(0, 80)) + " does not rise",
                    "Write the smaller end first, or give one value alone.");
    if (knob.logarithmic && !(knob.low > 0))
        return fail(ErrorCode::InvalidArgument, found.path + ": a logarithmic range cannot begin at " + std::string(lowText.substr(0, 40)),
                    "Begin above zero, or leave :log away.");
    return knob;
}

double roundedTo(double value, double unit) { return std::round(value / unit) * unit; }

std::string textOf(const SweepKnob& knob, double value) {
    value = std::clamp(value, knob.low, knob.high);
    if (knob.whole)
        return paramText(ParamValue(static_cast<std::int64_t>(std::llround(value))));
    if (value == knob.low || value == knob.high)
        return paramText(ParamValue(value));
    // Three digits that matter: of the value where ratios count, of the range where distances count.
    const double size = knob.logarithmic ? value : knob.high - knob.low;
    const double unit = std::pow(10.0, std::floor(std::log10(size)) - 2);
    std::array<char, 64> digits{};
    const int places = std::max(0, static_cast<int>(-std::floor(std::log10(unit) + 1e-9)));
    // Through text, so that 0.3 is 0.3 and not the double beside it.
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), roundedTo(value, unit), std::chars_format::fixed, std::min(places, 40));
    double neat = value;
    std::from_chars(digits.data(), end.ptr, neat);
    return paramText(ParamValue(std::clamp(neat, knob.low, knob.high)));
}

double between(const SweepKnob& knob, double share) {
    return knob.logarithmic ? knob.low * std::pow(knob.high / knob.low, share) : knob.low + (knob.high - knob.low) * share;
}

} // namespace

std::vector<SweepableKnob> sweepableKnobs(const RunConfig& base, const Catalog& catalog) {
    std::vector<SweepableKnob> knobs;
    for (const ParamSpec& spec : trainingParams().params)
        if (!kWithoutEffect.contains(spec.key))
            knobs.push_back({"training." + spec.key, spec});
    addChoice(knobs, "method", "Method", base.method, catalog.methods);
    addChoice(knobs, "objective", "Objective", base.objective, catalog.objectives);
    addChoice(knobs, "optimizer", "Optimizer", base.optimizer, catalog.optimizers);
    addChoice(knobs, "schedule", "Schedule", base.schedule, catalog.schedules);
    if (!catalog.protections.empty())
        addChoice(knobs, "protection", "Protection", base.protection, catalog.protections);
    return knobs;
}

Result<SweepKnob> parseSweepKnob(std::string_view text, const RunConfig& base, const Catalog& catalog) {
    const std::size_t equals = text.find('=');
    if (equals == std::string_view::npos || equals == 0)
        return fail(ErrorCode::InvalidArgument, "\"" + std::string(text.substr(0, 80)) + "\" names no values", kForms);
    ATTUNE_ASSIGN(const SweepableKnob found, findKnob(std::string(trimmed(text.substr(0, equals))), base, catalog));
    const std::string_view values = trimmed(text.substr(equals + 1));
    SweepKnob knob;
    knob.path = found.path;
    if (isNumber(found.spec) && values.find("..") != std::string_view::npos)
        return parseRange(std::move(knob), found, values);
    const bool lists = std::holds_alternative<std::vector<std::string>>(found.spec.defaultValue);
    for (std::size_t start = 0; start <= values.size();) {
        const std::size_t comma = std::min(values.find(',', start), values.size());
        std::string value(trimmed(values.substr(start, comma - start)));
        start = comma + 1;
        if (value.empty() && !lists)
            continue;
        if (lists)
            std::replace(value.begin(), value.end(), '+', ',');
        ATTUNE_ASSIGN(const ParamValue checked, parseParam(found.spec, value, found.path));
        // One way to write each value, so that 1e-3 and 0.001 are the same.
        if (std::string one = paramText(checked); std::find(knob.values.begin(), knob.values.end(), one) == knob.values.end())
            knob.values.push_back(std::move(one));
        if (knob.values.size() > kMaxValues)
            return fail(ErrorCode::InvalidArgument, found.path + " is given more than 1000 values", "Give a range and choose random instead.");
    }
    if (knob.values.empty())
        return fail(ErrorCode::InvalidArgument, found.path + " is given no value", kForms);
    knob.whole = std::holds_alternative<std::int64_t>(found.spec.defaultValue);
    return knob;
}

std::string sweepKnobValuesText(const SweepKnob& knob) {
    if (knob.isRange()) {
        const auto text = [](double value) { return paramText(ParamValue(value)); };
        return text(knob.low) + ".." + text(knob.high) + (knob.logarithmic ? ":log" : "") +
               (knob.points != SweepKnob{}.points ? ":" + std::to_string(knob.points) : "");
    }
    std::string text;
    for (std::string value : knob.values) {
        // A list value comes as "a, b".
        for (std::size_t comma = 0; (comma = value.find(", ", comma)) != std::string::npos;)
            value.replace(comma, 2, "+");
        text += (text.empty() ? "" : ",") + value;
    }
    return text;
}

std::string sweepKnobText(const SweepKnob& knob) { return knob.path + "=" + sweepKnobValuesText(knob); }

std::vector<std::string> gridValues(const SweepKnob& knob) {
    if (!knob.isRange())
        return knob.values;
    std::vector<std::string> values;
    for (std::int64_t i = 0; i < knob.points; ++i) {
        std::string value = textOf(knob, between(knob, static_cast<double>(i) / static_cast<double>(knob.points - 1)));
        if (std::find(values.begin(), values.end(), value) == values.end())
            values.push_back(std::move(value));
    }
    return values;
}

std::string valueAt(const SweepKnob& knob, double u) {
    if (!knob.isRange())
        return knob.values[std::min(knob.values.size() - 1, static_cast<std::size_t>(u * static_cast<double>(knob.values.size())))];
    if (knob.whole && !knob.logarithmic) // every whole number with the same chance
        return paramText(ParamValue(static_cast<std::int64_t>(std::min(knob.high, std::floor(knob.low + u * (knob.high - knob.low + 1))))));
    return textOf(knob, between(knob, u));
}

} // namespace attune
