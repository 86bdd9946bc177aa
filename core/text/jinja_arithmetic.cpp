// +, -, *, /, //, %, ** and the signs.
#include <algorithm>
#include <cmath>

#include "core/text/jinja_operators.h"
#include "core/text/jinja_percent_format.h"

namespace attune::jinja {

namespace {

std::string_view signOf(BinaryOperator operation) {
    switch (operation) {
    case BinaryOperator::Add:
        return "+";
    case BinaryOperator::Subtract:
        return "-";
    case BinaryOperator::Multiply:
        return "*";
    case BinaryOperator::Divide:
        return "/";
    case BinaryOperator::FloorDivide:
        return "//";
    case BinaryOperator::Modulo:
        return "%";
    case BinaryOperator::Power:
        return "** or pow()";
    }
    return "?";
}

[[noreturn]] void unsupportedOperands(BinaryOperator operation, const Value& left, const Value& right) {
    raise("unsupported operand type(s) for " + std::string(signOf(operation)) + ": '" + std::string(typeName(left)) +
          "' and '" + std::string(typeName(right)) + "'");
}

void refuseOverflow(bool overflow) {
    if (overflow)
        raise("an integer is too large");
}

Value power(const Value& left, const Value& right) {
    if (left.isInteger() && right.isInteger() && right.asInteger() >= 0) {
        std::int64_t base = left.asInteger(), result = 1;
        for (std::int64_t exponent = right.asInteger(); exponent > 0; exponent >>= 1) {
            bool overflow = false;
            if (exponent & 1)
                overflow = __builtin_mul_overflow(result, base, &result);
            if (exponent > 1 && !overflow)
                overflow = __builtin_mul_overflow(base, base, &base);
            refuseOverflow(overflow);
        }
        return Value::integer(result);
    }
    if (left.asReal() == 0 && right.asReal() < 0)
        raise("0.0 cannot be raised to a negative power");
    const double base = left.asReal(), exponent = right.asReal(), result = std::pow(base, exponent);
    if (base < 0 && std::isfinite(base) && std::isfinite(exponent) && exponent != std::floor(exponent))
        raise("a power that is a complex number");
    if (!std::isfinite(result) && std::isfinite(base) && std::isfinite(exponent))
        raise("a power is too large");
    return Value::real(result);
}

Value integerOperation(BinaryOperator operation, std::int64_t a, std::int64_t b) {
    std::int64_t result = 0;
    switch (operation) {
    case BinaryOperator::Add:
        refuseOverflow(__builtin_add_overflow(a, b, &result));
        return Value::integer(result);
    case BinaryOperator::Subtract:
        refuseOverflow(__builtin_sub_overflow(a, b, &result));
        return Value::integer(result);
    case BinaryOperator::Multiply:
        refuseOverflow(__builtin_mul_overflow(a, b, &result));
        return Value::integer(result);
    case BinaryOperator::Divide:
        if (b == 0)
            raise("division by zero");
        return Value::real(static_cast<double>(a) / static_cast<double>(b));
    default:
        break;
    }
    if (b == 0)
        raise("integer division or modulo by zero");
    if (b == -1) { // the smallest integer would trap
        if (operation == BinaryOperator::Modulo)
            return Value::integer(0);
        refuseOverflow(__builtin_sub_overflow(std::int64_t{0}, a, &result));
        return Value::integer(result);
    }
    const std::int64_t remainder = a % b;
    const bool adjust = remainder != 0 && (remainder < 0) != (b < 0); // Python rounds towards minus infinity
    if (operation == BinaryOperator::Modulo)
        return Value::integer(adjust ? remainder + b : remainder);
    return Value::integer(a / b - (adjust ? 1 : 0));
}

Value realOperation(BinaryOperator operation, double a, double b) {
    switch (operation) {
    case BinaryOperator::Add:
        return Value::real(a + b);
    case BinaryOperator::Subtract:
        return Value::real(a - b);
    case BinaryOperator::Multiply:
        return Value::real(a * b);
    default:
        break;
    }
    if (b == 0)
        raise(operation == BinaryOperator::Divide        ? "float division by zero"
              : operation == BinaryOperator::FloorDivide ? "float floor division by zero"
                                                         : "float modulo");
    if (operation == BinaryOperator::Divide)
        return Value::real(a / b);
    // As Python divides, signs of zeros included.
    double remainder = std::fmod(a, b), quotient = (a - remainder) / b;
    if (remainder == 0) {
        remainder = std::copysign(0.0, b);
    } else if ((remainder < 0) != (b < 0)) {
        remainder += b;
        quotient -= 1;
    }
    if (operation == BinaryOperator::Modulo)
        return Value::real(remainder);
    const double whole = std::floor(quotient);
    return Value::real(quotient == 0 ? std::copysign(0.0, a / b) : whole + (quotient - whole > 0.5 ? 1 : 0));
}

Value repeated(Machine& machine, const Value& sequence, std::int64_t times) {
    const std::uint64_t count = times > 0 ? static_cast<std::uint64_t>(times) : 0;
    const std::uint64_t limit = machine.options().limits.maxOutputBytes;
    if (sequence.isString()) {
        const Text& unit = sequence.text();
        if (!unit.empty() && count > limit / unit.size())
            machine.chargeBytes(limit + 1);
        Text text;
        if (!unit.empty()) {
            machine.chargeBytes(unit.size() * count);
            machine.charge(count);
            for (std::uint64_t i = 0; i < count; ++i)
                text.append(unit);
        }
        return Value::string(std::move(text), sequence.markup());
    }
    const std::vector<Value>& unit = sequence.items().values;
    std::vector<Value> items;
    if (!unit.empty()) {
        if (count > limit / unit.size())
            machine.chargeBytes(limit + 1);
        machine.chargeItems(unit.size() * count);
        for (std::uint64_t i = 0; i < count; ++i)
            items.insert(items.end(), unit.begin(), unit.end());
    }
    return Value::sequence(sequence.kind(), std::move(items));
}

Value sum(Machine& machine, const Value& left, const Value& right) {
    if (left.isString() && right.isString()) {
        machine.chargeBytes(left.bytes().size() + right.bytes().size());
        const bool markup = left.markup() || right.markup(); // Markup escapes what is added to it
        Text text = markup && !left.markup() ? escapedHtml(left.text()) : left.text();
        text.append(markup && !right.markup() ? escapedHtml(right.text()) : right.text());
        return Value::string(std::move(text), markup);
    }
    if (isRow(left) && left.kind() == right.kind()) {
        std::vector<Value> items = left.items().values;
        const std::vector<Value>& more = right.items().values;
        machine.chargeItems(items.size() + more.size());
        items.insert(items.end(), more.begin(), more.end());
        return Value::sequence(left.kind(), std::move(items));
    }
    if (left.isString() || isRow(left)) {
        const std::string type(typeName(left));
        raise("can only concatenate " + type + " (not \"" + std::string(typeName(right)) + "\") to " + type);
    }
    unsupportedOperands(BinaryOperator::Add, left, right);
}

} // namespace

Value binaryOperation(Machine& machine, BinaryOperator operation, const Value& left, const Value& right) {
    if (operation == BinaryOperator::Modulo && left.isString())
        return percentFormat(machine, left, right);
    requireDefined(left);
    requireDefined(right);
    if (left.isNumber() && right.isNumber()) {
        if (operation == BinaryOperator::Power)
            return power(left, right);
        if (left.isInteger() && right.isInteger())
            return integerOperation(operation, left.asInteger(), right.asInteger());
        return realOperation(operation, left.asReal(), right.asReal());
    }
    if (operation == BinaryOperator::Add)
        return sum(machine, left, right);
    if (operation == BinaryOperator::Multiply) {
        const auto canRepeat = [](const Value& value) { return value.isString() || isRow(value); };
        if (canRepeat(left) && right.isInteger())
            return repeated(machine, left, right.asInteger());
        if (canRepeat(right) && left.isInteger())
            return repeated(machine, right, left.asInteger());
    }
    unsupportedOperands(operation, left, right);
}

Value negative(const Value& value) {
    requireDefined(value);
    if (value.isInteger())
        return integerOperation(BinaryOperator::Subtract, 0, value.asInteger());
    if (value.is(Kind::Float))
        return Value::real(-value.asReal());
    raise("bad operand type for unary -: '" + std::string(typeName(value)) + "'");
}

Value positive(const Value& value) {
    requireDefined(value);
    if (value.isInteger())
        return Value::integer(value.asInteger());
    if (value.is(Kind::Float))
        return value;
    raise("bad operand type for unary +: '" + std::string(typeName(value)) + "'");
}

} // namespace attune::jinja
