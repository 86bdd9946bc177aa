#include "core/text/jinja_lexer.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "core/text/jinja_value.h"

namespace attune::jinja {

namespace {

bool isDigit(char byte) {
    return byte >= '0' && byte <= '9';
}

std::string normalized(std::string_view source) {
    std::string text;
    text.reserve(source.size());
    for (std::size_t i = 0; i < source.size(); ++i) {
        if (source[i] == '\r') {
            text += '\n';
            if (i + 1 < source.size() && source[i + 1] == '\n')
                ++i;
        } else {
            text += source[i];
        }
    }
    if (text.ends_with('\n')) // keep_trailing_newline is off
        text.pop_back();
    return text;
}

class Lexer {
public:
    explicit Lexer(std::string_view source) : m_source(normalized(source)) {}

    std::vector<Token> run() {
        while (m_at < m_source.size())
            readData();
        add(Token::Type::End);
        return std::move(m_tokens);
    }

private:
    [[noreturn]] void fail(std::string message) const {
        throw Failure{ErrorCode::InvalidData, std::move(message), m_line};
    }
    bool startsWith(std::string_view what, std::size_t at) const {
        return std::string_view(m_source).substr(at, what.size()) == what;
    }
    void add(Token::Type type, std::string text = {}) { m_tokens.push_back({type, std::move(text), m_line, 0, 0}); }
    void moveTo(std::size_t position) {
        m_line += static_cast<int>(std::count(m_source.begin() + static_cast<std::ptrdiff_t>(m_at),
                                              m_source.begin() + static_cast<std::ptrdiff_t>(position), '\n'));
        m_lineStarting = position > 0 && m_source[position - 1] == '\n';
        m_at = position;
    }
    std::size_t skipSpace(std::size_t at) const {
        while (at < m_source.size()) {
            const utf8::CodePoint point = utf8::decode(m_source, at);
            if (!isPythonSpace(point.value))
                break;
            at += point.size;
        }
        return at;
    }
    // What a block, comment or raw tag swallows behind its end: "-" all white space, "+" nothing, else one line break.
    std::size_t afterEnd(std::size_t end, char sign, bool trimBlocks) const {
        if (sign == '-')
            return skipSpace(end);
        if (sign != '+' && trimBlocks && end < m_source.size() && m_source[end] == '\n')
            return end + 1;
        return end;
    }

    std::string_view stripBefore(std::size_t begin, std::size_t end, char sign, bool isVariable) const {
        std::string_view text = std::string_view(m_source).substr(begin, end - begin);
        if (sign == '-') {
            while (!text.empty()) {
                const std::size_t last = utf8::previous(text, text.size());
                if (!isPythonSpace(utf8::decode(text, last).value))
                    break;
                text = text.substr(0, last);
            }
        } else if (sign != '+' && !isVariable) {
            const std::size_t newline = text.rfind('\n');
            const std::size_t lineStart = newline == std::string_view::npos ? 0 : newline + 1;
            if ((lineStart > 0 || m_lineStarting) && skipSpace(begin + lineStart) >= end)
                text = text.substr(0, lineStart);
        }
        return text;
    }

    void readData() {
        std::size_t tag = m_at;
        for (;; ++tag) {
            tag = m_source.find('{', tag);
            if (tag == std::string::npos || tag + 1 >= m_source.size()) {
                add(Token::Type::Data, m_source.substr(m_at));
                moveTo(m_source.size());
                return;
            }
            const char next = m_source[tag + 1];
            if (next == '{' || next == '%' || next == '#')
                break;
        }
        const char kind = m_source[tag + 1];
        std::size_t inside = tag + 2;
        char sign = 0;
        if (inside < m_source.size() && (m_source[inside] == '-' || m_source[inside] == '+'))
            sign = m_source[inside++];
        const std::string_view text = stripBefore(m_at, tag, sign, kind == '{');
        if (!text.empty())
            add(Token::Type::Data, std::string(text));
        moveTo(tag);
        if (kind == '#')
            skipComment(inside);
        else if (kind == '{')
            readTag(inside, Token::Type::VariableBegin, Token::Type::VariableEnd);
        else if (!readRaw(inside))
            readTag(inside, Token::Type::BlockBegin, Token::Type::BlockEnd);
    }

    void skipComment(std::size_t from) {
        const std::size_t end = m_source.find("#}", from);
        if (end == std::string::npos)
            fail("a comment is not closed (\"#}\" is missing)");
        const char sign = end > from ? m_source[end - 1] : '\0';
        moveTo(afterEnd(end + 2, sign, true));
    }

