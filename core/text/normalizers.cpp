#include "core/text/normalizers.h"

#include <functional>

#include <utf8proc.h>

#include "core/text/byte_level.h"
#include "core/text/charsmap.h"
#include "core/text/json_fields.h"
#include "core/text/pattern.h"
#include "core/text/reference_categories.h"
#include "core/text/unicode_normalizer.h"
#include "core/text/utf8.h"

namespace attune {

namespace {

using NormalizerResult = Result<std::shared_ptr<const Normalizer>>;

class SequenceNormalizer final : public Normalizer {
public:
    std::vector<std::shared_ptr<const Normalizer>> parts;
    Status apply(AlignedText& text) const override {
        for (const auto& part : parts) {
            ATTUNE_CHECK(part->apply(text));
            if (text.outgrows(text.view().size()))
                return tooLong();
        }
        return {};
    }
};

class PrependNormalizer final : public Normalizer {
public:
    explicit PrependNormalizer(std::string prefix) : m_prefix(std::move(prefix)) {}
    Status apply(AlignedText& text) const override {
        const std::size_t size = text.view().size();
        if (size == 0 || m_prefix.empty())
            return {};
        if (text.outgrows(m_prefix.size()))
            return tooLong();
        AlignedBuilder builder(text);
        builder.replace(0, 0, m_prefix);
        builder.keep(0, size);
        text = builder.finish();
        return {};
    }

private:
    std::string m_prefix;
};

class ReplaceNormalizer final : public Normalizer {
public:
    ReplaceNormalizer(Pattern pattern, std::string content)
        : m_pattern(std::move(pattern)), m_content(std::move(content)) {}
    Status apply(AlignedText& text) const override {
        std::vector<TextRange> matches;
        ATTUNE_CHECK(m_pattern.findAll(text.view(), 0, matches));
        if (matches.empty())
            return {};
        if (text.outgrows(matches.size() * m_content.size()))
            return tooLong();
        AlignedBuilder builder(text);
        std::size_t at = 0;
        for (const auto& match : matches) {
            builder.keep(at, match.begin);
            builder.replace(match.begin, match.end, m_content);
            at = match.end;
        }
        builder.keep(at, text.view().size());
        text = builder.finish();
        return {};
    }

private:
    Pattern m_pattern;
    std::string m_content;
};

class StripNormalizer final : public Normalizer {
public:
    StripNormalizer(bool left, bool right) : m_left(left), m_right(right) {}
    Status apply(AlignedText& text) const override {
        const std::string_view view = text.view();
        std::size_t begin = 0, end = view.size();
        while (m_left && begin < end) {
            const auto c = utf8::decode(view, begin);
            if (!utf8::isWhitespace(c.value))
                break;
            begin += c.size;
        }
        while (m_right && end > begin) {
            const auto last = utf8::previous(view, end);
            if (!utf8::isWhitespace(utf8::decode(view, last).value))
                break;
            end = last;
        }
        if (begin > 0 || end < view.size())
            text = text.slice(begin, end);
        return {};
    }

private:
    bool m_left, m_right;
};

// Character by character: what each one becomes ("" deletes it).
class MapNormalizer final : public Normalizer {
public:
    using Map = std::function<void(char32_t c, std::string_view bytes, std::string& out)>;
    explicit MapNormalizer(Map map) : m_map(std::move(map)) {}
    Status apply(AlignedText& text) const override {
        const std::string_view view = text.view();
        AlignedBuilder builder(text);
        std::string out;
        bool changed = false;
        for (std::size_t at = 0; at < view.size();) {
            const auto c = utf8::decode(view, at);
            const auto bytes = view.substr(at, c.size);
            out.clear();
            m_map(c.value, bytes, out);
            if (out == bytes) {
                builder.keep(at, at + c.size);
            } else {
                builder.replace(at, at + c.size, out);
                changed = true;
            }
            at += c.size;
        }
        if (changed)
            text = builder.finish();
        return {};
    }

private:
    Map m_map;
};

void lowercase(char32_t c, std::string_view, std::string& out) {
    if (c == 0x130) { // the one character whose lower case is two
        out += "i\xCC\x87";
        return;
    }
    utf8::append(out, static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(c))));
}

void dropMarks(char32_t c, std::string_view bytes, std::string& out) {
    if (!utf8::isMark(c))
        out += bytes;
}

void byteLevel(char32_t, std::string_view bytes, std::string& out) {
    for (const char byte : bytes)
        out += byte_level::character(static_cast<unsigned char>(byte));
}

void cleanText(char32_t c, std::string_view bytes, std::string& out) {
    const bool kept = c == '\t' || c == '\n' || c == '\r'; // of the white space that is also a control character
    if (c == 0 || c == 0xFFFD || (reference::isOther(c) && !kept))
        return;
    if (utf8::isWhitespace(c))
        out += ' ';
    else
        out += bytes;
}

