#include "core/text/rendered_encoding.h"

#include <algorithm>
#include <string>

namespace attune {

namespace {

struct Stretch {
    std::size_t begin = 0, end = 0;
};

struct ControlToken {
    TokenId id = 0;
    std::size_t begin = 0, end = 0;
};

// Neighbouring pieces of one origin as one: a control token may reach over the border of a {% generation %} block.
std::vector<Stretch> templateStretches(const RenderedChat& chat, std::size_t from) {
    std::vector<Stretch> stretches;
    for (const RenderedPiece& piece : chat.pieces) {
        const std::size_t begin = std::max(piece.begin, from);
        if (piece.origin != TextOrigin::Template || begin >= piece.end)
            continue;
        if (!stretches.empty() && stretches.back().end == begin)
            stretches.back().end = piece.end;
        else
            stretches.push_back({begin, piece.end});
    }
    return stretches;
}

bool isInside(const std::vector<Stretch>& stretches, std::size_t begin, std::size_t end) {
    const auto after = std::upper_bound(stretches.begin(), stretches.end(), begin,
                                        [](std::size_t at, const Stretch& stretch) { return at < stretch.begin; });
    return after != stretches.begin() && std::prev(after)->end >= end;
}

// A token's span may reach over white space that the token swallows; what counts is where its own name stands.
Stretch nameOf(const Tokenizer& tokenizer, std::string_view text, TokenId id, const ByteSpan& span) {
    const std::string name = tokenizer.idToToken(id).value_or(std::string());
    const std::size_t at = text.substr(span.begin, span.end - span.begin).find(name);
    if (name.empty() || at == std::string_view::npos)
        return {span.begin, span.end};
    return {span.begin + at, span.begin + at + name.size()};
}

void append(RenderedTokens& tokens, const Encoding& encoding, std::size_t offset) {
    tokens.ids.insert(tokens.ids.end(), encoding.ids.begin(), encoding.ids.end());
    for (const ByteSpan& span : encoding.offsets)
        tokens.spans.push_back({span.begin + offset, span.end + offset});
}

// The control tokens the template wrote, found stretch by stretch so that no content can hide or make one.
Result<std::vector<ControlToken>> writtenByTemplate(const Tokenizer& tokenizer, std::string_view text,
                                                    const std::vector<Stretch>& stretches) {
    std::vector<ControlToken> found;
    for (const Stretch& stretch : stretches) {
        ATTUNE_ASSIGN(const Encoding encoding,
                      tokenizer.encode(text.substr(stretch.begin, stretch.end - stretch.begin), EncodeOptions{}));
        for (std::size_t i = 0; i < encoding.ids.size(); ++i)
            if (tokenizer.isSpecial(encoding.ids[i]))
                found.push_back({encoding.ids[i], stretch.begin + encoding.offsets[i].begin,
                                 stretch.begin + encoding.offsets[i].end});
    }
    return found;
}

} // namespace

Result<RenderedTokens> encodeRendered(const Tokenizer& tokenizer, const RenderedChat& chat, std::size_t begin) {
    const std::string_view text = chat.text;
    const std::vector<Stretch> stretches = templateStretches(chat, begin);
    RenderedTokens tokens;
    ATTUNE_ASSIGN(const Encoding whole, tokenizer.encode(text.substr(begin), EncodeOptions{}));
    for (std::size_t i = 0; i < whole.ids.size() && !tokens.controlTokensInContent; ++i) {
        if (!tokenizer.isSpecial(whole.ids[i]))
            continue;
        const ByteSpan span{whole.offsets[i].begin + begin, whole.offsets[i].end + begin};
        const Stretch name = nameOf(tokenizer, text, whole.ids[i], span);
        tokens.controlTokensInContent = !isInside(stretches, name.begin, name.end);
    }
    if (!tokens.controlTokensInContent) {
        append(tokens, whole, begin);
        return tokens;
    }
    ATTUNE_ASSIGN(const std::vector<ControlToken> controls, writtenByTemplate(tokenizer, text, stretches));
    constexpr EncodeOptions asText{.addSpecialTokens = false, .parseSpecialTokens = false};
    std::size_t at = begin;
    const auto encodeUpTo = [&](std::size_t end) -> Status {
        if (end > at) {
            ATTUNE_ASSIGN(const Encoding stretch, tokenizer.encode(text.substr(at, end - at), asText));
            append(tokens, stretch, at);
        }
        return {};
    };
    for (const ControlToken& control : controls) {
        ATTUNE_CHECK(encodeUpTo(control.begin));
        tokens.ids.push_back(control.id);
        tokens.spans.push_back({control.begin, control.end});
        at = control.end;
    }
    ATTUNE_CHECK(encodeUpTo(text.size()));
    return tokens;
}

} // namespace attune
