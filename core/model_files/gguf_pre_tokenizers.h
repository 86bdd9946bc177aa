// The pre-tokenizers that GGUF files name ("tokenizer.ggml.pre") instead of describing them, as the parts of a tokenizer.json. Torch-free,
// stateless.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/base/json.h"

namespace attune {

struct GgufPreTokenizer {
    Json normalizer, preTokenizer; // of tokenizer.json; the normalizer may be null
    bool wholeWords = false;       // "ignore_merges": a word that is a token is one
    bool addsBos = false;          // where the file does not say
};

/// Nothing for a name we do not know.
std::optional<GgufPreTokenizer> ggufPreTokenizer(std::string_view name);

/// The name under which llama.cpp knows the splitting that a tokenizer.json describes; nothing when it knows none that is equal.
std::optional<std::string> ggufPreTokenizerName(const Json& tokenizerJson);

} // namespace attune
