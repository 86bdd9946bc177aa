// Ollama's Modelfile for a GGUF file (https://github.com/ollama/ollama/blob/main/docs/modelfile.md). Stateless.
#pragma once

#include <optional>
#include <string>

#include "core/model_files/model_config.h"
#include "core/text/prompt_format.h"

namespace attune {

inline constexpr const char* kModelfile = "Modelfile";

/// FROM, PARAMETER num_ctx and stop, SYSTEM where one is given, and TEMPLATE where the chat template can be written as one exactly; a
/// comment says so where it cannot. `tokenizerSource`: the folder or GGUF file of the model. Errors: as Tokenizer::load.
Result<std::string> makeModelfile(const std::string& ggufName, const std::filesystem::path& tokenizerSource, const ModelConfig& config,
                                  const std::string& system);

/// The chat template as a Go template over .Messages: each message between a fixed beginning and end for its role, an answer's beginning
/// last. Nothing when the template does anything else (found out by rendering trial conversations) or there is none. BOS is left out
/// where the tokenizer adds it.
std::optional<std::string> goTemplate(const PromptFormat& format);

} // namespace attune
