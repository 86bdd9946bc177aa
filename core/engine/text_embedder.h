// Texts to vectors with a sentence-embedding model: what retrieval and `attune-cli embed` use. Torch-free face; one caller at a time.
#pragma once

#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "core/base/files.h"
#include "core/base/result.h"
#include "core/model_files/encoder_config.h"

namespace attune {

class TextEmbedder {
public:
    /// Model and tokenizer of a folder in Hugging Face or sentence-transformers layout. `pooling` instead of what the folder says.
    /// Errors: as ModelSource::open, readEncoderConfig and Tokenizer::load; Unsupported for models that are no such encoder.
    static Result<std::unique_ptr<TextEmbedder>> load(const fs::path& model, std::optional<Pooling> pooling = {});
    ~TextEmbedder();

    std::int64_t dimension() const;
    std::int64_t maxTokens() const; // of a text; what lies behind is not read

    /// One vector of length 1 for each text, in order. An empty text has one too (of the tokens that the tokenizer adds). Errors:
    /// InvalidData (a text is not UTF-8, with its number), Cancelled, OutOfMemory.
    Result<std::vector<std::vector<float>>> embed(const std::vector<std::string>& texts, std::stop_token stop = {});

private:
    struct Impl;
    explicit TextEmbedder(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> m_impl;
};

} // namespace attune
