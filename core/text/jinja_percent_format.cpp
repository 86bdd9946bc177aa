#include "core/text/jinja_percent_format.h"

#include <algorithm>
#include <cstdio>

#include "core/text/jinja_format.h"
#include "core/text/jinja_operators.h"

namespace attune::jinja {

namespace {

constexpr std::int64_t kMaxWidth = 10'000, kMaxPrecision = 300;

struct Spec {
    char fill = ' ';
    char align = 0; // '<', '>', '^', '=' or 0 for the kind's own
    char sign = '-';
    bool alternate = false, grouped = false;
    std::int64_t width = 0, precision = -1;
    char kind = 0;
};

std::string cFormat(const char* pattern, int precision, double number) {
    char buffer[1024]; // 309 digits before and kMaxPrecision behind the point fit
    const int length = std::snprintf(buffer, sizeof buffer, pattern, precision, number);
    return std::string(buffer, static_cast<std::size_t>(std::clamp(length, 0, static_cast<int>(sizeof buffer) - 1)));
}

std::string inBase(std::uint64_t number, unsigned base, bool upper) {
    std::string digits;
    do {
        const auto digit = static_cast<char>(number % base);
        digits += static_cast<char>(digit < 10 ? '0' + digit : (upper ? 'A' : 'a') + digit - 10);
        number /= base;
    } while (number > 0);
    std::reverse(digits.begin(), digits.end());
    return digits;
}

std::string withGroups(std::string digits) {
    const std::size_t whole = std::min(digits.find_first_not_of("0123456789"), digits.size());
    for (std::size_t at = whole; at > 3;) {
        at -= 3;
        digits.insert(at, ",");
    }
    return digits;
}

// The digits without sign.
std::string magnitude(const Spec& spec, const Value& value) {
    switch (spec.kind) {
    case 'd':
    case 'x':
    case 'X':
    case 'o':
    case 'b': {
        const std::int64_t number = value.isInteger() ? value.asInteger() : static_cast<std::int64_t>(value.asReal());
        const std::uint64_t size =
            number < 0 ? 0 - static_cast<std::uint64_t>(number) : static_cast<std::uint64_t>(number);
        const bool hex = spec.kind == 'x' || spec.kind == 'X';
        const std::string prefix = !spec.alternate || spec.kind == 'd' ? "" : std::string("0") + spec.kind;
        return prefix + inBase(size, spec.kind == 'd' ? 10 : hex ? 16 : spec.kind == 'o' ? 8 : 2, spec.kind == 'X');
    }
    default:
        break;
    }
    const double number = std::abs(value.asReal());
    const int precision = static_cast<int>(spec.precision < 0 ? 6 : std::min(spec.precision, kMaxPrecision));
    switch (spec.kind) {
    case 'f':
    case 'F':
        return cFormat("%.*f", precision, number);
    case 'e':
        return cFormat("%.*e", precision, number);
    case 'E':
        return cFormat("%.*E", precision, number);
    case 'G':
        return cFormat("%.*G", precision, number);
    case '%':
        return cFormat("%.*f", precision, number * 100) + "%";
    default:
        return cFormat("%.*g", precision, number);
    }
}

Text padded(Machine& machine, const Spec& spec, Text body, char align) {
    const auto size = static_cast<std::int64_t>(countCodePoints(body.bytes()));
    if (spec.width <= size)
        return body;
    const auto missing = static_cast<std::size_t>(spec.width - size);
    machine.chargeBytes(body.size() + missing);
    const std::size_t before = align == '<' ? 0 : align == '^' ? missing / 2 : missing;
    Text text;
    text.append(std::string(before, spec.fill), kTemplate);
    text.append(body);
    text.append(std::string(missing - before, spec.fill), kTemplate);
    return text;
}

Text formatNumber(Machine& machine, const Spec& spec, const Value& value) {
    if (spec.kind == 'd' && !value.isInteger() && !(std::abs(value.asReal()) < 9e18))
        raise("cannot convert float to integer");
    std::string digits = magnitude(spec, value);
    if (spec.grouped)
        digits = withGroups(std::move(digits));
    const bool negative = value.isInteger() ? value.asInteger() < 0 : value.asReal() < 0;
    const std::string sign = negative ? "-" : spec.sign == '-' ? "" : std::string(1, spec.sign);
    if (spec.align == '=' && spec.width > static_cast<std::int64_t>(sign.size() + digits.size()))
        digits.insert(0, static_cast<std::size_t>(spec.width) - sign.size() - digits.size(), spec.fill);
    return padded(machine, spec, Text(sign + digits, kTemplate), spec.align ? spec.align : '>');
}

std::int64_t readNumber(std::string_view text, std::size_t& at, std::int64_t limit) {
    std::int64_t number = 0;
    for (; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at) {
        number = number * 10 + (text[at] - '0');
        if (number > limit)
            raise("a width or precision in a format is too large");
    }
    return number;
}

bool isOneOf(char byte, std::string_view set) {
    return set.find(byte) != std::string_view::npos;
}

Text formatWithSpec(Machine& machine, const Value& value, std::string_view text) {
    Spec spec;
    std::size_t at = 0;
    if (text.size() > 1 && isOneOf(text[1], "<>^="))
        spec.fill = text[at++];
    if (at < text.size() && isOneOf(text[at], "<>^="))
        spec.align = text[at++];
    if (at < text.size() && isOneOf(text[at], "+- "))
        spec.sign = text[at++];
    if (at < text.size() && text[at] == '#')
        spec.alternate = true, ++at;
    if (at < text.size() && text[at] == '0') {
        if (!spec.align)
            spec.align = '=', spec.fill = '0';
        ++at;
    }
    spec.width = readNumber(text, at, kMaxWidth);
    if (at < text.size() && text[at] == ',')
        spec.grouped = true, ++at;
    if (at < text.size() && text[at] == '.')
        spec.precision = readNumber(text, ++at, kMaxPrecision);
    if (at < text.size())
        spec.kind = text[at++];
    if (at != text.size())
        raise("Invalid format specifier");
    if (value.isNumber() && spec.kind != 's') {
        if (!spec.kind && (value.isInteger() || spec.precision < 0)) {
            if (value.isInteger()) {
                spec.kind = 'd';
                return formatNumber(machine, spec, value);
            }
            return padded(machine, spec, toText(machine, value), spec.align ? spec.align : '>');
        }
        if (!isOneOf(spec.kind ? spec.kind : 'g', "dxXobfFeEgG%") ||
            (isOneOf(spec.kind, "dxXob") && !value.isInteger()))
            raise(std::string("Unknown format code '") + spec.kind + "' for object of type '" +
                  std::string(typeName(value)) + "'");
        return formatNumber(machine, spec, value);
    }
    if (spec.kind && spec.kind != 's')
        raise(std::string("Unknown format code '") + spec.kind + "' for object of type '" +
              std::string(typeName(value)) + "'");
    Text body = toText(machine, value);
    if (spec.precision >= 0)
        body = body.slice(0, bytePosition(body.bytes(), static_cast<std::size_t>(spec.precision)));
    return padded(machine, spec, std::move(body), spec.align == '=' || !spec.align ? '<' : spec.align);
}

// Fields are numbered by themselves ("{}") or by the author ("{0}"), never both.
struct Numbering {
    std::size_t automatic = 0;
    bool manual = false;
};

// "name.attribute[item]" of a replacement field.
Value fieldValue(Machine& machine, std::string_view path, const CallArguments& arguments, Numbering& numbering) {
    std::size_t at = std::min(path.find_first_of(".["), path.size());
    const std::string first(path.substr(0, at));
    Value value;
    if (first.empty() || std::all_of(first.begin(), first.end(), [](char c) { return c >= '0' && c <= '9'; })) {
        std::size_t digit = 0;
        if (first.empty() ? numbering.manual : numbering.automatic > 0)
            raise("cannot switch between manual field specification and automatic field numbering");
        numbering.manual = !first.empty();
        const auto index =
            first.empty() ? numbering.automatic++ : static_cast<std::size_t>(readNumber(first, digit, kMaxWidth));
        if (index >= arguments.positional.size())
            raise("Replacement index " + std::to_string(index) + " out of range for positional args tuple");
        value = arguments.positional[index];
    } else {
        const auto found = std::find_if(arguments.named.begin(), arguments.named.end(),
                                        [&](const auto& entry) { return entry.first == first; });
        if (found == arguments.named.end())
            raise("the format names '" + first + "', which was not given");
        value = found->second;
    }
    while (at < path.size()) {
        const bool isItem = path[at] == '[';
        const std::size_t end = isItem ? path.find(']', at) : std::min(path.find_first_of(".[", at + 1), path.size());
        if (end == std::string_view::npos)
            raise("expected ']' in a format");
        const std::string name(path.substr(at + 1, end - at - 1));
        const bool number = isItem && !name.empty() &&
                            std::all_of(name.begin(), name.end(), [](char c) { return c >= '0' && c <= '9'; });
        std::size_t digit = 0;
        value = !isItem ? getAttribute(machine, value, name)
                        : getItem(machine, value,
                                  number ? Value::integer(readNumber(name, digit, kMaxWidth)) : Value::literal(name));
        at = isItem ? end + 1 : end;
    }
    return value;
}

} // namespace

Value percentFormat(Machine& machine, const Value& format, const Value& values) {
    const std::string& pattern = format.bytes();
    const bool isTuple = values.is(Kind::Tuple);
    std::size_t used = 0;
    bool named = false;
    const auto next = [&]() -> Value {
        if (!isTuple) {
            if (used++ > 0)
                raise("not enough arguments for format string");
            return values;
        }
        if (used >= values.items().values.size())
            raise("not enough arguments for format string");
        return values.items().values[used++];
    };
    Text out;
    for (std::size_t at = 0; at < pattern.size();) {
        const std::size_t percent = std::min(pattern.find('%', at), pattern.size());
        out.append(format.text(), at, percent);
        machine.charge(1);
        machine.checkBytes(out.size());
        if (percent == pattern.size())
            break;
        at = percent + 1;
        Value value;
        bool chosen = false;
        if (at < pattern.size() && pattern[at] == '(') {
            const std::size_t end = pattern.find(')', at);
            if (end == std::string::npos)
                raise("incomplete format key");
            if (!values.isDict())
                raise("format requires a mapping");
            const std::string key = pattern.substr(at + 1, end - at - 1);
            const Value* found = values.members().find(std::string_view(key));
            if (!found)
                raise("the format names '" + key + "', which was not given");
            value = *found;
            chosen = named = true;
            at = end + 1;
        }
        Spec spec;
        for (; at < pattern.size() && isOneOf(pattern[at], "-+ #0"); ++at) {
            if (pattern[at] == '-')
                spec.align = '<';
            else if (pattern[at] == '0')
                spec.fill = '0';
            else if (pattern[at] == '#')
                spec.alternate = true;
            else
                spec.sign = pattern[at];
        }
        spec.width = readNumber(pattern, at, kMaxWidth);
        if (at < pattern.size() && pattern[at] == '.')
            spec.precision = readNumber(pattern, ++at, kMaxPrecision);
        if (at >= pattern.size())
            raise("incomplete format");
        spec.kind = pattern[at++];
        if (spec.kind == '%') {
            out.append("%", format.text().marksAt(percent));
            continue;
        }
        if (!chosen)
            value = next();
        if (spec.kind == 's' || spec.kind == 'r' || spec.kind == 'a') {
            Text body = spec.kind == 's' ? toText(machine, value) : toRepr(machine, value);
            if (spec.precision >= 0)
                body = body.slice(0, bytePosition(body.bytes(), static_cast<std::size_t>(spec.precision)));
            spec.fill = ' ';
            out.append(padded(machine, spec, std::move(body), spec.align ? spec.align : '>'));
        } else if (spec.kind == 'c' && value.isString() && countCodePoints(value.bytes()) == 1) {
            spec.fill = ' ';
            out.append(padded(machine, spec, value.text(), spec.align ? spec.align : '>'));
        } else if (isOneOf(spec.kind, "diuxXofFeEgG")) {
            requireDefined(value);
            if (!value.isNumber())
                raise(std::string("%") + spec.kind + " format: a number is required, not " +
                      std::string(typeName(value)));
            if (spec.kind == 'i' || spec.kind == 'u')
                spec.kind = 'd';
            if (spec.fill == '0' && !spec.align)
                spec.align = '=';
            else
                spec.fill = ' ';
            out.append(formatNumber(machine, spec, value));
        } else {
            raise(std::string("unsupported format character '") + spec.kind + "'");
        }
        machine.charge(1);
        machine.checkBytes(out.size());
    }
    // Python complains about no value that has items, and an undefined one says that it has.
    if (isTuple ? used < values.items().values.size()
                : used == 0 && !named && !values.isDict() && !values.isItems() && !values.isUndefined())
        raise("not all arguments converted during string formatting");
    return Value::string(std::move(out), format.markup());
}

Value braceFormat(Machine& machine, const Value& format, const CallArguments& arguments) {
    const std::string& pattern = format.bytes();
    Text out;
    Numbering numbering;
    for (std::size_t at = 0; at < pattern.size();) {
        const std::size_t brace = std::min(pattern.find_first_of("{}", at), pattern.size());
        out.append(format.text(), at, brace);
        machine.charge(1);
        machine.checkBytes(out.size());
        if (brace == pattern.size())
            break;
        at = brace + 1;
        if (at < pattern.size() && pattern[at] == pattern[brace]) {
            out.append(format.text(), at, at + 1);
            ++at;
            continue;
        }
        const std::size_t end = pattern[brace] == '{' ? pattern.find('}', at) : std::string::npos;
        if (end == std::string::npos)
            raise(std::string("Single '") + pattern[brace] + "' encountered in format string");
        const std::string_view field = std::string_view(pattern).substr(at, end - at);
        if (field.find('{') != std::string_view::npos)
            raise("nested fields in a format are not supported", ErrorCode::Unsupported);
        const std::size_t colon = std::min(field.find(':'), field.size());
        std::string_view path = field.substr(0, colon);
        const std::string_view spec = colon < field.size() ? field.substr(colon + 1) : std::string_view();
        char conversion = 0;
        if (path.size() >= 2 && path[path.size() - 2] == '!') {
            conversion = path.back();
            path.remove_suffix(2);
        }
        Value value = fieldValue(machine, path, arguments, numbering);
        if (conversion == 'r')
            value = Value::string(toRepr(machine, value));
        else if (conversion == 's')
            value = Value::string(toText(machine, value));
        else if (conversion)
            raise(std::string("Unknown conversion specifier '") + conversion + "'");
        out.append(formatWithSpec(machine, value, spec));
        at = end + 1;
    }
    return Value::string(std::move(out), format.markup());
}

} // namespace attune::jinja
