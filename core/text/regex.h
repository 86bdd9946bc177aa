// The regular expressions of tokenizer files, matched by Oniguruma as the reference does. Immutable, safe from any
// thread. Work is limited: an expression that gives up is an error, never a hang.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"

namespace attune {

struct TextRange {
    std::uint32_t begin = 0, end = 0;
    bool operator==(const TextRange&) const = default;
};

class Regex {
public:
    /// Errors: InvalidData (does not compile), naming `where` it stands.
    static Result<Regex> compile(std::string_view pattern, std::string_view where);
    /// All matches from left to right, none overlapping, no empty match right behind another match; positions in `text`
    /// plus `base`. Appends. Errors: InvalidData when the expression gives up.
    Status findAll(std::string_view text, std::uint32_t base, std::vector<TextRange>& matches) const;
    /// Whether there is a match anywhere, within a tenth of the work that findAll allows for one: expressions that users write
    /// meet texts that models write. text: valid UTF-8. Errors: InvalidData when the expression gives up.
    Result<bool> contains(std::string_view text) const;

private:
    std::shared_ptr<void> m_regex;
    std::string m_where;
};

} // namespace attune
