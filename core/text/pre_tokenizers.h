// Pre-tokenizers of tokenizer.json: where the text is cut before the model sees it. Immutable; safe from any thread.
#pragma once

#include <memory>

#include "core/base/json.h"
#include "core/text/aligned_text.h"
#include "core/text/regex.h"

namespace attune {

/// A text and the pieces of it that the model tokenises one by one, in order.
struct Pieces {
    AlignedText text;
    std::vector<TextRange> ranges;
    /// The text still holds raw bytes although the model's vocabulary is written in the byte-level alphabet: saves
    /// writing the text again. A model that wants the characters calls spellBytes().
    bool rawBytes = false;

    std::string_view piece(const TextRange& range) const {
        return text.view().substr(range.begin, range.end - range.begin);
    }
    void spellBytes();
};

class PreTokenizer {
public:
    virtual ~PreTokenizer() = default;
    /// Errors: InvalidData (a pattern gave up).
    virtual Status apply(Pieces& pieces) const = 0;
};

/// The pre-tokenizer a file describes; null for none. Errors: InvalidData, Unsupported (a type we do not know, named).
Result<std::shared_ptr<const PreTokenizer>> readPreTokenizer(const Json& description, const std::string& where);

} // namespace attune
