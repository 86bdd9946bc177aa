// Filters that write or remove HTML and addresses.
#include <array>

#include "core/text/jinja_filters.h"
#include "core/text/jinja_format.h"
#include "core/text/jinja_operators.h"
#include "core/text/jinja_strings.h"

namespace attune::jinja {

namespace {

Value escape(Machine& machine, const Value& input, CallArguments&) {
    if (input.markup())
        return input;
    const Text text = toText(machine, input);
    machine.chargeBytes(text.size() * 5);
    return Value::string(escapedHtml(text), true);
}

Value forceEscape(Machine& machine, const Value& input, CallArguments&) {
    const Text text = toText(machine, input);
    machine.chargeBytes(text.size() * 5);
    return Value::string(escapedHtml(text), true);
}

Value safe(Machine& machine, const Value& input, CallArguments&) {
    return Value::string(toText(machine, input), true);
}

Value urlEncode(Machine& machine, const Value& input, CallArguments&) {
    const auto quote = [&](const Value& value, bool query) {
        const Text text = toText(machine, value);
        machine.chargeBytes(text.size() * 3);
        std::string out;
        for (const char byte : text.bytes()) {
            const bool plain = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
                               (byte >= '0' && byte <= '9') || byte == '_' || byte == '.' || byte == '-' ||
                               byte == '~' || (byte == '/' && !query);
            if (plain)
                out += byte;
            else if (byte == ' ' && query)
                out += '+';
            else
                for (const char hex : {'%', "0123456789ABCDEF"[static_cast<unsigned char>(byte) >> 4],
                                       "0123456789ABCDEF"[static_cast<unsigned char>(byte) & 15]})
                    out += hex;
        }
        return Text(std::move(out), text.hasContent() ? kContent : kTemplate);
    };
    if (input.isString() || (!input.isDict() && !input.isItems()))
        return Value::string(quote(input, false));
    CallArguments none;
    Text out;
    const Value pairs = input.isDict() ? applyFilter(machine, "items", input, none) : input;
    for (const Value& pair : iterate(machine, pairs)) {
        const std::vector<Value> parts = iterate(machine, pair);
        if (parts.size() != 2)
            raise("urlencode expects pairs");
        out.append(out.empty() ? "" : "&", kTemplate);
        out.append(quote(parts[0], true));
        out.append("=", kTemplate);
        out.append(quote(parts[1], true));
    }
    return Value::string(std::move(out));
}


// The characters that HTML's named and numbered references stand for, those of XML and by number; others stay.
Text withoutReferences(const Text& text) {
    static constexpr std::array<std::pair<std::string_view, std::string_view>, 6> kNamed = {
        {{"lt", "<"}, {"gt", ">"}, {"amp", "&"}, {"quot", "\""}, {"apos", "'"}, {"nbsp", "\xC2\xA0"}}};
    const std::string& bytes = text.bytes();
    Text out;
    std::size_t begin = 0;
    for (std::size_t at = bytes.find('&'); at != std::string::npos; at = bytes.find('&', at + 1)) {
        const std::size_t length = std::string_view(bytes).substr(at, 11).find(';'); // none is longer
        if (length == std::string::npos)
            continue;
        const std::size_t end = at + length;
        const std::string_view name = std::string_view(bytes).substr(at + 1, end - at - 1);
        std::string meant;
        for (const auto& [known, character] : kNamed)
            if (name == known)
                meant = character;
        if (name.size() > 1 && name[0] == '#') {
            const bool hex = (name[1] | 32) == 'x';
            const std::string digits(name.substr(hex ? 2 : 1));
            const bool good = !digits.empty() && digits.find_first_not_of(hex ? "0123456789abcdefABCDEF" : "0123456789") == std::string::npos;
            const unsigned long point = good ? std::strtoul(digits.c_str(), nullptr, hex ? 16 : 10) : 0;
            if (point > 0 && point < 0x110000 && (point < 0xD800 || point > 0xDFFF))
                utf8::append(meant, static_cast<char32_t>(point));
        }
        if (meant.empty())
            continue;
        out.append(text, begin, at);
        out.append(meant, text.slice(at, end + 1).hasContent() ? kContent : kTemplate);
        begin = end + 1;
    }
    out.append(text, begin, bytes.size());
    return out;
}

// What stands between `open` and the `close` behind it goes, both included; what is never closed stays.
Text withoutSpans(const Text& text, std::string_view open, std::string_view close) {
    const std::string& bytes = text.bytes();
    Text out;
    std::size_t begin = 0;
    while (true) {
        const std::size_t at = bytes.find(open, begin);
        const std::size_t end = at == std::string::npos ? at : bytes.find(close, at + open.size());
        if (end == std::string::npos)
            break;
        out.append(text, begin, at);
        begin = end + close.size();
    }
    out.append(text, begin, bytes.size());
    return out;
}

Value stripTags(Machine& machine, const Value& input, CallArguments&) {
    Text text = toText(machine, input);
    machine.chargeBytes(text.size() * 4);
    text = withoutSpans(withoutSpans(text, "<!--", "-->"), "<", ">");
    Text out;
    for (const Text& word : split(text, std::nullopt, -1, false)) {
        if (!out.empty())
            out.append(" ", kTemplate);
        out.append(word);
    }
    return Value::string(withoutReferences(out));
}

Value xmlAttributes(Machine& machine, const Value& input, CallArguments& arguments) {
    const auto bound = bind(arguments, "xmlattr", {"autospace"});
    if (!input.isDict())
        raise("xmlattr expects a mapping, not '" + std::string(typeName(input)) + "'");
    Text out;
    for (const auto& [key, value] : input.members().entries()) {
        if (value.is(Kind::None) || value.isUndefined())
            continue;
        const Text name = toText(machine, key);
        if (name.bytes().find_first_of(" \t\n\r\f\v/>=") != std::string::npos)
            raise("Invalid character in attribute name: " + toRepr(machine, key).bytes());
        const Text written = toText(machine, value);
        machine.chargeBytes((name.size() + written.size()) * 5);
        if (!out.empty())
            out.append(" ", kTemplate);
        out.append(escapedHtml(name));
        out.append("=\"", kTemplate);
        out.append(value.markup() ? written : escapedHtml(written));
        out.append("\"", kTemplate);
        machine.checkBytes(out.size());
    }
    if (out.empty() || (bound[0] && !truthy(*bound[0])))
        return Value::string(std::move(out));
    Text spaced(" ", kTemplate);
    spaced.append(out);
    return Value::string(std::move(spaced));
}

} // namespace

const FilterTable& markupFilters() {
    static const FilterTable table = {
        {"escape", escape},         {"e", escape},           {"forceescape", forceEscape}, {"safe", safe},
        {"urlencode", urlEncode},   {"striptags", stripTags}, {"xmlattr", xmlAttributes},
    };
    return table;
}

} // namespace attune::jinja
