#include "core/text/charsmap.h"

#include <algorithm>
#include <cstring>

#include <utf8proc.h>

#include "core/text/json_fields.h"
#include "core/text/piece_trie.h"
#include "core/text/utf8.h"

namespace attune {

namespace {

constexpr std::size_t kMaxReplacement = 256; // bytes; the longest of Unicode's has 33
constexpr std::string_view kBlank = "\xE2\x96\x81"; // U+2581

std::optional<std::string> fromBase64(std::string_view text) {
    while (text.ends_with('='))
        text.remove_suffix(1);
    std::string out;
    out.reserve(text.size() / 4 * 3 + 3);
    std::uint32_t bits = 0;
    int count = 0;
    for (const char c : text) {
        const int value = c >= 'A' && c <= 'Z'   ? c - 'A'
                          : c >= 'a' && c <= 'z' ? c - 'a' + 26
                          : c >= '0' && c <= '9' ? c - '0' + 52
                          : c == '+'             ? 62
                          : c == '/'             ? 63
                                                 : -1;
        if (value < 0)
            return std::nullopt;
        bits = bits << 6 | static_cast<std::uint32_t>(value);
        if (++count == 4) {
            out += {static_cast<char>(bits >> 16), static_cast<char>(bits >> 8), static_cast<char>(bits)};
            bits = 0;
            count = 0;
        }
    }
    if (count == 1)
        return std::nullopt;
    if (count >= 2)
        out += static_cast<char>(bits >> (count == 2 ? 4 : 10));
    if (count == 3)
        out += static_cast<char>(bits >> 2);
    return out;
}

// As the reference applies the rules: to each extended grapheme cluster of less than six bytes as a whole (by the
// shortest rule that fits its beginning), else to its characters.
class PrecompiledNormalizer final : public Normalizer {
public:
    explicit PrecompiledNormalizer(Charsmap charsmap) : m_charsmap(std::move(charsmap)) {}
    Status apply(AlignedText& text) const override {
        const std::string_view view = text.view();
        AlignedBuilder builder(text);
        std::size_t kept = 0; // everything before is written
        bool changed = false;
        const auto transform = [&](std::size_t begin, std::size_t end) {
            const auto rule = m_charsmap.shortest(view.substr(0, end), begin);
            if (rule.size == 0)
                return false;
            builder.keep(kept, begin);
            builder.replace(begin, end, rule.replacement);
            kept = end;
            changed = true;
            return true;
        };
        for (std::size_t begin = 0; begin < view.size();) {
            const std::size_t end = clusterEnd(view, begin);
            if (end - begin >= 6 || !transform(begin, end)) {
                const bool tried = end - begin < 6 && begin + utf8::decode(view, begin).size == end;
                for (std::size_t at = begin; at < end && !tried;) {
                    const std::size_t next = at + utf8::decode(view, at).size;
                    transform(at, next);
                    at = next;
                }
            }
            begin = end;
            if (text.outgrows(builder.size()))
                return tooLong();
        }
        if (changed) {
            builder.keep(kept, view.size());
            text = builder.finish();
        }
        return {};
    }

private:
    static std::size_t clusterEnd(std::string_view text, std::size_t at) {
        auto last = utf8::decode(text, at);
        utf8proc_int32_t state = 0;
        for (at += last.size; at < text.size();) {
            const auto next = utf8::decode(text, at);
            if (last.value < 0x80 && next.value < 0x80) { // quick, and the only break inside ASCII
                if (last.value != '\r' || next.value != '\n')
                    break;
            } else if (utf8proc_grapheme_break_stateful(static_cast<utf8proc_int32_t>(last.value),
                                                        static_cast<utf8proc_int32_t>(next.value), &state)) {
                break;
            }
            last = next;
            at += next.size;
        }
        return at;
    }
    Charsmap m_charsmap;
};

class SentencepieceNormalizer final : public Normalizer {
public:
    explicit SentencepieceNormalizer(SentencepieceRules rules) : m_rules(std::move(rules)) {
        std::vector<std::pair<std::string_view, std::int32_t>> pieces;
        for (const auto& piece : m_rules.userDefined)
            pieces.emplace_back(piece, 1);
        m_hasUserDefined = !pieces.empty();
        m_userDefined = PieceTrie(std::move(pieces));
    }

