#include "core/text/jinja_format.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>

#include <utf8proc.h>

#include "core/text/jinja_operators.h"

namespace attune::jinja {

namespace {

constexpr int kMaxWalkDepth = 250; // namespaces can hold themselves

void appendHex(std::string& out, std::string_view prefix, int digits, std::uint32_t value) {
    out += prefix;
    while (digits-- > 0)
        out += "0123456789abcdef"[value >> (4 * digits) & 15];
}

// Walks a value and writes it; `out` grows piece by piece so that every string keeps its origin until the end.
class ReprWriter {
public:
    ReprWriter(Machine& machine, Text& out) : m_machine(machine), m_out(out) {}

    void write(const Value& value) {
        m_machine.charge(1);
        switch (value.kind()) {
        case Kind::String: {
            m_machine.chargeBytes(value.bytes().size());
            m_machine.checkBytes(m_out.size() + value.bytes().size());
            const std::string text = reprOf(value.bytes());
            m_out.append(value.markup() ? "Markup(" + text + ")" : text,
                         value.text().hasContent() ? kContent : kTemplate);
            return;
        }
        case Kind::Undefined:
            return put("Undefined");
        case Kind::None:
            return put("None");
        case Kind::Bool:
            return put(value.asInteger() ? "True" : "False");
        case Kind::Int:
            return put(std::to_string(value.asInteger()));
        case Kind::Float:
            return put(formatFloat(value.asReal()));
        case Kind::Callable:
            return put(value.function().describe());
        case Kind::Range:
            return put(value.items().label);
        case Kind::Generator:
            return put("<generator object>");
        default:
            break;
        }
        if (++m_depth > kMaxWalkDepth)
            raise("a value is nested too deeply to be printed");
        writeContainer(value);
        --m_depth;
    }

private:
    void put(std::string_view text) { m_out.append(text, kTemplate); }
    void writeItems(const ListObject& items, bool trailingComma) {
        for (std::size_t i = 0; i < items.values.size(); ++i) {
            if (i > 0)
                put(", ");
            write(items.values[i]);
        }
        if (trailingComma)
            put(",");
    }
    void writeContainer(const Value& value) {
        if (value.is(Kind::List)) {
            put("[");
            writeItems(value.items(), false);
            return put("]");
        }
        if (value.is(Kind::Tuple)) {
            put("(");
            writeItems(value.items(), value.items().values.size() == 1);
            return put(")");
        }
        if (value.is(Kind::View)) {
            put(value.items().label + "([");
            writeItems(value.items(), false);
            return put("])");
        }
        put(value.is(Kind::Namespace) ? "<Namespace {" : "{");
        bool first = true;
        for (const auto& [key, member] : value.members().entries()) {
            if (!std::exchange(first, false))
                put(", ");
            write(key);
            put(": ");
            write(member);
        }
        put(value.is(Kind::Namespace) ? "}>" : "}");
    }

    Machine& m_machine;
    Text& m_out;
    int m_depth = 0;
};

class JsonWriter {
public:
    JsonWriter(Machine& machine, Text& out, const JsonStyle& style) : m_machine(machine), m_out(out), m_style(style) {}

    void write(const Value& value, int depth) {
        m_machine.charge(1);
        if (depth > kMaxWalkDepth)
            raise("a value is nested too deeply for tojson");
        switch (value.kind()) {
        case Kind::String:
            return writeString(value.text());
        case Kind::None:
        case Kind::Bool:
        case Kind::Int:
        case Kind::Float:
            return put(scalar(value));
        case Kind::List:
        case Kind::Tuple:
            return writeList(value.items().values, depth);
        case Kind::Dict:
            return writeDict(value, depth);
        default:
            raise("Object of type " + std::string(typeName(value)) + " is not JSON serializable");
        }
    }

private:
    void put(std::string_view text) { m_out.append(text, kTemplate); }
    static std::string scalar(const Value& value) {
        if (value.is(Kind::None))
            return "null";
        if (value.is(Kind::Bool))
            return value.asInteger() ? "true" : "false";
        if (value.is(Kind::Int))
            return std::to_string(value.asInteger());
        const double number = value.asReal();
        if (std::isnan(number))
            return "NaN";
        if (std::isinf(number))
            return number > 0 ? "Infinity" : "-Infinity";
        return formatFloat(number);
    }
    void writeString(const Text& text) {
        m_machine.chargeScan(text.size());
        m_machine.checkBytes(m_out.size() + text.size());
        put("\"");
        m_out.append(text.mapped([&](char32_t point, std::string& out) {
            escape(point, out);
            m_machine.checkBytes(out.size());
        }));
        m_machine.checkBytes(m_out.size());
        put("\"");
    }
    void escape(char32_t point, std::string& out) const {
        switch (point) {
        case '"':
            out += "\\\"";
            return;
        case '\\':
            out += "\\\\";
            return;
        case '\n':
            out += "\\n";
            return;
        case '\r':
            out += "\\r";
            return;
        case '\t':
            out += "\\t";
            return;
        case '\b':
            out += "\\b";
            return;
        case '\f':
            out += "\\f";
            return;
        default:
            break;
        }
        if (point < 0x20 || (m_style.asciiOnly && point > 0x7E && point < 0x10000)) {
            appendHex(out, "\\u", 4, point);
        } else if (m_style.asciiOnly && point >= 0x10000) {
            appendHex(out, "\\u", 4, 0xD800 + ((point - 0x10000) >> 10));
            appendHex(out, "\\u", 4, 0xDC00 + ((point - 0x10000) & 0x3FF));
        } else {
            utf8::append(out, point);
        }
    }
    void lineBreak(int depth) {
        if (!m_style.indent)
            return;
        std::string text = "\n";
        m_machine.chargeBytes(m_style.indent->size() * static_cast<std::size_t>(depth));
        m_machine.checkBytes(m_out.size());
        for (int i = 0; i < depth; ++i)
            text += *m_style.indent;
        put(text);
    }
    void writeList(const std::vector<Value>& items, int depth) {
        if (items.empty())
            return put("[]");
        put("[");
        for (std::size_t i = 0; i < items.size(); ++i) {
            if (i > 0)
                put(m_style.itemSeparator);
            lineBreak(depth + 1);
            write(items[i], depth + 1);
        }
        lineBreak(depth);
        put("]");
    }
    void writeDict(const Value& dict, int depth) {
        auto entries = dict.members().entries();
        if (entries.empty())
            return put("{}");
        if (m_style.sortKeys)
            std::stable_sort(entries.begin(), entries.end(),
                             [&](const auto& a, const auto& b) { return lessThan(m_machine, a.first, b.first); });
        put("{");
        bool first = true;
        for (const auto& [key, value] : entries) {
            if (!std::exchange(first, false))
                put(m_style.itemSeparator);
            lineBreak(depth + 1);
            if (key.isString())
                writeString(key.text());
            else if (key.isNumber() || key.is(Kind::None))
                put("\"" + scalar(key) + "\"");
            else
                raise("keys must be str, int, float, bool or None, not " + std::string(typeName(key)));
            put(m_style.keySeparator);
            write(value, depth + 1);
        }
        lineBreak(depth);
        put("}");
    }

