// Scripts (Latin, Cyrillic, ...) as the tokenizers' reference tells them apart, for the pre-tokenizer that cuts where they change. Stateless;
// safe from any thread.
#pragma once

namespace attune::reference {

/// A number that is equal for characters of one script. Hiragana, Katakana and Han are one; 0 for a blank and for what the reference's
/// tables, those of Unicode 8, do not know.
int scriptOf(char32_t codePoint);

} // namespace attune::reference
