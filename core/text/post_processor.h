// What the post-processor of tokenizer.json puts around one text: ids before and after. Immutable.
#pragma once

#include <vector>

#include "core/base/json.h"
#include "core/text/tokenizer.h"

namespace attune {

struct AddedFrame {
    std::vector<TokenId> before, after;
};

/// Null describes nothing added. Errors: InvalidData (a template naming an unknown token, ...), Unsupported (named).
Result<AddedFrame> readPostProcessor(const Json& description, const std::string& where);

} // namespace attune
