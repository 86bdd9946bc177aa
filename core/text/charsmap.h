// The "precompiled_charsmap" of sentencepiece: rules "these bytes become those" as a Darts double array and a block of
// texts. Every step is checked: the bytes come from a file. Immutable; safe from any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/text/normalizers.h"

namespace attune {

class Charsmap {
public:
    /// Layout: size of the array in bytes (u32, little endian), the array, the texts (each ended by a zero byte).
    /// Errors: InvalidData.
    static Result<Charsmap> read(std::string_view blob, const std::string& where);

    struct Rule {
        std::size_t size = 0; // bytes of the text that it replaces; 0 when none applies
        std::string_view replacement;
    };
    Rule longest(std::string_view text, std::size_t at) const;
    Rule shortest(std::string_view text, std::size_t at) const;

private:
    template <class Found>
    void walk(std::string_view text, std::size_t at, const Found& found) const;
    std::string_view textAt(std::uint32_t offset) const;
    std::vector<std::uint32_t> m_units;
    std::string m_texts;
};

/// "Precompiled" of tokenizer.json (the charsmap in base64). Errors: InvalidData.
Result<std::shared_ptr<const Normalizer>> readPrecompiled(const Json& description, const std::string& where);

/// How a sentencepiece model prepares a text (its normalizer_spec).
struct SentencepieceRules {
    std::optional<Charsmap> charsmap;
    bool addDummyPrefix = true, removeExtraWhitespaces = true, escapeWhitespaces = true;
    bool whitespaceAsSuffix = false;      // trainer_spec.treat_whitespace_as_suffix
    bool prefixFirstOnly = false;         // no dummy prefix behind a control token ("legacy": false)
    std::vector<std::string> userDefined; // pieces that stay as they are
};

std::shared_ptr<const Normalizer> sentencepieceNormalizer(SentencepieceRules rules);

} // namespace attune