    // {% raw %} ... {% endraw %}; false when the tag is another one.
    bool readRaw(std::size_t inside) {
        std::size_t at = skipSpace(inside);
        if (!startsWith("raw", at))
            return false;
        at = skipSpace(at + 3);
        char sign = 0;
        if (startsWith("-%}", at))
            sign = '-', ++at;
        if (!startsWith("%}", at))
            return false;
        moveTo(afterEnd(at + 2, sign, false));
        for (std::size_t tag = m_source.find("{%", m_at); tag != std::string::npos;
             tag = m_source.find("{%", tag + 1)) {
            std::size_t end = tag + 2;
            char before = 0, after = 0;
            if (end < m_source.size() && (m_source[end] == '-' || m_source[end] == '+'))
                before = m_source[end++];
            end = skipSpace(end);
            if (!startsWith("endraw", end))
                continue;
            end = skipSpace(end + 6);
            if (end < m_source.size() && (m_source[end] == '-' || m_source[end] == '+'))
                after = m_source[end++];
            if (!startsWith("%}", end))
                continue;
            const std::string_view text = stripBefore(m_at, tag, before, false);
            if (!text.empty())
                add(Token::Type::Data, std::string(text));
            moveTo(afterEnd(end + 2, after, true));
            return true;
        }
        fail("{% raw %} is not closed ({% endraw %} is missing)");
    }

    void readTag(std::size_t inside, Token::Type begin, Token::Type end) {
        const bool isBlock = begin == Token::Type::BlockBegin;
        const std::string_view closing = isBlock ? "%}" : "}}";
        add(begin);
        moveTo(inside);
        std::vector<char> brackets;
        while (true) {
            moveTo(skipSpace(m_at));
            if (m_at >= m_source.size())
                fail(std::string("the template ends inside a tag (\"") + std::string(closing) + "\" is missing)");
            if (brackets.empty()) {
                const char first = m_source[m_at];
                const bool sign = (first == '-' || (first == '+' && isBlock)) && startsWith(closing, m_at + 1);
                if (sign || startsWith(closing, m_at)) {
                    add(end);
                    moveTo(afterEnd(m_at + (sign ? 3 : 2), sign ? first : '\0', isBlock));
                    return;
                }
            }
            readToken(brackets);
        }
    }

    void readToken(std::vector<char>& brackets) {
        const char first = m_source[m_at];
        if (isDigit(first)) {
            readNumber();
        } else if (first == '"' || first == '\'') {
            readString(first);
        } else if (first == '_' || utf8::isWord(utf8::decode(m_source, m_at).value)) {
            std::size_t end = m_at;
            while (end < m_source.size()) {
                const utf8::CodePoint point = utf8::decode(m_source, end);
                if (point.value != '_' && !utf8::isWord(point.value))
                    break;
                end += point.size;
            }
            add(Token::Type::Name, m_source.substr(m_at, end - m_at));
            moveTo(end);
        } else {
            readOperator(brackets);
        }
    }

    void readOperator(std::vector<char>& brackets) {
        static constexpr std::array<std::string_view, 26> operators = {
            "//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[",
            "]",  "(",  ")",  "{",  "}",  ">",  "<", "=", ".", ":", "|", ",", ";"};
        const auto found = std::find_if(operators.begin(), operators.end(),
                                        [&](std::string_view candidate) { return startsWith(candidate, m_at); });
        if (found == operators.end()) {
            const utf8::CodePoint point = utf8::decode(m_source, m_at);
            fail("unexpected char '" + m_source.substr(m_at, point.size) + "'");
        }
        const char symbol = found->front();
        if (symbol == '(' || symbol == '[' || symbol == '{') {
            brackets.push_back(symbol == '(' ? ')' : symbol == '[' ? ']' : '}');
        } else if (symbol == ')' || symbol == ']' || symbol == '}') {
            if (brackets.empty())
                fail(std::string("unexpected '") + symbol + "'");
            if (brackets.back() != symbol)
                fail(std::string("unexpected '") + symbol + "', expected '" + brackets.back() + "'");
            brackets.pop_back();
        }
        add(Token::Type::Operator, std::string(*found));
        moveTo(m_at + found->size());
    }

    // Digits with single underscores between them; the position behind.
    std::size_t digits(std::size_t at, int base = 10) const {
        const auto isOne = [&](std::size_t position) {
            if (position >= m_source.size())
                return false;
            const char byte = m_source[position];
            const int digit = isDigit(byte)                ? byte - '0'
                              : byte >= 'a' && byte <= 'f' ? byte - 'a' + 10
                              : byte >= 'A' && byte <= 'F' ? byte - 'A' + 10
                                                           : 99;
            return digit < base;
        };
        while (isOne(at) || (at < m_source.size() && m_source[at] == '_' && isOne(at + 1)))
            ++at;
        return at;
    }