// "Nmt": the rules of sentencepiece's translation models.
void cleanForTranslation(char32_t c, std::string_view bytes, std::string& out) {
    if ((c >= 0x01 && c <= 0x08) || c == 0x0B || (c >= 0x0E && c <= 0x1F) || c == 0x7F || c == 0x8F || c == 0x9F)
        return;
    if (c == 0x09 || c == 0x0A || c == 0x0C || c == 0x0D || c == 0x1680 || (c >= 0x200B && c <= 0x200F) ||
        c == 0x2028 || c == 0x2029 || c == 0x2581 || c == 0xFEFF || c == 0xFFFD)
        out += ' ';
    else
        out += bytes;
}

void spaceChinese(char32_t c, std::string_view bytes, std::string& out) {
    const bool chinese = (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0x3400 && c <= 0x4DBF) ||
                         (c >= 0x20000 && c <= 0x2A6DF) || (c >= 0x2A700 && c <= 0x2B81F) ||
                         (c >= 0x2B920 && c <= 0x2CEAF) || (c >= 0xF900 && c <= 0xFAFF) ||
                         (c >= 0x2F800 && c <= 0x2FA1F);
    if (chinese)
        out += ' ';
    out += bytes;
    if (chinese)
        out += ' ';
}

void addMap(SequenceNormalizer& sequence, MapNormalizer::Map map) {
    sequence.parts.push_back(std::make_shared<MapNormalizer>(std::move(map)));
}

NormalizerResult readBert(const Json& description, const std::string& where) {
    ATTUNE_ASSIGN(const bool clean, fields::flag(description, "clean_text", true, where));
    ATTUNE_ASSIGN(const bool chinese, fields::flag(description, "handle_chinese_chars", true, where));
    ATTUNE_ASSIGN(const bool lower, fields::flag(description, "lowercase", true, where));
    ATTUNE_ASSIGN(const bool strip, fields::flag(description, "strip_accents", lower, where));
    auto sequence = std::make_shared<SequenceNormalizer>();
    if (clean)
        addMap(*sequence, cleanText);
    if (chinese)
        addMap(*sequence, spaceChinese);
    if (strip) {
        sequence->parts.push_back(std::make_shared<UnicodeNormalizer>(false, false));
        addMap(*sequence, [](char32_t c, std::string_view bytes, std::string& out) {
            if (!reference::isNonspacingMark(c))
                out += bytes;
        });
    }
    if (lower)
        addMap(*sequence, lowercase);
    return sequence;
}

NormalizerResult readNormalizerSequence(const Json& description, const std::string& where) {
    ATTUNE_ASSIGN(const Json* parts, fields::list(description, "normalizers", where));
    auto sequence = std::make_shared<SequenceNormalizer>();
    for (std::size_t i = 0; i < parts->size(); ++i) {
        ATTUNE_ASSIGN(auto part, readNormalizer((*parts)[i], where + ".normalizers[" + std::to_string(i) + "]"));
        if (part)
            sequence->parts.push_back(std::move(part));
    }
    return sequence;
}

} // namespace

NormalizerResult readNormalizer(const Json& description, const std::string& where) {
    if (description.is_null())
        return nullptr;
    ATTUNE_ASSIGN(const auto type, fields::text(description, "type", where));
    if (type == "Sequence")
        return readNormalizerSequence(description, where);
    if (type == "NFC" || type == "NFD" || type == "NFKC" || type == "NFKD")
        return std::make_shared<UnicodeNormalizer>(type.back() == 'C', type[2] == 'K');
    if (type == "Prepend") {
        ATTUNE_ASSIGN(auto prefix, fields::text(description, "prepend", where));
        return std::make_shared<PrependNormalizer>(std::move(prefix));
    }
    if (type == "Replace") {
        ATTUNE_ASSIGN(auto pattern, Pattern::read(description, "pattern", where));
        ATTUNE_ASSIGN(auto content, fields::text(description, "content", where));
        return std::make_shared<ReplaceNormalizer>(std::move(pattern), std::move(content));
    }
    if (type == "Strip") {
        ATTUNE_ASSIGN(const bool left, fields::flag(description, "strip_left", true, where));
        ATTUNE_ASSIGN(const bool right, fields::flag(description, "strip_right", true, where));
        return std::make_shared<StripNormalizer>(left, right);
    }
    if (type == "Lowercase")
        return std::make_shared<MapNormalizer>(lowercase);
    if (type == "StripAccents")
        return std::make_shared<MapNormalizer>(dropMarks);
    if (type == "ByteLevel")
        return std::make_shared<MapNormalizer>(byteLevel);
    if (type == "BertNormalizer")
        return readBert(description, where);
    if (type == "Precompiled")
        return readPrecompiled(description, where);
    if (type == "Nmt")
        return std::make_shared<MapNormalizer>(cleanForTranslation);
    return fields::unknown(where, "the normalizer \"" + type + "\"");
}

} // namespace attune
