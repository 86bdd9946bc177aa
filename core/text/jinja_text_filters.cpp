// Filters on text and numbers.
#include <algorithm>
#include <charconv>
#include <cmath>

#include "core/text/jinja_filters.h"
#include "core/text/jinja_format.h"
#include "core/text/jinja_operators.h"
#include "core/text/jinja_percent_format.h"
#include "core/text/jinja_strings.h"

namespace attune::jinja {

namespace {

// soft_str: a string stays what it is, anything else is printed.
Value softString(Machine& machine, const Value& value) {
    if (value.isString())
        return value;
    return Value::string(toText(machine, value));
}

template <Text (*transform)(const Text&)>
Value changed(Machine& machine, const Value& input, CallArguments& arguments) {
    bind(arguments, "filter", {});
    const Value text = softString(machine, input);
    machine.chargeBytes(text.bytes().size());
    return Value::string(transform(text.text()), text.markup());
}

// Jinja's own title: words start behind white space, hyphens and opening brackets only, unlike str.title.
Text titleWords(const Text& text) {
    bool atStart = true;
    return text.mapped([&](char32_t point, std::string& out) {
        std::string one;
        utf8::append(one, point);
        const Text letter(std::move(one), kTemplate);
        out += (atStart ? upperCase(letter) : lowerCase(letter)).bytes();
        atStart = isPythonSpace(point) || point == '-' || point == '(' || point == '{' || point == '[' || point == '<';
    });
}

Value trim(Machine& machine, const Value& input, CallArguments& arguments) {
    const auto bound = bind(arguments, "trim", {"chars"});
    const Value text = softString(machine, input);
    machine.charge(text.bytes().size() / 16);
    std::optional<std::string_view> characters;
    if (bound[0] && !bound[0]->is(Kind::None)) {
        if (!bound[0]->isString())
            raise("strip arg must be None or str");
        characters = bound[0]->bytes();
    }
    return Value::string(stripped(text.text(), characters, true, true), text.markup());
}

Value replaceFilter(Machine& machine, const Value& input, CallArguments& arguments) {
    const auto bound = bind(arguments, "replace", {"old", "new", "count"}, 2);
    const Text text = toText(machine, input), from = toText(machine, *bound[0]), to = toText(machine, *bound[1]);
    const std::int64_t count = bound[2] && !bound[2]->is(Kind::None) ? integerOf(*bound[2], "count") : -1;
    const std::uint64_t matches = countMatches(text.bytes(), from.bytes());
    machine.chargeBytes(text.size() + matches * to.size());
    machine.charge(matches);
    return Value::string(replaced(text, from.bytes(), to, count));
}

Value indent(Machine& machine, const Value& input, CallArguments& arguments) {
    const auto bound = bind(arguments, "indent", {"width", "first", "blank"});
    requireDefined(input);
    if (!input.isString())
        raise("unsupported operand type(s) for +=: '" + std::string(typeName(input)) + "' and 'str'");
    Text indention;
    if (bound[0] && bound[0]->isString()) {
        indention = bound[0]->text();
    } else {
        const std::int64_t width = bound[0] ? integerOf(*bound[0], "indent's width") : 4;
        machine.chargeBytes(static_cast<std::uint64_t>(std::max<std::int64_t>(width, 0)));
        indention.append(std::string(static_cast<std::size_t>(std::max<std::int64_t>(width, 0)), ' '), kTemplate);
    }
    const bool first = bound[1] && truthy(*bound[1]), blank = bound[2] && truthy(*bound[2]);
    Text text = input.text();
    text.append("\n",
                text.empty() ? kTemplate : text.runs().back().marks); // splitlines drops one line break at the end
    const std::vector<Text> lines = splitLines(text, false);
    machine.chargeBytes(text.size() + lines.size() * indention.size());
    Text out;
    for (std::size_t i = 0; i < lines.size(); ++i) {
        if (i > 0)
            out.append("\n", input.text().marksAt(0));
        if (i == 0 ? first : blank || !lines[i].empty())
            out.append(indention);
        out.append(lines[i]);
    }
    return Value::string(std::move(out), input.markup());
}

Value stringFilter(Machine& machine, const Value& input, CallArguments&) {
    return softString(machine, input);
}

Value toJsonFilter(Machine& machine, const Value& input, CallArguments& arguments) {
    const auto bound = bind(arguments, "tojson", {"ensure_ascii", "indent", "separators", "sort_keys"});
    JsonStyle style;
    style.asciiOnly = bound[0] && truthy(*bound[0]);
    style.sortKeys = bound[3] && truthy(*bound[3]);
    if (bound[1] && !bound[1]->is(Kind::None)) {
        if (bound[1]->isString()) {
            style.indent = bound[1]->bytes();
        } else {
            const std::int64_t width = std::max<std::int64_t>(integerOf(*bound[1], "tojson's indent"), 0);
            machine.chargeBytes(static_cast<std::uint64_t>(width));
            style.indent = std::string(static_cast<std::size_t>(width), ' ');
        }
        style.itemSeparator = ",";
    }
    if (bound[2] && !bound[2]->is(Kind::None)) {
        const std::vector<Value> pair = iterate(machine, *bound[2]);
        if (pair.size() != 2 || !pair[0].isString() || !pair[1].isString())
            raise("tojson's separators must be two strings");
        style.itemSeparator = pair[0].bytes();
        style.keySeparator = pair[1].bytes();
    }
    return Value::string(toJson(machine, input, style));
}

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

Value format(Machine& machine, const Value& input, CallArguments& arguments) {
    if (!arguments.named.empty() && !arguments.positional.empty())
        raise("can't handle positional and keyword arguments at the same time");
    const Value text = softString(machine, input);
    if (arguments.named.empty())
        return percentFormat(machine, text, Value::tuple(arguments.positional));
    Value dict = Value::dict();
    for (const auto& [name, value] : arguments.named)
        dict.members().set(Value::literal(name), value);
    return percentFormat(machine, text, dict);
}

Value center(Machine& machine, const Value& input, CallArguments& arguments) {
    if (arguments.positional.empty() && arguments.named.empty())
        arguments.positional.push_back(Value::integer(80));
    const Value method = getAttribute(machine, softString(machine, input), "center");
    return method.function().call(machine, arguments);
}

Value wordCount(Machine& machine, const Value& input, CallArguments&) {
    const Value text = softString(machine, input);
    machine.charge(text.bytes().size() / 8);
    std::int64_t words = 0;
    bool inWord = false;
    for (std::size_t at = 0; at < text.bytes().size();) {
        const utf8::CodePoint point = utf8::decode(text.bytes(), at);
        const bool isWord = point.value == '_' || utf8::isWord(point.value);
        words += isWord && !inWord;
        inWord = isWord;
        at += point.size;
    }
    return Value::integer(words);
}

Value truncate(Machine& machine, const Value& input, CallArguments& arguments) {
    const auto bound = bind(arguments, "truncate", {"length", "killwords", "end", "leeway"});
    const std::int64_t length = bound[0] ? integerOf(*bound[0], "truncate's length") : 255;
    const std::int64_t leeway = bound[3] && !bound[3]->is(Kind::None) ? integerOf(*bound[3], "truncate's leeway") : 5;
    const Text end = bound[2] ? toText(machine, *bound[2]) : Text("...", kTemplate);
    const auto endLength = static_cast<std::int64_t>(countCodePoints(end.bytes()));
    if (length < endLength || leeway < 0)
        raise("truncate: expected a length of at least " + std::to_string(endLength) + " and a leeway of at least 0");
    const Value text = softString(machine, input);
    if (lengthOf(text) <= length + leeway)
        return text;
    Text cut = text.text().slice(0, bytePosition(text.bytes(), static_cast<std::size_t>(length - endLength)));
    if (!(bound[1] && truthy(*bound[1]))) {
        const std::size_t space = cut.bytes().rfind(' ');
        if (space != std::string::npos)
            cut = cut.slice(0, space);
    }
    cut.append(end);
    return Value::string(std::move(cut));
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

Value absolute(Machine&, const Value& input, CallArguments&) {
    requireDefined(input);
    if (!input.isNumber())
        raise("bad operand type for abs(): '" + std::string(typeName(input)) + "'");
    if (input.asReal() < 0)
        return negative(input);
    return positive(input);
}

std::optional<std::int64_t> parseInteger(std::string_view text, int base) {
    std::string digits(stripped(Text(std::string(text), kTemplate), std::nullopt, true, true).bytes());
    const bool negativeSign = digits.starts_with('-');
    if (negativeSign || digits.starts_with('+'))
        digits.erase(0, 1);
    if (digits.size() > 2 && digits[0] == '0') {
        const char kind = static_cast<char>(digits[1] | 0x20);
        const int implied = kind == 'x' ? 16 : kind == 'o' ? 8 : kind == 'b' ? 2 : 0;
        if (implied && (base == implied || base == 0)) {
            base = implied;
            digits.erase(0, 2);
        }
    }
    std::erase(digits, '_');
    std::int64_t number = 0;
    const char* end = digits.data() + digits.size();
    const auto result = std::from_chars(digits.data(), end, number, base == 0 ? 10 : base);
    if (digits.empty() || digits[0] == '-' || result.ec != std::errc() || result.ptr != end)
        return std::nullopt;
    return negativeSign ? -number : number;
}

std::optional<double> parseFloat(std::string_view text) {
    std::string digits(stripped(Text(std::string(text), kTemplate), std::nullopt, true, true).bytes());
    if (digits.starts_with('+'))
        digits.erase(0, 1);
    std::erase(digits, '_');
    double number = 0;
    const char* end = digits.data() + digits.size();
    const auto result = std::from_chars(digits.data(), end, number);
    if (digits.empty() || result.ec != std::errc() || result.ptr != end)
        return std::nullopt;
    return number;
}

Value toInteger(Machine&, const Value& input, CallArguments& arguments) {
    const auto bound = bind(arguments, "int", {"default", "base"});
    const Value otherwise = bound[0] ? *bound[0] : Value::integer(0);
    const std::int64_t base = bound[1] ? integerOf(*bound[1], "int's base") : 10;
    std::optional<double> real;
    if (input.isInteger())
        return Value::integer(input.asInteger());
    if (input.isString()) {
        if (base != 0 && (base < 2 || base > 36))
            return otherwise;
        if (const auto number = parseInteger(input.bytes(), static_cast<int>(base)))
            return Value::integer(*number);
        real = parseFloat(input.bytes());
    } else if (input.is(Kind::Float)) {
        real = input.asReal();
    } else if (input.isUndefined()) {
        requireDefined(input);
    }
    if (!real || !(std::abs(*real) < 9.2e18))
        return otherwise;
    return Value::integer(static_cast<std::int64_t>(*real));
}

Value toFloat(Machine&, const Value& input, CallArguments& arguments) {
    const auto bound = bind(arguments, "float", {"default"});
    if (input.isNumber())
        return Value::real(input.asReal());
    if (input.isString())
        if (const auto number = parseFloat(input.bytes()))
            return Value::real(*number);
    requireDefined(input);
    return bound[0] ? *bound[0] : Value::real(0);
}

// Rounds half to even on the exact decimal value, as Python does: the C library prints exactly.
double roundHalfEven(double number, int digits) {
    if (!std::isfinite(number) || digits > 300)
        return number;
    if (digits >= 0) {
        char buffer[700];
        std::snprintf(buffer, sizeof buffer, "%.*f", digits, number);
        return std::strtod(buffer, nullptr);
    }
    const double scale = std::pow(10.0, -digits);
    return std::nearbyint(number / scale) * scale;
}

Value roundFilter(Machine&, const Value& input, CallArguments& arguments) {
    const auto bound = bind(arguments, "round", {"precision", "method"});
    requireDefined(input);
    const std::int64_t precision = bound[0] ? integerOf(*bound[0], "round's precision") : 0;
    const std::string method = bound[1] && bound[1]->isString() ? bound[1]->bytes() : bound[1] ? "?" : "common";
    if (method != "common" && method != "ceil" && method != "floor")
        raise("method must be common, ceil or floor");
    if (!input.isNumber())
        raise("type " + std::string(typeName(input)) + " doesn't define __round__ method");
    const int digits = static_cast<int>(std::clamp<std::int64_t>(precision, -300, 300));
    if (method == "common") {
        if (input.isInteger() && digits >= 0)
            return Value::integer(input.asInteger());
        const double rounded = roundHalfEven(input.asReal(), digits);
        return input.isInteger() ? Value::integer(static_cast<std::int64_t>(rounded)) : Value::real(rounded);
    }
    const double scale = std::pow(10.0, digits);
    const double scaled = input.asReal() * scale;
    return Value::real((method == "ceil" ? std::ceil(scaled) : std::floor(scaled)) / scale);
}

Value defaultFilter(Machine&, const Value& input, CallArguments& arguments) {
    const auto bound = bind(arguments, "default", {"default_value", "boolean"});
    const bool byTruth = bound[1] && truthy(*bound[1]);
    if (input.isUndefined() || (byTruth && !truthy(input)))
        return bound[0] ? *bound[0] : Value::literal("");
    return input;
}

Value attr(Machine& machine, const Value& input, CallArguments& arguments) {
    const auto bound = bind(arguments, "attr", {"name"}, 1);
    const std::string name = toText(machine, *bound[0]).bytes();
    requireDefined(input);
    if (input.isDict() && !getAttribute(machine, input, name).is(Kind::Callable)) // attributes only, never items
        return Value::undefined("'dict object' has no attribute '" + name + "'");
    return getAttribute(machine, input, name);
}

} // namespace

const FilterTable& textFilters() {
    static const FilterTable table = {
        {"upper", changed<upperCase>},
        {"lower", changed<lowerCase>},
        {"title", changed<titleWords>},
        {"capitalize", changed<capitalized>},
        {"trim", trim},
        {"replace", replaceFilter},
        {"indent", indent},
        {"string", stringFilter},
        {"tojson", toJsonFilter},
        {"escape", escape},
        {"e", escape},
        {"forceescape", forceEscape},
        {"safe", safe},
        {"format", format},
        {"center", center},
        {"wordcount", wordCount},
        {"truncate", truncate},
        {"urlencode", urlEncode},
        {"abs", absolute},
        {"int", toInteger},
        {"float", toFloat},
        {"round", roundFilter},
        {"default", defaultFilter},
        {"d", defaultFilter},
        {"attr", attr},
    };
    return table;
}

} // namespace attune::jinja
