#include "core/text/word_scanner.h"

#include <array>
#include <memory>

#include <oniguruma.h>

#include "core/text/reference_categories.h"
#include "core/text/utf8.h"

namespace attune {

namespace {

constexpr std::string_view kGpt2 = R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
constexpr std::string_view kLlama3 = R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|)"
                                     R"( ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kQwen2 = R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}|)"
                                    R"( ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

enum Class : std::uint8_t { kOther, kLetter, kNumber, kSpace };

class Classes {
public:
    Classes() {
        m_letter = ctype('L');
        m_number = ctype('N');
        for (char32_t c = 0; c < m_basic.size(); ++c)
            m_basic[c] = compute(c);
    }
    Class of(char32_t c) const { return c < m_basic.size() ? m_basic[c] : compute(c); }

private:
    static int ctype(char name) {
        OnigUChar letter[] = {static_cast<OnigUChar>(name), 0};
        return ONIG_ENCODING_UTF8->property_name_to_ctype(ONIG_ENCODING_UTF8, letter, letter + 1);
    }
    Class compute(char32_t c) const {
        const auto is = [&](int type) {
            return ONIG_ENCODING_UTF8->is_code_ctype(static_cast<OnigCodePoint>(c), static_cast<OnigCtype>(type)) != 0;
        };
        if (is(m_letter) || reference::isNewLetter(c))
            return kLetter;
        return is(m_number) || reference::isNewNumber(c) ? kNumber : is(ONIGENC_CTYPE_SPACE) ? kSpace : kOther;
    }
    int m_letter, m_number;
    std::array<Class, 0x10000> m_basic{};
};

const Classes& classes() {
    static const auto instance = std::make_unique<const Classes>();
    return *instance;
}

struct Char {
    Class kind;
    std::uint32_t size;
    bool newline;
};

class Cursor {
public:
    explicit Cursor(std::string_view text) : m_text(text), m_classes(classes()) {}
    Char at(std::size_t position) const {
        const auto c = utf8::decode(m_text, position);
        return {m_classes.of(c.value), c.size, c.value == '\n' || c.value == '\r'};
    }
    bool isAt(std::size_t position, Class kind) const { return position < m_text.size() && at(position).kind == kind; }
    std::size_t skip(std::size_t position, Class kind) const {
        while (position < m_text.size()) {
            const auto c = at(position);
            if (c.kind != kind)
                break;
            position += c.size;
        }
        return position;
    }
    // End of 's 't 're 've 'm 'll 'd at `position`, which holds an apostrophe; 0 when there is none.
    std::size_t contraction(std::size_t position, bool anyCase) const {
        const auto letter = [&](std::size_t i) {
            const char c = position + i < m_text.size() ? m_text[position + i] : '\0';
            return anyCase && c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
        };
        const char first = letter(1), second = letter(2);
        if (first == 's' || first == 't' || first == 'm' || first == 'd')
            return position + 2;
        if (anyCase && m_text.substr(position + 1, 2) == "\xC5\xBF") // the long s is an s in another case
            return position + 3;
        if ((first == 'r' && second == 'e') || (first == 'v' && second == 'e') || (first == 'l' && second == 'l'))
            return position + 3;
        return 0;
    }
    // \s+(?!\S)|\s+ at a whitespace character whose run ends at `runEnd`.
    std::size_t whitespace(std::size_t position, std::size_t runEnd) const {
        if (runEnd == m_text.size())
            return runEnd;
        const std::size_t last = utf8::previous(m_text, runEnd);
        return last > position ? last : runEnd;
    }
    std::size_t lastNewline(std::size_t begin, std::size_t end) const { // position behind it, or 0
        while (end > begin) {
            const char c = m_text[end - 1];
            if (c == '\n' || c == '\r')
                return end;
            --end;
        }
        return 0;
    }
    std::size_t skipNewlines(std::size_t position) const {
        while (position < m_text.size() && (m_text[position] == '\n' || m_text[position] == '\r'))
            ++position;
        return position;
    }
    std::string_view text() const { return m_text; }

private:
    std::string_view m_text;
    const Classes& m_classes;
};

std::size_t gpt2Word(const Cursor& cursor, std::size_t at) {
    const char byte = cursor.text()[at];
    if (byte == '\'')
        if (const auto end = cursor.contraction(at, false))
            return end;
    const auto first = cursor.at(at);
    if (first.kind != kSpace)
        return cursor.skip(at + first.size, first.kind);
    if (byte == ' ' && at + 1 < cursor.text().size()) {
        const auto second = cursor.at(at + 1);
        if (second.kind != kSpace)
            return cursor.skip(at + 1 + second.size, second.kind);
    }
    return cursor.whitespace(at, cursor.skip(at, kSpace));
}

std::size_t modernWord(const Cursor& cursor, std::size_t at, int digits) {
    const char byte = cursor.text()[at];
    if (byte == '\'')
        if (const auto end = cursor.contraction(at, true))
            return end;
    const auto first = cursor.at(at);
    const std::size_t next = at + first.size;
    if (first.kind == kLetter)
        return cursor.skip(next, kLetter);
    if (first.kind == kNumber) {
        std::size_t end = next;
        for (int count = 1; count < digits && cursor.isAt(end, kNumber); ++count)
            end += cursor.at(end).size;
        return end;
    }
    if (!first.newline && cursor.isAt(next, kLetter))
        return cursor.skip(next, kLetter);
    if (first.kind == kOther)
        return cursor.skipNewlines(cursor.skip(next, kOther));
    if (byte == ' ' && cursor.isAt(next, kOther))
        return cursor.skipNewlines(cursor.skip(next, kOther));
    const std::size_t runEnd = cursor.skip(next, kSpace);
    if (const auto end = cursor.lastNewline(at, runEnd))
        return end;
    return cursor.whitespace(at, runEnd);
}

} // namespace

std::string_view WordScanner::gpt2Pattern() {
    return kGpt2;
}
std::string_view WordScanner::llama3Pattern() {
    return kLlama3;
}
std::string_view WordScanner::qwen2Pattern() {
    return kQwen2;
}

std::optional<WordScanner> WordScanner::forPattern(std::string_view source) {
    if (source == kGpt2)
        return WordScanner(Kind::Gpt2, 0);
    if (source == kLlama3)
        return WordScanner(Kind::Modern, 3);
    if (source == kQwen2)
        return WordScanner(Kind::Modern, 1);
    return std::nullopt;
}

void WordScanner::findAll(std::string_view text, std::uint32_t base, std::vector<TextRange>& matches) const {
    const Cursor cursor(text);
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = m_kind == Kind::Gpt2 ? gpt2Word(cursor, at) : modernWord(cursor, at, m_digits);
        matches.push_back({base + static_cast<std::uint32_t>(at), base + static_cast<std::uint32_t>(end)});
        at = end;
    }
}

} // namespace attune
