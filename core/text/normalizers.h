// Normalizers of tokenizer.json: what happens to the text before it is split. Immutable; safe from any thread.
#pragma once

#include <memory>

#include "core/base/json.h"
#include "core/text/aligned_text.h"

namespace attune {

class Normalizer {
public:
    virtual ~Normalizer() = default;
    /// Errors: InvalidData (a pattern gave up).
    virtual Status apply(AlignedText& text) const = 0;
};

/// The normalizer a file describes; null for none. Errors: InvalidData, Unsupported (a type we do not know, named).
Result<std::shared_ptr<const Normalizer>> readNormalizer(const Json& description, const std::string& where);

} // namespace attune
