// What a GGUF file says about a model, in the words of a Hugging Face folder, so that everything that reads such folders reads it too:
// the config, the tokenizer's files, and the weights as plain numbers in our order of rows. Torch-free; immutable, safe from any thread.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/base/json.h"
#include "core/model_files/gguf.h"
#include "core/model_files/tensor_file.h"

namespace attune {

/// The config.json this model would have. Errors: InvalidData and Unsupported, naming the key (an architecture or a key that changes the
/// mathematics and is not known here).
Result<Json> ggufConfig(const GgufFile& file);

/// The tensors under their GGUF names, as f32, f16 or bf16 (blocks of small numbers become f32), with q and k in Hugging Face's order of
/// rows. Norm weights are what multiplies (llama.cpp adds Gemma's one when it converts). read() of a stored form nobody here knows is Unsupported.
Result<std::shared_ptr<const TensorFile>> ggufWeights(std::shared_ptr<const GgufFile> file);

/// The tokenizer.json and tokenizer_config.json this model would have. Errors: NotFound (a file without vocabulary), InvalidData,
/// Unsupported (a kind of vocabulary or pre-tokenizer we do not know, named).
struct GgufTokenizerFiles {
    Json tokenizer, config;
};
Result<GgufTokenizerFiles> ggufTokenizer(const GgufFile& file);

/// The ids that end a turn: eos, eot and eom, each once, as far as the file names them (or its kind of vocabulary has defaults).
Result<std::vector<std::int64_t>> ggufEndIds(const GgufFile& file);

} // namespace attune