    Status apply(AlignedText& text) const override {
        const std::string_view view = text.view();
        const std::string_view blank = m_rules.escapeWhitespaces ? kBlank : std::string_view(" ");
        const bool prefix = m_rules.addDummyPrefix && (!m_rules.prefixFirstOnly || text.originOf(0) == 0);
        std::size_t begin = 0;
        while (m_rules.removeExtraWhitespaces && begin < view.size()) {
            const auto part = partAt(view, begin);
            if (part.content != " ")
                break;
            begin += part.size;
        }
        AlignedBuilder builder(text);
        if (begin < view.size())
            write(view, begin, blank, prefix, builder);
        text = builder.finish();
        return {};
    }

private:
    struct Part {
        std::size_t size; // of the source
        std::string_view content;
    };

    Part partAt(std::string_view text, std::size_t at) const {
        if (m_hasUserDefined) {
            auto node = PieceTrie::root();
            std::size_t longest = 0;
            for (std::size_t end = at; end < text.size() && m_userDefined.step(node, text[end]);) {
                ++end;
                if (m_userDefined.value(node) >= 0)
                    longest = end - at;
            }
            if (longest > 0)
                return {longest, text.substr(at, longest)};
        }
        if (m_rules.charsmap)
            if (const auto rule = m_rules.charsmap->longest(text, at); rule.size > 0)
                return {rule.size, rule.replacement};
        const std::size_t size = utf8::decode(text, at).size;
        return {size, text.substr(at, size)};
    }

    void write(std::string_view view, std::size_t at, std::string_view blank, bool prefix,
               AlignedBuilder& builder) const {
        std::vector<Blank> pending; // blanks that stay only if something follows
        const auto put = [&](std::size_t begin, std::size_t end, std::string content) {
            if (m_rules.removeExtraWhitespaces) {
                std::size_t solid = content.size();
                while (std::string_view(content).substr(0, solid).ends_with(blank))
                    solid -= blank.size();
                if (solid == 0) {
                    pending.push_back({begin, end, std::move(content)});
                    return;
                }
                for (const auto& one : pending)
                    builder.replace(one.begin, one.end, one.content);
                pending.clear();
                if (solid < content.size())
                    pending.push_back({end, end, content.substr(solid)});
                content.resize(solid);
            }
            if (content == view.substr(begin, end - begin))
                builder.keep(begin, end);
            else
                builder.replace(begin, end, content);
        };
        if (prefix && !m_rules.whitespaceAsSuffix)
            put(at, at, std::string(blank));
        bool afterBlank = m_rules.removeExtraWhitespaces;
        while (at < view.size()) {
            const auto part = partAt(view, at);
            std::string_view rest = part.content;
            while (afterBlank && rest.starts_with(' '))
                rest.remove_prefix(1);
            if (!rest.empty()) {
                std::string content;
                for (const char byte : rest)
                    if (byte == ' ')
                        content += blank;
                    else
                        content += byte;
                put(at, at + part.size, std::move(content));
                afterBlank = rest.ends_with(' ');
            }
            if (!m_rules.removeExtraWhitespaces)
                afterBlank = false;
            at += part.size;
        }
        if (prefix && m_rules.whitespaceAsSuffix)
            builder.replace(view.size(), view.size(), blank);
    }

    struct Blank {
        std::size_t begin, end;
        std::string content;
    };

