// Reading untrusted JSON: depth, size and duplicate-key limits are enforced while parsing (SAX), so a hostile document is an
// error before a deep or huge value exists. Values that passed may be copied and dumped safely.
#pragma once

#include <cstddef>
#include <string_view>

#include <nlohmann/json.hpp>

#include "core/base/files.h"
#include "core/base/result.h"

namespace attune {

using Json = nlohmann::json;
using OrderedJson = nlohmann::ordered_json; // keeps the order of keys (tool definitions, templates)

struct JsonLimits {
    std::size_t maxBytes = std::size_t{1} << 30;
    std::size_t maxDepth = 64;
    std::size_t maxValues = 50'000'000;
    bool allowDuplicateKeys = false;
};

/// Errors: InvalidData, with byte offset (and line) of the fault; `what` names the document in the message.
Result<Json> parseJson(std::string_view text, std::string_view what, const JsonLimits& limits = {});
Result<OrderedJson> parseOrderedJson(std::string_view text, std::string_view what, const JsonLimits& limits = {});
Result<Json> readJsonFile(const fs::path& path, const JsonLimits& limits = {});

} // namespace attune
