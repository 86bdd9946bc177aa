// The shape of a model that turns a text into one vector (the BERT family), as its files say. A value type, torch-free.
#pragma once

#include <cstdint>
#include <string>

#include "core/model_files/model_config.h"

namespace attune {

/// How the tokens' vectors become the text's: their mean, that of the first token ([CLS]), or the largest of each component.
enum class Pooling { Mean, First, Max };

struct EncoderConfig {
    std::string familyId; // "bert", "roberta", "distilbert"
    std::int64_t vocabularySize = 0, hiddenSize = 0, layers = 0, heads = 0, intermediateSize = 0;
    std::int64_t positions = 0;      // rows of the table of positions
    std::int64_t positionOffset = 0; // the row of a text's first token (RoBERTa: pad id + 1)
    std::int64_t tokenTypes = 0;     // rows of the table of token types; 0 = none. Texts are of type 0
    double normEpsilon = 1e-12;
    Activation activation = Activation::GeluErf;
    Pooling pooling = Pooling::Mean;
    std::int64_t maxTokens = 0; // of a text, with the tokens that its tokenizer adds

    std::int64_t headDim() const { return hiddenSize / heads; }
    std::int64_t parameters() const {
        return (vocabularySize + positions + tokenTypes + 2) * hiddenSize +
               layers * (4 * hiddenSize * (hiddenSize + 1) + 2 * hiddenSize * intermediateSize + intermediateSize + 5 * hiddenSize);
    }
};

} // namespace attune
