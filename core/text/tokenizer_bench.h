// Measures a tokenizer's speed on one thread. Prints nothing; `bench tokenize` does.
#pragma once

#include <string_view>

#include "core/text/tokenizer.h"

namespace attune {

struct TokenizerSpeed {
    double bytesPerSecond = 0, tokensPerSecond = 0;
    std::size_t tokens = 0; // of one pass over the text
    int passes = 0;
};

/// Encodes `text` again and again for at least `seconds` (and at least once more after a first pass that warms the
/// caches). Errors: InvalidArgument (empty text), or what encode() says.
Result<TokenizerSpeed> measureTokenizer(const Tokenizer& tokenizer, std::string_view text, double seconds);

} // namespace attune
