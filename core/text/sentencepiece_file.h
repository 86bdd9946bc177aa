// Reading sentencepiece's own model file (tokenizer.model, spiece.model): a protobuf message of pieces and settings. Nothing
// is allocated from a declared size. Stateless; safe from any thread.
#pragma once

#include <string_view>

#include "core/text/tokenizer_material.h"

namespace attune {

/// Errors: InvalidData (broken message), Unsupported (word and character models, tiktoken files, named).
Result<TokenizerMaterial> readSentencepiece(std::string_view file, const std::string& where);

} // namespace attune
