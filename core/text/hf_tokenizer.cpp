#include "core/text/hf_tokenizer.h"

#include <algorithm>

#include "core/text/utf8.h"

namespace attune {

namespace {

constexpr std::size_t kMaxText = std::size_t{1} << 29; // positions are 32 bits, also after a text has grown

} // namespace

HfTokenizer::HfTokenizer(TokenizerParts parts) : m_parts(std::move(parts)) {
    std::size_t size = m_parts.model->vocabulary().idEnd();
    for (const auto& token : m_parts.added.all())
        size = std::max(size, static_cast<std::size_t>(token.id) + 1);
    m_special.resize(size);
    for (const auto& token : m_parts.added.all())
        m_special[static_cast<std::size_t>(token.id)] = token.special;
    m_avoided = m_special;
    if (const auto unknown = m_parts.model->unknownId())
        m_avoided[static_cast<std::size_t>(*unknown)] = false;
    m_bos = tokenToId(m_parts.config.bosToken);
    m_eos = tokenToId(m_parts.config.eosToken);
    m_pad = tokenToId(m_parts.config.padToken);
}

OrderedJson HfTokenizer::specialTokens() const {
    const TokenizerConfig& config = m_parts.config;
    OrderedJson named = OrderedJson::object();
    const auto add = [&](const std::string& name, const std::string& token) {
        if (!token.empty())
            named[name] = token;
    };
    add("bos_token", config.bosToken);
    add("eos_token", config.eosToken);
    add("unk_token", config.unkToken);
    add("sep_token", config.sepToken);
    add("pad_token", config.padToken);
    add("cls_token", config.clsToken);
    add("mask_token", config.maskToken);
    for (const auto& [name, token] : config.extraTokens)
        add(name, token);
    if (!config.additionalTokens.empty())
        named["additional_special_tokens"] = config.additionalTokens;
    return named;
}

Result<Encoding> HfTokenizer::encode(std::string_view text, const EncodeOptions& options) const {
    if (text.size() > kMaxText)
        return fail(ErrorCode::InvalidData,
                    "The text is too long to tokenise (" + std::to_string(text.size()) + " bytes)",
                    "Split it into parts of at most " + std::to_string(kMaxText >> 20) + " MiB.");
    if (const auto bad = utf8::firstInvalid(text); bad != text.size())
        return fail(ErrorCode::InvalidData, "The text is not valid UTF-8 (byte " + std::to_string(bad) + ")",
                    "Save it as UTF-8 and try again.");
    Encoding out;
    const auto frame = [&](const std::vector<TokenId>& ids, std::size_t at) {
        if (!options.addSpecialTokens)
            return;
        out.ids.insert(out.ids.end(), ids.begin(), ids.end());
        out.offsets.insert(out.offsets.end(), ids.size(), ByteSpan{at, at});
    };
    frame(m_parts.frame.before, 0);
    std::vector<Segment> segments;
    m_parts.added.split(text, false, options.parseSpecialTokens, segments);
    for (const auto& segment : segments) {
        if (segment.id) {
            out.ids.push_back(*segment.id);
            out.offsets.push_back({segment.begin, segment.end});
        } else {
            ATTUNE_CHECK(encodeText({text.substr(segment.begin, segment.end - segment.begin), segment.begin},
                                    options.parseSpecialTokens, out));
        }
    }
    frame(m_parts.frame.after, text.size());
    return out;
}

Status HfTokenizer::encodeText(AlignedText text, bool parseSpecial, Encoding& out) const {
    if (m_parts.normalizer)
        ATTUNE_CHECK(m_parts.normalizer->apply(text));
    if (!m_parts.added.anyAfterNormalization())
        return encodePiece(std::move(text), parseSpecial, out);
    std::vector<Segment> segments;
    m_parts.added.split(text.view(), true, parseSpecial, segments);
    for (const auto& segment : segments) {
        if (segment.id) {
            out.ids.push_back(*segment.id);
            out.offsets.push_back(text.origin(segment.begin, segment.end));
        } else {
            ATTUNE_CHECK(encodePiece(text.slice(segment.begin, segment.end), parseSpecial, out));
        }
    }
    return {};
}

Status HfTokenizer::encodePiece(AlignedText text, bool parseSpecial, Encoding& out) const {
    const auto size = static_cast<std::uint32_t>(text.view().size());
    if (size == 0)
        return {};
    Pieces pieces{std::move(text), {{0, size}}};
    if (m_parts.preTokenizer)
        ATTUNE_CHECK(m_parts.preTokenizer->apply(pieces));
    return m_parts.model->tokenize(pieces, parseSpecial ? nullptr : &m_avoided, out);
}

std::string HfTokenizer::decode(const std::vector<TokenId>& ids, bool skipSpecialTokens) const {
    std::vector<std::string> tokens;
    tokens.reserve(ids.size());
    for (const TokenId id : ids) {
        if (skipSpecialTokens && isSpecial(id))
            continue;
        if (auto token = idToToken(id))
            tokens.push_back(std::move(*token));
    }
    if (m_parts.decoder)
        m_parts.decoder->apply(tokens);
    std::string text;
    for (std::size_t i = 0; i < tokens.size(); ++i) {
        if (!m_parts.decoder && i > 0)
            text += ' '; // as the reference: no decoder, words with blanks
        text += tokens[i];
    }
    return utf8::replaceInvalid(text);
}

std::string HfTokenizer::tokenBytes(TokenId id) const {
    if (const auto* token = m_parts.added.byId(id))
        return token->content;
    const auto found = m_parts.model->vocabulary().token(id);
    if (!found)
        return {};
    std::string token(*found);
    if (m_parts.decoder)
        m_parts.decoder->applyInside(token);
    return token;
}

std::optional<TokenId> HfTokenizer::tokenToId(std::string_view token) const {
    if (token.empty())
        return std::nullopt;
    if (const auto* added = m_parts.added.byContent(token))
        return added->id;
    return m_parts.model->vocabulary().find(token);
}

std::optional<std::string> HfTokenizer::idToToken(TokenId id) const {
    if (const auto* added = m_parts.added.byId(id))
        return added->content;
    if (const auto token = m_parts.model->vocabulary().token(id))
        return std::string(*token);
    return std::nullopt;
}

bool HfTokenizer::isSpecial(TokenId id) const {
    return id >= 0 && static_cast<std::size_t>(id) < m_special.size() && m_special[static_cast<std::size_t>(id)];
}

bool HfTokenizer::addsBos() const {
    return m_bos && !m_parts.frame.before.empty() && m_parts.frame.before.front() == *m_bos;
}

} // namespace attune
