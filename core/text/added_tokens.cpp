#include "core/text/added_tokens.h"

#include <algorithm>

#include "core/text/json_fields.h"
#include "core/text/utf8.h"

namespace attune {

namespace {

constexpr std::size_t kMaxContent = 1024; // bytes; keeps matching linear in the text

} // namespace

Result<AddedToken> AddedToken::read(const Json& description, std::optional<std::uint64_t> id,
                                    const std::string& where) {
    AddedToken token;
    ATTUNE_ASSIGN(token.content, fields::text(description, "content", where));
    if (!id) {
        ATTUNE_ASSIGN(id, fields::count(description, "id", kMaxTokenId, where));
    }
    if (*id > kMaxTokenId)
        return fields::broken(where, "the id must be a whole number up to " + std::to_string(kMaxTokenId));
    if (token.content.empty())
        return fields::broken(where, "an added token is empty");
    if (token.content.size() > kMaxContent)
        return fields::broken(where, "an added token is longer than " + std::to_string(kMaxContent) + " bytes");
    token.id = static_cast<TokenId>(*id);
    ATTUNE_ASSIGN(token.special, fields::flag(description, "special", false, where));
    ATTUNE_ASSIGN(token.normalized, fields::flag(description, "normalized", !token.special, where));
    ATTUNE_ASSIGN(token.leftStrip, fields::flag(description, "lstrip", false, where));
    ATTUNE_ASSIGN(token.rightStrip, fields::flag(description, "rstrip", false, where));
    ATTUNE_ASSIGN(token.singleWord, fields::flag(description, "single_word", false, where));
    return token;
}

Status AddedTokens::add(AddedToken token, const std::string& where) {
    if (m_byContent.contains(token.content))
        return {};
    if (const auto* other = byId(token.id))
        return fields::broken(where, "\"" + token.content.substr(0, 80) + "\" and \"" + other->content.substr(0, 80) +
                                         "\" have the same id " + std::to_string(token.id));
    m_byContent.emplace(token.content, m_tokens.size());
    m_byId.emplace(token.id, m_tokens.size());
    m_tokens.push_back(std::move(token));
    return {};
}

Status AddedTokens::finish(const Normalizer* normalizer) {
    for (std::size_t i = 0; i < m_tokens.size(); ++i) {
        if (!m_tokens[i].normalized) {
            m_raw.add(m_tokens[i].content, i);
            continue;
        }
        AlignedText text(m_tokens[i].content, 0);
        if (normalizer)
            ATTUNE_CHECK(normalizer->apply(text));
        m_normalized.add(text.view(), i);
    }
    return {};
}

void AddedTokens::Matcher::add(std::string_view content, std::size_t token) {
    if (content.empty())
        return; // a normalizer may leave nothing of it
    m_first[static_cast<unsigned char>(content[0])] = true;
    std::uint32_t node = 0;
    for (const char byte : content) {
        auto& children = m_nodes[node].children;
        const auto found = std::lower_bound(children.begin(), children.end(), byte,
                                            [](const auto& child, char b) { return child.first < b; });
        if (found != children.end() && found->first == byte) {
            node = found->second;
            continue;
        }
        const auto next = static_cast<std::uint32_t>(m_nodes.size());
        children.insert(found, {byte, next});
        m_nodes.emplace_back();
        node = next;
    }
    if (m_nodes[node].token < 0)
        m_nodes[node].token = static_cast<std::int32_t>(token);
}

std::pair<std::size_t, std::size_t> AddedTokens::Matcher::longest(std::string_view text, std::size_t at) const {
    std::pair<std::size_t, std::size_t> best(0, 0);
    std::uint32_t node = 0;
    for (std::size_t i = at; i < text.size(); ++i) {
        const auto& children = m_nodes[node].children;
        const auto found = std::lower_bound(children.begin(), children.end(), text[i],
                                            [](const auto& child, char b) { return child.first < b; });
        if (found == children.end() || found->first != text[i])
            break;
        node = found->second;
        if (m_nodes[node].token >= 0)
            best = {static_cast<std::size_t>(m_nodes[node].token), i + 1 - at};
    }
    return best;
}

void AddedTokens::split(std::string_view text, bool afterNormalization, bool parseSpecial,
                        std::vector<Segment>& out) const {
    const Matcher& matcher = afterNormalization ? m_normalized : m_raw;
    std::size_t done = 0; // everything before is in a segment
    for (std::size_t at = 0; !matcher.empty() && at < text.size();) {
        if (!matcher.mayBegin(text[at])) {
            ++at;
            continue;
        }
        const auto [index, size] = matcher.longest(text, at);
        if (size == 0) {
            ++at;
            continue;
        }
        std::size_t begin = at, end = at + size;
        at = end;
        const AddedToken& token = m_tokens[index];
        if ((token.special && !parseSpecial) || begin < done)
            continue;
        if (token.singleWord) {
            const bool left = begin > 0 && utf8::isWord(utf8::decode(text, utf8::previous(text, begin)).value);
            const bool right = end < text.size() && utf8::isWord(utf8::decode(text, end).value);
            if (left || right)
                continue;
        }
        while (token.leftStrip && begin > done) {
            const auto last = utf8::previous(text, begin);
            if (!utf8::isWhitespace(utf8::decode(text, last).value))
                break;
            begin = last;
        }
        while (token.rightStrip && end < text.size()) {
            const auto next = utf8::decode(text, end);
            if (!utf8::isWhitespace(next.value))
                break;
            end += next.size;
        }
        if (done < begin)
            out.push_back({done, begin, std::nullopt});
        out.push_back({begin, end, token.id});
        done = end;
    }
    if (done < text.size())
        out.push_back({done, text.size(), std::nullopt});
}

const AddedToken* AddedTokens::byId(TokenId id) const {
    const auto found = m_byId.find(id);
    return found == m_byId.end() ? nullptr : &m_tokens[found->second];
}

const AddedToken* AddedTokens::byContent(std::string_view content) const {
    const auto found = m_byContent.find(std::string(content));
    return found == m_byContent.end() ? nullptr : &m_tokens[found->second];
}

} // namespace attune