    SentencepieceRules m_rules;
    PieceTrie m_userDefined;
    bool m_hasUserDefined = false;
};

} // namespace

Result<Charsmap> Charsmap::read(std::string_view blob, const std::string& where) {
    Charsmap map;
    std::uint32_t size = 0;
    if (blob.size() < 4)
        return fields::broken(where, "the precompiled_charsmap is cut off");
    for (unsigned i = 0; i < 4; ++i)
        size |= static_cast<std::uint32_t>(static_cast<unsigned char>(blob[i])) << (8 * i);
    if (size < 4 || size % 4 != 0 || size > blob.size() - 4)
        return fields::broken(where, "the precompiled_charsmap declares more than it holds");
    map.m_units.resize(size / 4);
    for (std::size_t i = 0; i < size; ++i)
        map.m_units[i / 4] |= static_cast<std::uint32_t>(static_cast<unsigned char>(blob[4 + i])) << (8 * (i % 4));
    map.m_texts = blob.substr(4 + size);
    for (std::size_t begin = 0; begin < map.m_texts.size();) {
        const std::size_t end = std::min(map.m_texts.find('\0', begin), map.m_texts.size());
        if (end - begin > kMaxReplacement)
            return fields::broken(where, "a text of the precompiled_charsmap is longer than " +
                                             std::to_string(kMaxReplacement) + " bytes");
        begin = end + 1;
    }
    if (utf8::firstInvalid(map.m_texts) != map.m_texts.size())
        return fields::broken(where, "the precompiled_charsmap holds text that is not UTF-8");
    return map;
}

std::string_view Charsmap::textAt(std::uint32_t offset) const {
    if (offset >= m_texts.size())
        return {};
    // a file may point into the middle of a character
    const std::string_view text(m_texts.c_str() + offset);
    return utf8::firstInvalid(text) == text.size() ? text : std::string_view();
}

// The double array of Darts-clone: bits 0-7 and 31 label, 8 "a value follows", 10-30 offset (times 256 when bit 9 is
// set).
template <class Found>
void Charsmap::walk(std::string_view text, std::size_t at, const Found& found) const {
    const auto offset = [](std::uint32_t unit) { return (unit >> 10) << ((unit & (1u << 9)) >> 6); };
    std::uint32_t node = offset(m_units[0]);
    for (std::size_t i = at; i < text.size(); ++i) {
        const auto byte = static_cast<unsigned char>(text[i]);
        node ^= byte;
        if (node >= m_units.size() || (m_units[node] & (1u << 31 | 0xFF)) != byte)
            return;
        const bool leaf = (m_units[node] >> 8 & 1) != 0;
        node ^= offset(m_units[node]);
        if (leaf && node < m_units.size() && !found(i + 1 - at, m_units[node] & 0x7FFFFFFF))
            return;
    }
}

Charsmap::Rule Charsmap::longest(std::string_view text, std::size_t at) const {
    std::size_t size = 0;
    std::uint32_t offset = 0;
    walk(text, at, [&](std::size_t bytes, std::uint32_t value) {
        size = bytes;
        offset = value;
        return true;
    });
    return size == 0 ? Rule{} : Rule{size, textAt(offset)};
}

Charsmap::Rule Charsmap::shortest(std::string_view text, std::size_t at) const {
    Rule rule;
    walk(text, at, [&](std::size_t bytes, std::uint32_t value) {
        rule = {bytes, textAt(value)};
        return false;
    });
    return rule;
}

Result<std::shared_ptr<const Normalizer>> readPrecompiled(const Json& description, const std::string& where) {
    ATTUNE_ASSIGN(const auto text, fields::text(description, "precompiled_charsmap", where));
    const auto blob = fromBase64(text);
    if (!blob)
        return fields::broken(where, "\"precompiled_charsmap\" is not base64");
    ATTUNE_ASSIGN(auto charsmap, Charsmap::read(*blob, where));
    return std::make_shared<const PrecompiledNormalizer>(std::move(charsmap));
}

std::shared_ptr<const Normalizer> sentencepieceNormalizer(SentencepieceRules rules) {
    return std::make_shared<const SentencepieceNormalizer>(std::move(rules));
}

} // namespace attune