    Machine& m_machine;
    Text& m_out;
    const JsonStyle& m_style;
};

// Brackets and quotes around content belong to the content.
Text wholeOrigin(Text text) {
    return text.hasContent() ? text.marked(kContent) : std::move(text);
}

} // namespace

bool isPrintable(char32_t codePoint) {
    switch (utf8proc_category(static_cast<utf8proc_int32_t>(codePoint))) {
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_CN:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
        return false;
    case UTF8PROC_CATEGORY_ZS:
        return codePoint == ' ';
    default:
        return true;
    }
}

std::string formatFloat(double number) {
    if (std::isnan(number))
        return "nan";
    if (std::isinf(number))
        return number > 0 ? "inf" : "-inf";
    char buffer[40];
    const auto end = std::to_chars(buffer, buffer + sizeof buffer, number, std::chars_format::scientific).ptr;
    const std::string_view shortest(buffer, static_cast<std::size_t>(end - buffer));
    const std::size_t e = shortest.find('e');
    int exponent = 0;
    const char* exponentText = shortest.data() + e + (shortest[e + 1] == '+' ? 2 : 1);
    std::from_chars(exponentText, end, exponent);
    std::string sign, digits;
    for (const char byte : shortest.substr(0, e)) {
        if (byte == '-')
            sign = "-";
        else if (byte != '.')
            digits += byte;
    }
    if (exponent < -4 || exponent >= 16) {
        std::string text = sign + digits.substr(0, 1);
        if (digits.size() > 1)
            text += "." + digits.substr(1);
        std::snprintf(buffer, sizeof buffer, "e%c%02d", exponent < 0 ? '-' : '+', std::abs(exponent));
        return text + buffer;
    }
    if (exponent < 0)
        return sign + "0." + std::string(static_cast<std::size_t>(-exponent - 1), '0') + digits;
    const std::size_t whole = static_cast<std::size_t>(exponent) + 1;
    if (digits.size() <= whole)
        return sign + digits + std::string(whole - digits.size(), '0') + ".0";
    return sign + digits.substr(0, whole) + "." + digits.substr(whole);
}

std::string reprOf(std::string_view text) {
    const char quote =
        text.find('\'') != std::string_view::npos && text.find('"') == std::string_view::npos ? '"' : '\'';
    std::string out(1, quote);
    for (std::size_t at = 0; at < text.size();) {
        const utf8::CodePoint point = utf8::decode(text, at);
        at += point.size;
        const char32_t value = point.value;
        if (value == static_cast<char32_t>(quote) || value == '\\') {
            out += '\\';
            out += static_cast<char>(value);
        } else if (value == '\n') {
            out += "\\n";
        } else if (value == '\r') {
            out += "\\r";
        } else if (value == '\t') {
            out += "\\t";
        } else if (isPrintable(value)) {
            utf8::append(out, value);
        } else {
            const int digits = value < 0x100 ? 2 : value < 0x10000 ? 4 : 8;
            appendHex(out, digits == 2 ? "\\x" : digits == 4 ? "\\u" : "\\U", digits, value);
        }
    }
    out += quote;
    return out;
}

Text toText(Machine& machine, const Value& value) {
    if (value.isString())
        return value.text();
    if (value.isUndefined())
        return {};
    return toRepr(machine, value);
}

Text toRepr(Machine& machine, const Value& value) {
    Text out;
    ReprWriter(machine, out).write(value);
    return wholeOrigin(std::move(out));
}

Text toJson(Machine& machine, const Value& value, const JsonStyle& style) {
    Text out;
    JsonWriter(machine, out, style).write(value, 0);
    return wholeOrigin(std::move(out));
}

} // namespace attune::jinja
