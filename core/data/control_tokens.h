// Control tokens spelled out in the texts of samples ("<|im_end|>" in a message). They are harmless, because content is tokenised as
// text, but they nearly always come from a broken export, so data health lists them. Immutable; safe from any thread.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "core/data/sample.h"
#include "core/text/tokenizer.h"

namespace attune {

class ControlTokens {
public:
    /// Where no model is chosen: the control tokens that chat models in wide use share.
    static ControlTokens usual();
    /// Exactly those of a tokenizer.
    static ControlTokens of(const Tokenizer& tokenizer);

    /// The first one in the text; empty when there is none.
    std::string_view firstIn(std::string_view text) const;
    /// ... in any text of the sample.
    std::string_view firstIn(const Sample& sample) const;
    /// The text without any; where some were taken out, without white space at its ends as well. Nothing that is left spells one.
    std::string without(std::string_view text) const;
    /// ... every text of the sample.
    Sample without(Sample sample) const;

private:
    explicit ControlTokens(std::vector<std::string> spellings);
    std::string_view at(std::string_view text, std::size_t place) const; // the one that starts there
    std::vector<std::string> m_spellings; // by first byte, longest first
    std::array<std::pair<std::size_t, std::size_t>, 256> m_byFirst{};
};

} // namespace attune
