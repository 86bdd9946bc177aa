// Filters on numbers.
#include <algorithm>
#include <charconv>
#include <cmath>

#include "core/text/jinja_filters.h"
#include "core/text/jinja_operators.h"
#include "core/text/jinja_strings.h"

namespace attune::jinja {

namespace {

Value absolute(Machine&, const Value& input, CallArguments&) {
    requireDefined(input);
    if (!input.isNumber())
        raise("bad operand type for abs(): '" + std::string(typeName(input)) + "'");
    if (input.is(Kind::Float))
        return Value::real(std::fabs(input.asReal()));
    return input.asReal() < 0 ? negative(input) : positive(input);
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
    if (!real || !std::isfinite(*real))
        return otherwise;
    if (std::abs(*real) >= 9.2e18)
        raise("an integer is too large");
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
    return Value::real((method == "ceil" ? std::ceil(scaled) : std::floor(scaled)) / scale + 0.0); // + 0.0: no negative zero
}

Value fileSize(Machine&, const Value& input, CallArguments& arguments) {
    const auto bound = bind(arguments, "filesizeformat", {"binary"});
    const bool binary = bound[0] && truthy(*bound[0]);
    std::optional<double> bytes;
    if (input.isNumber())
        bytes = input.asReal();
    else if (input.isString())
        bytes = parseFloat(input.bytes());
    requireDefined(input);
    if (!bytes)
        raise("could not convert to a number of bytes");
    if (*bytes == 1)
        return Value::literal("1 Byte");
    const double base = binary ? 1024 : 1000;
    if (*bytes < base)
        return Value::literal(std::to_string(static_cast<std::int64_t>(std::max(*bytes, -9e18))) + " Bytes");
    static constexpr std::string_view kPrefixes = "kMGTPEZY";
    double unit = base * base;
    std::size_t prefix = 0;
    while (prefix + 1 < kPrefixes.size() && *bytes >= unit) {
        unit *= base;
        ++prefix;
    }
    char text[400];
    std::snprintf(text, sizeof text, "%.1f %c%sB", base * *bytes / unit, binary && prefix == 0 ? 'K' : kPrefixes[prefix], binary ? "i" : "");
    return Value::literal(text);
}

} // namespace

const FilterTable& numberFilters() {
    static const FilterTable table = {
        {"abs", absolute}, {"int", toInteger}, {"float", toFloat}, {"round", roundFilter}, {"filesizeformat", fileSize},
    };
    return table;
}

} // namespace attune::jinja
