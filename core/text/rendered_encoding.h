// From a rendered conversation to tokens: control tokens count only where the template wrote them. Pure functions, any
// thread.
#pragma once

#include <vector>

#include "core/text/chat_template.h"
#include "core/text/tokenizer.h"

namespace attune {

struct RenderedTokens {
    std::vector<TokenId> ids;
    std::vector<ByteSpan> spans;         // bytes of the rendered text, one per id
    bool controlTokensInContent = false; // a message spells a control token; it became ordinary text
};

/// Tokens of chat.text[begin, chat.text.size()); spans count from the start of the whole text. Without control tokens
/// in the content this equals encoding the text at once; no tokens of the post-processor are added.
Result<RenderedTokens> encodeRendered(const Tokenizer& tokenizer, const RenderedChat& chat, std::size_t begin = 0);

} // namespace attune
