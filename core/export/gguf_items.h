// The metadata of a GGUF file for a model of ours: what llama.cpp needs to compute and to tokenise as we do. Engine thread.
#pragma once

#include "core/export/exporter.h"
#include "core/model_files/gguf_writer.h"
#include "core/text/tokenizer.h"

namespace attune {

/// llama.cpp's name for the model's mathematics. Errors: Unsupported (an architecture or a trait its GGUF files cannot express, named).
Result<std::string> ggufArchitectureOf(const ModelConfig& config);

/// Shape, norms and rotary positions under "<architecture>.". Errors: Unsupported (a rope scaling GGUF has no keys for).
Result<GgufItems> ggufModelItems(const ModelConfig& config, const std::string& architecture);
/// Tensors of divisors of the rotary frequencies, by name: one for Llama 3.1, the long and the short factors for longrope, else none.
std::vector<std::pair<std::string, std::vector<float>>> ggufRopeTensors(const ModelConfig& config);

/// The vocabulary, its special tokens and the chat template. `rows`: of the embedding; ids without a token become unused ones. Errors:
/// Unsupported (a tokenizer GGUF has no exact form for: what about it).
Result<GgufItems> ggufTokenizerItems(const ModelSource& base, const Tokenizer& tokenizer, const ModelConfig& config);

} // namespace attune
