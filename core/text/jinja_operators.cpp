#include "core/text/jinja_operators.h"

#include <algorithm>
#include <cmath>

#include "core/text/jinja_format.h"
#include "core/text/jinja_methods.h"
#include "core/text/jinja_percent_format.h"

namespace attune::jinja {

namespace {

std::string_view signOf(BinaryOperator operation) {
    switch (operation) {
    case BinaryOperator::Add: return "+";
    case BinaryOperator::Subtract: return "-";
    case BinaryOperator::Multiply: return "*";
    case BinaryOperator::Divide: return "/";
    case BinaryOperator::FloorDivide: return "//";
    case BinaryOperator::Modulo: return "%";
    case BinaryOperator::Power: return "** or pow()";
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
    return Value::real(std::pow(left.asReal(), right.asReal()));
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
    case BinaryOperator::Add: return Value::real(a + b);
    case BinaryOperator::Subtract: return Value::real(a - b);
    case BinaryOperator::Multiply: return Value::real(a * b);
    default: break;
    }
    if (b == 0)
        raise(operation == BinaryOperator::Divide       ? "float division by zero"
              : operation == BinaryOperator::FloorDivide ? "float floor division by zero"
                                                         : "float modulo");
    if (operation == BinaryOperator::Divide)
        return Value::real(a / b);
    double remainder = std::fmod(a, b);
    if (remainder != 0 && (remainder < 0) != (b < 0))
        remainder += b;
    return Value::real(operation == BinaryOperator::Modulo ? remainder : std::floor((a - remainder) / b + 0.5));
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

bool isRow(const Value& value) { return value.is(Kind::List) || value.is(Kind::Tuple); }

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

// One index of a row of `size` items: negative counts from the end; -1 when outside.
std::int64_t resolveIndex(std::int64_t index, std::int64_t size) {
    if (index < 0)
        index += size;
    return index >= 0 && index < size ? index : -1;
}

std::string ownerName(const Value& value) {
    return value.is(Kind::None) ? "None" : "'" + std::string(typeName(value)) + " object'";
}

Value noSuchMember(const Value& owner, const std::string& name) {
    return Value::undefined(ownerName(owner) + " has no attribute '" + name + "'");
}

// A part of a range is a range again; how it prints follows from its members.
Value rangeOf(std::vector<Value> members) {
    const std::int64_t first = members.empty() ? 0 : members.front().asInteger();
    const std::int64_t step = members.size() > 1 ? members[1].asInteger() - first : 1;
    std::string label = "range(" + std::to_string(first) + ", " +
                        std::to_string(members.empty() ? 0 : members.back().asInteger() + step);
    label += step == 1 ? ")" : ", " + std::to_string(step) + ")";
    return Value::sequence(Kind::Range, std::move(members), std::move(label));
}

Value characterAt(Machine& machine, const Value& string, std::int64_t index) {
    const std::string& bytes = string.bytes();
    machine.chargeScan(bytes.size());
    const std::int64_t at = resolveIndex(index, static_cast<std::int64_t>(countCodePoints(bytes)));
    if (at < 0)
        return Value::undefined(ownerName(string) + " has no element " + std::to_string(index));
    const std::size_t begin = bytePosition(bytes, static_cast<std::size_t>(at));
    return Value::string(string.text().slice(begin, begin + utf8::decode(bytes, begin).size), string.markup());
}

// value[key] alone; false when there is none.
bool lookUp(Machine& machine, const Value& value, const Value& key, Value& found) {
    if (value.isDict()) {
        if (key.isString())
            machine.chargeScan(key.bytes().size());
        const Value* entry = value.members().find(key);
        if (entry)
            found = *entry;
        return entry != nullptr;
    }
    if (!key.isInteger())
        return false;
    if (value.isString()) {
        found = characterAt(machine, value, key.asInteger());
        return !found.isUndefined();
    }
    if (isRow(value) || value.is(Kind::Range)) {
        const std::vector<Value>& items = value.items().values;
        const std::int64_t at = resolveIndex(key.asInteger(), static_cast<std::int64_t>(items.size()));
        if (at >= 0)
            found = items[static_cast<std::size_t>(at)];
        return at >= 0;
    }
    return false;
}

bool findAttribute(Machine& machine, const Value& value, const std::string& name, Value& found) {
    if (value.is(Kind::Namespace)) {
        const Value* member = value.members().find(std::string_view(name));
        if (member)
            found = *member;
        return member != nullptr;
    }
    if (value.is(Kind::Callable)) {
        found = value.function().attribute(machine, name);
        return !found.isUndefined();
    }
    if (value.is(Kind::Tuple) && !value.items().label.empty()) { // what groupby yields: (grouper, list)
        for (std::size_t i = 0; i < 2; ++i) {
            if (name == (i == 0 ? "grouper" : "list")) {
                found = value.items().values[i];
                return true;
            }
        }
    }
    return findMethod(value, name, found);
}

} // namespace

void requireDefined(const Value& value) {
    if (value.isUndefined())
        raise(value.undefinedMessage());
}

bool truthy(const Value& value) {
    switch (value.kind()) {
    case Kind::Undefined:
    case Kind::None:
        return false;
    case Kind::Bool:
    case Kind::Int:
        return value.asInteger() != 0;
    case Kind::Float:
        return value.asReal() != 0;
    case Kind::String:
        return !value.text().empty();
    case Kind::List:
    case Kind::Tuple:
    case Kind::Range:
    case Kind::View:
        return !value.items().values.empty();
    case Kind::Dict:
        return !value.members().entries().empty();
    default:
        return true;
    }
}

bool equal(Machine& machine, const Value& left, const Value& right) {
    machine.charge(1);
    if (left.isNumber() && right.isNumber()) {
        if (left.isInteger() && right.isInteger())
            return left.asInteger() == right.asInteger();
        return left.asReal() == right.asReal();
    }
    if (left.kind() != right.kind())
        return false;
    switch (left.kind()) {
    case Kind::Undefined:
    case Kind::None:
        return true;
    case Kind::String:
        machine.charge(left.bytes().size() / 16);
        return left.bytes() == right.bytes();
    case Kind::List:
    case Kind::Tuple:
    case Kind::Range: {
        const auto &a = left.items().values, &b = right.items().values;
        if (a.size() != b.size())
            return false;
        for (std::size_t i = 0; i < a.size(); ++i)
            if (!equal(machine, a[i], b[i]))
                return false;
        return true;
    }
    case Kind::Dict: {
        const auto& a = left.members().entries();
        if (a.size() != right.members().entries().size())
            return false;
        for (const auto& [key, value] : a) {
            const Value* other = right.members().find(key);
            if (!other || !equal(machine, value, *other))
                return false;
        }
        return true;
    }
    default:
        return left.identity() == right.identity();
    }
}

bool lessThan(Machine& machine, const Value& left, const Value& right, std::string_view sign) {
    machine.charge(1);
    if (left.isNumber() && right.isNumber()) {
        if (left.isInteger() && right.isInteger())
            return left.asInteger() < right.asInteger();
        return left.asReal() < right.asReal();
    }
    if (left.isString() && right.isString()) {
        machine.charge(std::min(left.bytes().size(), right.bytes().size()) / 16);
        return left.bytes() < right.bytes(); // the order of UTF-8 bytes is that of code points
    }
    if (isRow(left) && left.kind() == right.kind()) {
        const auto &a = left.items().values, &b = right.items().values;
        for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i)
            if (!equal(machine, a[i], b[i]))
                return lessThan(machine, a[i], b[i], sign);
        return a.size() < b.size();
    }
    requireDefined(left);
    requireDefined(right);
    raise("'" + std::string(sign) + "' not supported between instances of '" + std::string(typeName(left)) + "' and '" +
          std::string(typeName(right)) + "'");
}

bool contains(Machine& machine, const Value& container, const Value& item) {
    if (container.isString()) {
        if (!item.isString()) {
            requireDefined(item);
            raise("'in <string>' requires string as left operand, not " + std::string(typeName(item)));
        }
        machine.charge(1 + container.bytes().size() / 32);
        return container.bytes().find(item.bytes()) != std::string::npos;
    }
    if (container.isDict()) {
        if (item.isString())
            machine.chargeScan(item.bytes().size());
        return container.members().find(item) != nullptr;
    }
    if (container.isUndefined())
        return false;
    if (!container.isItems())
        raise("argument of type '" + std::string(typeName(container)) + "' is not iterable");
    const std::vector<Value> items = container.is(Kind::Generator) ? iterate(machine, container) : std::vector<Value>{};
    const std::vector<Value>& members = container.is(Kind::Generator) ? items : container.items().values;
    return std::any_of(members.begin(), members.end(), [&](const Value& member) { return equal(machine, member, item); });
}

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

std::int64_t lengthOf(const Value& value) {
    if (value.isUndefined())
        return 0;
    if (value.isString())
        return static_cast<std::int64_t>(countCodePoints(value.bytes()));
    if (value.isDict())
        return static_cast<std::int64_t>(value.members().entries().size());
    if (value.isItems() && !value.is(Kind::Generator))
        return static_cast<std::int64_t>(value.items().values.size());
    raise("object of type '" + std::string(typeName(value)) + "' has no len()");
}

std::vector<Value> iterate(Machine& machine, const Value& value) {
    std::vector<Value> items;
    if (value.isUndefined())
        return items;
    if (value.isString()) {
        const std::string& bytes = value.bytes();
        machine.chargeStrings(countCodePoints(bytes));
        for (std::size_t at = 0; at < bytes.size();) {
            const std::size_t size = utf8::decode(bytes, at).size;
            items.push_back(Value::string(value.text().slice(at, at + size), value.markup()));
            at += size;
        }
        return items;
    }
    if (value.isDict()) {
        machine.chargeItems(value.members().entries().size());
        for (const auto& entry : value.members().entries())
            items.push_back(entry.first);
        return items;
    }
    if (!value.isItems())
        raise("'" + std::string(typeName(value)) + "' object is not iterable");
    ListObject& row = value.items();
    machine.chargeItems(row.values.size());
    if (!value.is(Kind::Generator))
        return row.values;
    if (!std::exchange(row.consumed, true))
        items = std::move(row.values);
    row.values.clear();
    return items;
}

Value getItem(Machine& machine, const Value& value, const Value& key) {
    requireDefined(value);
    Value found;
    if (lookUp(machine, value, key, found))
        return found;
    if (key.isString() && findAttribute(machine, value, key.bytes(), found))
        return found;
    if (key.isString())
        return noSuchMember(value, key.bytes());
    if (key.isUndefined())
        return Value::undefined(key.undefinedMessage());
    return Value::undefined(ownerName(value) + " has no element " + toRepr(machine, key).bytes());
}

Value getAttribute(Machine& machine, const Value& value, const std::string& name) {
    requireDefined(value);
    Value found;
    if (findAttribute(machine, value, name, found))
        return found;
    if (value.isDict()) {
        if (const Value* entry = value.members().find(std::string_view(name)))
            return *entry;
    }
    return noSuchMember(value, name);
}

Value getSlice(Machine& machine, const Value& value, const Value& begin, const Value& end, const Value& step) {
    requireDefined(value);
    const bool isText = value.isString();
    if (!isText && !isRow(value) && !value.is(Kind::Range))
        return Value::undefined(ownerName(value) + " has no such slice");
    const std::int64_t size = lengthOf(value);
    machine.charge(1 + (isText ? value.bytes().size() / 8 : 0));
    const auto optional = [&](const Value& part) { return part.is(Kind::None) ? 0 : integerOf(part, "a slice index"); };
    const std::int64_t stride = step.is(Kind::None) ? 1 : optional(step);
    if (stride == 0)
        raise("slice step cannot be zero");
    const auto bound = [&](const Value& part, std::int64_t otherwise) {
        if (part.is(Kind::None))
            return otherwise;
        std::int64_t at = optional(part);
        if (at < 0)
            at = at < -size ? -1 : at + size;
        return stride > 0 ? std::clamp<std::int64_t>(at, 0, size) : std::clamp<std::int64_t>(at, -1, size - 1);
    };
    const std::int64_t from = bound(begin, stride > 0 ? 0 : size - 1), to = bound(end, stride > 0 ? size : -1);
    if (isText && stride == 1) {
        const std::string& bytes = value.bytes();
        const std::size_t first = bytePosition(bytes, static_cast<std::size_t>(from));
        const std::size_t last = to > from ? bytePosition(bytes, static_cast<std::size_t>(to)) : first;
        machine.chargeBytes(last - first);
        return Value::string(value.text().slice(first, last), value.markup());
    }
    const std::vector<Value> all = isText ? iterate(machine, value) : std::vector<Value>{};
    const std::vector<Value>& items = isText ? all : value.items().values;
    std::vector<Value> picked;
    for (std::int64_t i = from; stride > 0 ? i < to : i > to;) {
        picked.push_back(items[static_cast<std::size_t>(i)]);
        if (__builtin_add_overflow(i, stride, &i))
            break;
    }
    machine.chargeItems(picked.size());
    if (!isText)
        return value.is(Kind::Range) ? rangeOf(std::move(picked)) : Value::sequence(value.kind(), std::move(picked));
    Text text;
    for (const Value& character : picked)
        text.append(character.text());
    return Value::string(std::move(text), value.markup());
}

std::int64_t integerOf(const Value& value, std::string_view what) {
    requireDefined(value);
    if (!value.isInteger())
        raise(std::string(what) + " must be an integer, not '" + std::string(typeName(value)) + "'");
    return value.asInteger();
}

Text escapedHtml(const Text& text) {
    return text.mapped([](char32_t point, std::string& out) {
        switch (point) {
        case '&': out += "&amp;"; break;
        case '<': out += "&lt;"; break;
        case '>': out += "&gt;"; break;
        case '\'': out += "&#39;"; break;
        case '"': out += "&#34;"; break;
        default: utf8::append(out, point);
        }
    });
}

} // namespace attune::jinja
