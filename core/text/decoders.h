// Decoders of tokenizer.json: from token texts back to the text. Immutable; safe from any thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/base/json.h"
#include "core/base/result.h"

namespace attune {

class Decoder {
public:
    virtual ~Decoder() = default;
    /// Changes the tokens' texts step by step; all of them joined are the result.
    virtual void apply(std::vector<std::string>& tokens) const = 0;
    /// The raw bytes of one token in the middle of a text.
    virtual void applyInside(std::string& token) const = 0;
};

/// The decoder a file describes; null for none. Errors: InvalidData, Unsupported (a type we do not know, named).
Result<std::shared_ptr<const Decoder>> readDecoder(const Json& description, const std::string& where);

} // namespace attune
