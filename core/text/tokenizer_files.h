// The tokenizer files of a Hugging Face folder as data, for what writes them in another form. Stateless.
#pragma once

#include "core/base/json.h"

namespace attune {

/// The folder's tokenizer.json, or the one that its vocab.json and merges.txt stand for. Errors: as Tokenizer::load.
Result<Json> readTokenizerDescription(const fs::path& folder);

} // namespace attune
