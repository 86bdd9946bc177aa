// Counts and kinds of values in messages. Stateless.
#pragma once

#include <cstdint>
#include <string>

#include "core/base/json.h"

namespace attune {

/// "1 row", "2 rows", "0 rows".
inline std::string countOf(std::int64_t count, const char* one, const char* many) {
    return std::to_string(count) + ' ' + (count == 1 ? one : many);
}

/// What a value is: "a text", "a list", "an object", "a number", "true", "nothing (null)".
inline std::string kindOf(const Json& value) {
    switch (value.type()) {
    case Json::value_t::string:
        return "a text";
    case Json::value_t::array:
        return "a list";
    case Json::value_t::object:
        return "an object";
    case Json::value_t::boolean:
        return value.get<bool>() ? "true" : "false";
    case Json::value_t::null:
        return "nothing (null)";
    default:
        return "a number";
    }
}

} // namespace attune
