// value[key], value.name and value[begin:end:step].
#include <algorithm>

#include "core/text/jinja_format.h"
#include "core/text/jinja_methods.h"
#include "core/text/jinja_operators.h"

namespace attune::jinja {

namespace {

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
    if (value.isDict())
        raise("unhashable type: 'slice'");
    if (value.is(Kind::Namespace))
        raise("'Namespace' object is not subscriptable");
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

} // namespace attune::jinja
