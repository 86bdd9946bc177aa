// The methods of str.
#include <algorithm>
#include <optional>

#include "core/text/jinja_case.h"
#include "core/text/jinja_format.h"
#include "core/text/jinja_methods.h"
#include "core/text/jinja_operators.h"
#include "core/text/jinja_percent_format.h"
#include "core/text/jinja_strings.h"

namespace attune::jinja {

namespace {

const Text& stringArgument(const Value* value, std::string_view what) {
    if (!value || !value->isString()) {
        if (value)
            requireDefined(*value);
        raise(std::string(what) + " must be str, not " + (value ? std::string(typeName(*value)) : "missing"));
    }
    return value->text();
}

std::optional<std::string_view> optionalString(const Value* value, std::string_view what) {
    if (!value || value->is(Kind::None))
        return std::nullopt;
    return stringArgument(value, what).bytes();
}

std::int64_t optionalInteger(const Value* value, std::int64_t otherwise, std::string_view what) {
    return value && !value->is(Kind::None) ? integerOf(*value, what) : otherwise;
}

Value like(const Value& self, Text text) {
    return Value::string(std::move(text), self.markup());
}

Value listOf(Machine& machine, const Value& self, std::vector<Text> parts) {
    machine.chargeStrings(parts.size());
    std::vector<Value> items;
    items.reserve(parts.size());
    for (Text& part : parts)
        items.push_back(like(self, std::move(part)));
    return Value::list(std::move(items));
}

template <Text (*transform)(const Text&)>
Value changed(Machine& machine, const Value& self, const CallArguments& arguments) {
    bind(arguments, "str method", {});
    machine.chargeBytes(self.bytes().size());
    return like(self, transform(self.text()));
}

template <bool left, bool right>
Value strip(Machine&, const Value& self, const CallArguments& arguments) {
    const auto bound = bind(arguments, "strip", {"chars"});
    return like(self, stripped(self.text(), optionalString(bound[0], "strip's argument"), left, right));
}

template <bool fromRight>
Value splitMethod(Machine& machine, const Value& self, const CallArguments& arguments) {
    const auto bound = bind(arguments, "split", {"sep", "maxsplit"});
    const auto separator = optionalString(bound[0], "the separator");
    if (separator && separator->empty())
        raise("empty separator");
    machine.chargeBytes(self.bytes().size());
    if (separator)
        machine.chargeStrings(countMatches(self.bytes(), *separator));
    return listOf(machine, self, split(self.text(), separator, optionalInteger(bound[1], -1, "maxsplit"), fromRight));
}

Value splitLinesMethod(Machine& machine, const Value& self, const CallArguments& arguments) {
    const auto bound = bind(arguments, "splitlines", {"keepends"});
    machine.chargeStrings(countMatches(self.bytes(), "\n"));
    return listOf(machine, self, splitLines(self.text(), bound[0] && truthy(*bound[0])));
}

// The byte range that the arguments `begin` and `end` of find, count, startswith ... mean.
std::pair<std::size_t, std::size_t> searchRange(const Value& self, const Value* begin, const Value* end) {
    const std::string& bytes = self.bytes();
    if (!begin && !end)
        return {0, bytes.size()};
    const auto size = static_cast<std::int64_t>(countCodePoints(bytes));
    const auto position = [&](const Value* value, std::int64_t otherwise) {
        std::int64_t at = optionalInteger(value, otherwise, "a position");
        if (at < 0)
            at = std::max<std::int64_t>(at + size, 0);
        return bytePosition(bytes, static_cast<std::size_t>(at));
    };
    const std::size_t from = position(begin, 0);
    return {from, std::max(from, position(end, size))};
}

template <bool atStart>
Value affix(Machine&, const Value& self, const CallArguments& arguments) {
    const auto bound = bind(arguments, atStart ? "startswith" : "endswith", {"prefix", "start", "end"}, 1);
    const auto [from, to] = searchRange(self, bound[1], bound[2]);
    const std::string_view text = std::string_view(self.bytes()).substr(from, to - from);
    const auto matches = [&](const Value& part) {
        const std::string& bytes =
            stringArgument(&part, atStart ? "startswith first arg" : "endswith first arg").bytes();
        return atStart ? text.starts_with(bytes) : text.ends_with(bytes);
    };
    if (!bound[0]->is(Kind::Tuple))
        return Value::boolean(matches(*bound[0]));
    const auto& choices = bound[0]->items().values;
    return Value::boolean(std::any_of(choices.begin(), choices.end(), matches));
}

template <bool fromRight, bool mustExist>
Value find(Machine&, const Value& self, const CallArguments& arguments) {
    const auto bound = bind(arguments, "find", {"sub", "start", "end"}, 1);
    const auto [from, to] = searchRange(self, bound[1], bound[2]);
    const std::string_view text = std::string_view(self.bytes()).substr(from, to - from);
    const std::string& part = stringArgument(bound[0], "the text to find").bytes();
    const std::size_t found = fromRight ? text.rfind(part) : text.find(part);
    if (found == std::string_view::npos) {
        if (mustExist)
            raise("substring not found");
        return Value::integer(-1);
    }
    return Value::integer(
        static_cast<std::int64_t>(countCodePoints(std::string_view(self.bytes()).substr(0, from + found))));
}

Value count(Machine&, const Value& self, const CallArguments& arguments) {
    const auto bound = bind(arguments, "count", {"sub", "start", "end"}, 1);
    const auto [from, to] = searchRange(self, bound[1], bound[2]);
    return Value::integer(static_cast<std::int64_t>(countMatches(
        std::string_view(self.bytes()).substr(from, to - from), stringArgument(bound[0], "count's argument").bytes())));
}

Value replaceMethod(Machine& machine, const Value& self, const CallArguments& arguments) {
    const auto bound = bind(arguments, "replace", {"old", "new", "count"}, 2);
    const Text &from = stringArgument(bound[0], "replace() argument 1"),
               &to = stringArgument(bound[1], "replace() argument 2");
    const std::uint64_t matches = countMatches(self.bytes(), from.bytes());
    machine.chargeBytes(self.bytes().size() + matches * to.size());
    machine.charge(matches);
    return like(self, replaced(self.text(), from.bytes(), self.markup() && !bound[1]->markup() ? escapedHtml(to) : to,
                               optionalInteger(bound[2], -1, "count")));
}

Value join(Machine& machine, const Value& self, const CallArguments& arguments) {
    const auto bound = bind(arguments, "join", {"iterable"}, 1);
    Text out;
    std::size_t index = 0;
    for (const Value& item : iterate(machine, *bound[0])) {
        if (!item.isString())
            raise("sequence item " + std::to_string(index) + ": expected str instance, " + std::string(typeName(item)) +
                  " found");
        if (index++ > 0)
            out.append(self.text());
        out.append(item.text());
        machine.chargeBytes(self.bytes().size() + item.bytes().size());
        machine.checkBytes(out.size());
    }
    return like(self, std::move(out));
}

template <char align>
Value justify(Machine& machine, const Value& self, const CallArguments& arguments) {
    const auto bound = bind(arguments, "justify", {"width", "fillchar"}, 1);
    const std::string fill = bound[1] ? stringArgument(bound[1], "the fill character").bytes() : " ";
    if (countCodePoints(fill) != 1)
        raise("The fill character must be exactly one character long");
    const auto size = static_cast<std::int64_t>(countCodePoints(self.bytes()));
    const std::int64_t width = integerOf(*bound[0], "the width");
    if (width <= size)
        return self;
    machine.chargeBytes(static_cast<std::uint64_t>(width));
    const std::int64_t missing = width - size;
    // Python's centre puts the odd blank to the left exactly when the width is odd
    const std::int64_t before = align == '<' ? 0 : align == '>' ? missing : missing / 2 + (missing & width & 1);
    Text out;
    const Marks marks = bound[1] ? bound[1]->text().marksAt(0) : kTemplate;
    for (std::int64_t i = 0; i < before; ++i)
        out.append(fill, marks);
    out.append(self.text());
    for (std::int64_t i = before; i < missing; ++i)
        out.append(fill, marks);
    return like(self, std::move(out));
}

Value zeroFill(Machine& machine, const Value& self, const CallArguments& arguments) {
    const auto bound = bind(arguments, "zfill", {"width"}, 1);
    const std::string& bytes = self.bytes();
    const std::int64_t missing = integerOf(*bound[0], "the width") - static_cast<std::int64_t>(countCodePoints(bytes));
    if (missing <= 0)
        return self;
    machine.chargeBytes(bytes.size() + static_cast<std::uint64_t>(missing));
    const std::size_t sign = !bytes.empty() && (bytes[0] == '-' || bytes[0] == '+') ? 1 : 0;
    Text out = self.text().slice(0, sign);
    out.append(std::string(static_cast<std::size_t>(missing), '0'), kTemplate);
    out.append(self.text(), sign, bytes.size());
    return like(self, std::move(out));
}

template <bool fromRight>
Value partition(Machine&, const Value& self, const CallArguments& arguments) {
    const auto bound = bind(arguments, "partition", {"sep"}, 1);
    const Text& separator = stringArgument(bound[0], "the separator");
    if (separator.empty())
        raise("empty separator");
    const std::string& bytes = self.bytes();
    const std::size_t found = fromRight ? bytes.rfind(separator.bytes()) : bytes.find(separator.bytes());
    if (found == std::string::npos)
        return fromRight ? Value::tuple({Value::literal(""), Value::literal(""), self})
                         : Value::tuple({self, Value::literal(""), Value::literal("")});
    const std::size_t behind = found + separator.size();
    return Value::tuple({like(self, self.text().slice(0, found)), like(self, self.text().slice(found, behind)),
                         like(self, self.text().slice(behind, bytes.size()))});
}

template <bool atStart>
Value removeAffix(Machine&, const Value& self, const CallArguments& arguments) {
    const auto bound = bind(arguments, "removeprefix", {"affix"}, 1);
    const std::string &bytes = self.bytes(), &part = stringArgument(bound[0], "the argument").bytes();
    if (atStart && bytes.starts_with(part))
        return like(self, self.text().slice(part.size(), bytes.size()));
    if (!atStart && bytes.ends_with(part))
        return like(self, self.text().slice(0, bytes.size() - part.size()));
    return self;
}

template <bool (*predicate)(char32_t)>
Value every(Machine&, const Value& self, const CallArguments&) {
    const std::string& bytes = self.bytes();
    for (std::size_t at = 0; at < bytes.size();) {
        const utf8::CodePoint point = utf8::decode(bytes, at);
        if (!predicate(point.value))
            return Value::boolean(false);
        at += point.size;
    }
    return Value::boolean(!bytes.empty());
}

// isupper, islower: at least one cased letter and none of the other case.
template <bool (*wanted)(char32_t), bool (*unwanted)(char32_t)>
Value cased(Machine&, const Value& self, const CallArguments&) {
    const std::string& bytes = self.bytes();
    bool some = false;
    for (std::size_t at = 0; at < bytes.size();) {
        const utf8::CodePoint point = utf8::decode(bytes, at);
        if (unwanted(point.value) || isTitle(point.value))
            return Value::boolean(false);
        some = some || wanted(point.value);
        at += point.size;
    }
    return Value::boolean(some);
}

bool isDecimal(char32_t point) {
    return utf8::isDecimal(point);
}
// Superscripts, circled digits and their kin (Unicode's Numeric_Type=Digit).
bool isDigit(char32_t point) {
    static constexpr std::pair<char32_t, char32_t> kDigits[] = {
        {0xB2, 0xB3},     {0xB9, 0xB9},     {0x1369, 0x1371}, {0x19DA, 0x19DA}, {0x2070, 0x2070},   {0x2074, 0x2079},   {0x2080, 0x2089},
        {0x2460, 0x2468}, {0x2474, 0x247C}, {0x2488, 0x2490}, {0x24EA, 0x24EA}, {0x24F5, 0x24FD},   {0x24FF, 0x24FF},   {0x2776, 0x277E},
        {0x2780, 0x2788}, {0x278A, 0x2792}, {0x10A40, 0x10A43}, {0x10E60, 0x10E68}, {0x11052, 0x1105A}, {0x1F100, 0x1F10A}};
    return isDecimal(point) || std::any_of(std::begin(kDigits), std::end(kDigits), [point](const auto& range) {
               return point >= range.first && point <= range.second;
           });
}
bool isLetterOrNumber(char32_t point) {
    return isLetter(point) || utf8::isNumeric(point);
}
bool isAscii(char32_t point) {
    return point < 0x80;
}

template <bool (*predicate)(char32_t)>
Value everyOrEmpty(Machine& machine, const Value& self, const CallArguments& arguments) {
    return self.text().empty() ? Value::boolean(true) : every<predicate>(machine, self, arguments);
}

// Upper and title case letters only behind what has no case, lower case letters only behind letters, and at least one.
Value titled(Machine&, const Value& self, const CallArguments&) {
    const std::string& bytes = self.bytes();
    bool some = false, inWord = false;
    for (std::size_t at = 0; at < bytes.size();) {
        const utf8::CodePoint point = utf8::decode(bytes, at);
        const bool raised = isUpper(point.value) || isTitle(point.value), lowered = isLower(point.value);
        if (raised ? inWord : lowered && !inWord)
            return Value::boolean(false);
        inWord = raised || lowered;
        some = some || inWord;
        at += point.size;
    }
    return Value::boolean(some);
}

Value identifier(Machine&, const Value& self, const CallArguments&) {
    const std::string& bytes = self.bytes();
    for (std::size_t at = 0; at < bytes.size();) {
        const utf8::CodePoint point = utf8::decode(bytes, at);
        if (point.value != '_' && !isLetter(point.value) && (at == 0 || !utf8::isWord(point.value)))
            return Value::boolean(false);
        at += point.size;
    }
    return Value::boolean(!bytes.empty());
}

Value expandTabs(Machine& machine, const Value& self, const CallArguments& arguments) {
    const auto bound = bind(arguments, "expandtabs", {"tabsize"});
    const std::int64_t width = optionalInteger(bound[0], 8, "the tab size");
    machine.checkBytes(static_cast<std::uint64_t>(std::max<std::int64_t>(width, 0)));
    machine.chargeBytes(self.bytes().size() + countMatches(self.bytes(), "\t") * static_cast<std::uint64_t>(std::max<std::int64_t>(width, 0)));
    return like(self, tabsExpanded(self.text(), width));
}

} // namespace

const Methods& stringMethods() {
    static const Methods methods = {
        {"upper", changed<upperCase>},
        {"lower", changed<lowerCase>},
        {"casefold", changed<foldedCase>},
        {"title", changed<titleCase>},
        {"capitalize", changed<capitalized>},
        {"swapcase", changed<swappedCase>},
        {"strip", strip<true, true>},
        {"lstrip", strip<true, false>},
        {"rstrip", strip<false, true>},
        {"split", splitMethod<false>},
        {"rsplit", splitMethod<true>},
        {"splitlines", splitLinesMethod},
        {"startswith", affix<true>},
        {"endswith", affix<false>},
        {"find", find<false, false>},
        {"rfind", find<true, false>},
        {"index", find<false, true>},
        {"rindex", find<true, true>},
        {"count", count},
        {"replace", replaceMethod},
        {"join", join},
        {"center", justify<'^'>},
        {"ljust", justify<'<'>},
        {"rjust", justify<'>'>},
        {"zfill", zeroFill},
        {"partition", partition<false>},
        {"rpartition", partition<true>},
        {"removeprefix", removeAffix<true>},
        {"removesuffix", removeAffix<false>},
        {"format", braceFormat},
        {"isdigit", every<isDigit>},
        {"isdecimal", every<isDecimal>},
        {"isnumeric", every<utf8::isNumeric>},
        {"isalpha", every<isLetter>},
        {"isalnum", every<isLetterOrNumber>},
        {"isspace", every<isPythonSpace>},
        {"isupper", cased<isUpper, isLower>},
        {"islower", cased<isLower, isUpper>},
        {"isascii", everyOrEmpty<isAscii>},
        {"isprintable", everyOrEmpty<isPrintable>},
        {"isidentifier", identifier},
        {"expandtabs", expandTabs},
        {"istitle", titled},
    };
    return methods;
}

} // namespace attune::jinja
