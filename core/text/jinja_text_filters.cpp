// Filters on text.
#include <algorithm>

#include "core/text/jinja_case.h"
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
    const std::string& bytes = text.bytes();
    const auto startsWord = [&](std::size_t at) {
        const char32_t point = utf8::decode(bytes, at).value;
        return isPythonSpace(point) || point == '-' || point == '(' || point == '{' || point == '[' || point == '<';
    };
    Text out;
    for (std::size_t at = 0; at < bytes.size();) {
        const std::size_t second = at + utf8::decode(bytes, at).size;
        std::size_t end = second;
        while (end < bytes.size() && startsWord(end) == startsWord(at))
            end += utf8::decode(bytes, end).size;
        out.append(upperCase(text.slice(at, second)));
        out.append(lowerCase(text.slice(second, end)));
        at = end;
    }
    return out;
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
        const bool isWord = point.value == '_' || isLetter(point.value) || utf8::isNumeric(point.value);
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
    requireDefined(input);
    if (lengthOf(input) <= length + leeway)
        return input;
    if (!input.isString())
        raise("truncate cuts texts, not '" + std::string(typeName(input)) + "' objects");
    const Value& text = input;
    Text cut = text.text().slice(0, bytePosition(text.bytes(), static_cast<std::size_t>(length - endLength)));
    if (!(bound[1] && truthy(*bound[1]))) {
        const std::size_t space = cut.bytes().rfind(' ');
        if (space != std::string::npos)
            cut = cut.slice(0, space);
    }
    cut.append(end);
    return Value::string(std::move(cut));
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
        {"format", format},
        {"center", center},
        {"wordcount", wordCount},
        {"truncate", truncate},
        {"default", defaultFilter},
        {"d", defaultFilter},
        {"attr", attr},
    };
    return table;
}

} // namespace attune::jinja
