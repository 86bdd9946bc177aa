#include "core/text/jinja_operators.h"

#include <algorithm>

namespace attune::jinja {

bool isRow(const Value& value) {
    return value.is(Kind::List) || value.is(Kind::Tuple);
}

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
    return std::any_of(members.begin(), members.end(),
                       [&](const Value& member) { return equal(machine, member, item); });
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

std::int64_t integerOf(const Value& value, std::string_view what) {
    requireDefined(value);
    if (!value.isInteger())
        raise(std::string(what) + " must be an integer, not '" + std::string(typeName(value)) + "'");
    return value.asInteger();
}

Text escapedHtml(const Text& text) {
    return text.mapped([](char32_t point, std::string& out) {
        switch (point) {
        case '&':
            out += "&amp;";
            break;
        case '<':
            out += "&lt;";
            break;
        case '>':
            out += "&gt;";
            break;
        case '\'':
            out += "&#39;";
            break;
        case '"':
            out += "&#34;";
            break;
        default:
            utf8::append(out, point);
        }
    });
}

} // namespace attune::jinja
