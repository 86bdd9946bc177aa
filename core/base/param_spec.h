// A knob described as data. Forms, command-line flags, recipe files and conformance tests all read these lists.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace attune {

using ParamValue = std::variant<bool, std::int64_t, double, std::string, std::vector<std::string>>;
using ParamMap = std::map<std::string, ParamValue>; // by ParamSpec::key

struct ParamSpec {
    std::string key;   // id on disk, never renamed, e.g. "learning_rate"
    std::string label; // the field's standard term, e.g. "Learning rate"
    std::string help;  // one plain sentence
    std::string unit;  // "tokens", "steps", "" ...
    ParamValue defaultValue;
    std::optional<double> min, max;   // inclusive, for numbers
    std::vector<std::string> choices; // for strings (and lists of strings): the allowed values; empty = free text
    std::string ifTooHigh, ifTooLow;  // what happens then, in one sentence each
    bool advanced = false;            // shown in Expert depth only
    bool guided = false;              // shown even in Guided depth
    std::string atZero = {};   // what 0 stands for ("the epochs decide"), where it is no ordinary value
    std::string onlyWhen = {}; // "loss_type=robust|cdpo": acts only while that knob of the same list has one of the values
};

struct Described {
    std::string id;      // lower.dotted, never renamed
    std::string title;   // "LoRA"
    std::string summary; // one line: when to use it
    std::vector<ParamSpec> params;
    std::string cost = {}, quality = {}; // a few words each, so that methods and objectives can be compared; may be empty
};

} // namespace attune