    void readNumber() {
        const char second = m_at + 1 < m_source.size() ? static_cast<char>(m_source[m_at + 1] | 0x20) : '\0';
        const int base = m_source[m_at] != '0' ? 10 : second == 'x' ? 16 : second == 'o' ? 8 : second == 'b' ? 2 : 10;
        std::size_t begin = m_at, end = 0;
        bool isFloat = false;
        if (base != 10 && digits(m_at + 2, base) > m_at + 2) {
            begin = m_at + 2;
            end = digits(begin, base);
        } else {
            end = digits(m_at);
            if (end + 1 < m_source.size() && m_source[end] == '.' && isDigit(m_source[end + 1])) {
                end = digits(end + 1);
                isFloat = true;
            }
            if (end < m_source.size() && (m_source[end] | 0x20) == 'e') {
                std::size_t exponent = end + 1;
                if (exponent < m_source.size() && (m_source[exponent] == '+' || m_source[exponent] == '-'))
                    ++exponent;
                if (exponent < m_source.size() && isDigit(m_source[exponent])) {
                    end = digits(exponent);
                    isFloat = true;
                }
            }
        }
        std::string number = m_source.substr(begin, end - begin);
        std::erase(number, '_');
        Token token{isFloat ? Token::Type::Float : Token::Type::Integer, m_source.substr(m_at, end - m_at), m_line, 0,
                    0};
        const char* last = number.data() + number.size();
        const auto result = isFloat ? std::from_chars(number.data(), last, token.real)
                                    : std::from_chars(number.data(), last, token.integer, begin == m_at ? 10 : base);
        if (result.ec != std::errc())
            fail("the number " + token.text + " is too large");
        m_tokens.push_back(std::move(token));
        moveTo(end);
    }

    void readString(char quote) {
        std::size_t end = m_at + 1;
        while (end < m_source.size() && m_source[end] != quote)
            end += m_source[end] == '\\' ? 2 : 1;
        if (end >= m_source.size())
            fail(std::string("a string is not closed (") + quote + " is missing)");
        add(Token::Type::String, unescaped(std::string_view(m_source).substr(m_at + 1, end - m_at - 1)));
        moveTo(end + 1);
    }

    char32_t hexEscape(std::string_view body, std::size_t& at, std::size_t length) const {
        unsigned value = 0;
        const std::string_view hex = body.substr(at, length);
        const auto result = std::from_chars(hex.data(), hex.data() + hex.size(), value, 16);
        if (hex.size() < length || result.ptr != hex.data() + length || value > 0x10FFFF ||
            (value >= 0xD800 && value < 0xE000))
            fail("a string has a broken \\x, \\u or \\U escape");
        at += length;
        return value;
    }

    std::string unescaped(std::string_view body) const {
        std::string text;
        for (std::size_t i = 0; i < body.size();) {
            if (body[i] != '\\' || i + 1 >= body.size()) {
                text += body[i++];
                continue;
            }
            const char kind = body[i + 1];
            i += 2;
            switch (kind) {
            case '\n':
                break;
            case 'n':
                text += '\n';
                break;
            case 't':
                text += '\t';
                break;
            case 'r':
                text += '\r';
                break;
            case 'a':
                text += '\a';
                break;
            case 'b':
                text += '\b';
                break;
            case 'f':
                text += '\f';
                break;
            case 'v':
                text += '\v';
                break;
            case '\\':
            case '\'':
            case '"':
                text += kind;
                break;
            case 'x':
                utf8::append(text, hexEscape(body, i, 2));
                break;
            case 'u':
                utf8::append(text, hexEscape(body, i, 4));
                break;
            case 'U':
                utf8::append(text, hexEscape(body, i, 8));
                break;
            default:
                if (kind >= '0' && kind <= '7') {
                    unsigned value = static_cast<unsigned>(kind - '0');
                    for (int digit = 0; digit < 2 && i < body.size() && body[i] >= '0' && body[i] <= '7'; ++digit)
                        value = value * 8 + static_cast<unsigned>(body[i++] - '0');
                    utf8::append(text, value);
                } else { // unknown escapes stay as they are
                    text += '\\';
                    --i; // the character may have several bytes; the next round copies it
                    text += body[i++];
                }
            }
        }
        return text;
    }

    std::string m_source;
    std::vector<Token> m_tokens;
    std::size_t m_at = 0;
    int m_line = 1;
    bool m_lineStarting = true;
};

} // namespace

std::vector<Token> tokenize(std::string_view source) {
    return Lexer(source).run();
}

} // namespace attune::jinja
