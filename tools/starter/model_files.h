// The starter model's Hugging Face files, all but the weights: tokenizer.json, tokenizer_config.json,
// special_tokens_map.json, config.json, generation_config.json.
#pragma once

#include "tools/starter/bpe_trainer.h"

namespace attune::starter {

/// Errors: Io, OutOfSpace.
Status writeModelFiles(const fs::path& folder, const BpeModel& model);

/// GPT-2's printable stand-in for raw bytes (UTF-8), as vocabularies and merges spell tokens.
std::string printableBytes(std::string_view bytes);

} // namespace attune::starter
