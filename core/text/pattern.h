// The "pattern" of a tokenizer file: a plain text or a regular expression. Immutable; safe from any thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/base/json.h"
#include "core/text/regex.h"

namespace attune {

class Pattern {
public:
    /// From {"String": ...} or {"Regex": ...}. Errors: InvalidData.
    static Result<Pattern> read(const Json& object, const char* key, const std::string& where);
    static Pattern plain(std::string text);

    Status findAll(std::string_view text, std::uint32_t base, std::vector<TextRange>& matches) const;
    /// The expression's source; "" for a plain text.
    const std::string& source() const { return m_source; }

private:
    std::string m_plain, m_source;
    std::optional<Regex> m_regex;
};

} // namespace attune
