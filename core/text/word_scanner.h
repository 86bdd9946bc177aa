// The three word patterns nearly all byte-level tokenizers use (GPT-2, Llama-3 / cl100k, Qwen2), as hand-written
// scanners: many times faster than a regular expression and linear on any input. Character classes are Oniguruma's own,
// so that both agree. Immutable; safe from any thread.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "core/text/regex.h"

namespace attune {

class WordScanner {
public:
    static std::string_view gpt2Pattern();
    static std::string_view llama3Pattern();
    static std::string_view qwen2Pattern();
    /// A scanner for the expression, when it is one of those we know.
    static std::optional<WordScanner> forPattern(std::string_view source);
    /// All matches; they tile the text. Appends, positions plus `base`.
    void findAll(std::string_view text, std::uint32_t base, std::vector<TextRange>& matches) const;

private:
    enum class Kind { Gpt2, Modern };
    WordScanner(Kind kind, int digits) : m_kind(kind), m_digits(digits) {}
    Kind m_kind;
    int m_digits; // longest run of numeric characters in one word
};

} // namespace attune
