#include "core/text/jinja_tests.h"

#include <unordered_map>

#include "core/text/jinja_filters.h"
#include "core/text/jinja_format.h"
#include "core/text/jinja_operators.h"
#include "core/text/jinja_strings.h"

namespace attune::jinja {

namespace {

using Test = bool (*)(Machine&, const Value&, const CallArguments&);

const Value& operand(const CallArguments& arguments) {
    return *bind(arguments, "test", {"other"}, 1)[0];
}

template <Kind kind>
bool isKind(Machine&, const Value& input, const CallArguments&) {
    return input.is(kind);
}

template <bool even>
bool parity(Machine& machine, const Value& input, const CallArguments&) {
    const Value rest = binaryOperation(machine, BinaryOperator::Modulo, input, Value::integer(2));
    return equal(machine, rest, Value::integer(even ? 0 : 1));
}

bool divisible(Machine& machine, const Value& input, const CallArguments& arguments) {
    const Value& divisor = *bind(arguments, "divisibleby", {"num"}, 1)[0];
    return equal(machine, binaryOperation(machine, BinaryOperator::Modulo, input, divisor), Value::integer(0));
}

template <bool upper>
bool casing(Machine& machine, const Value& input, const CallArguments& arguments) {
    const Value text = Value::string(toText(machine, input));
    machine.chargeScan(2 * text.bytes().size());
    const Value method = getAttribute(machine, text, upper ? "isupper" : "islower");
    CallArguments copy = arguments;
    return truthy(method.function().call(machine, copy));
}

bool same(Machine& machine, const Value& input, const CallArguments& arguments) {
    const Value& other = operand(arguments);
    if (input.kind() != other.kind())
        return false;
    if (input.isString()) // Python keeps one object for equal literals
        return equal(machine, input, other);
    return input.identity() || other.identity() ? input.identity() == other.identity() : equal(machine, input, other);
}

bool isIterable(const Value& value) {
    return value.isUndefined() || value.isString() || value.isItems() || value.isDict();
}

bool isSequence(const Value& value) {
    return value.isUndefined() || value.isString() || value.is(Kind::List) || value.is(Kind::Tuple) ||
           value.is(Kind::Range) || value.isDict();
}

template <bool orEqual>
bool less(Machine& machine, const Value& input, const CallArguments& arguments) {
    const Value& other = operand(arguments);
    return lessThan(machine, input, other, orEqual ? "<=" : "<") || (orEqual && equal(machine, input, other));
}

template <bool orEqual>
bool greater(Machine& machine, const Value& input, const CallArguments& arguments) {
    const Value& other = operand(arguments);
    return lessThan(machine, other, input, orEqual ? ">=" : ">") || (orEqual && equal(machine, input, other));
}

bool equalTest(Machine& machine, const Value& input, const CallArguments& arguments) {
    return equal(machine, input, operand(arguments));
}
bool unequalTest(Machine& machine, const Value& input, const CallArguments& arguments) {
    return !equal(machine, input, operand(arguments));
}

const std::unordered_map<std::string_view, Test>& table() {
    static const std::unordered_map<std::string_view, Test> tests = {
        {"defined", [](Machine&, const Value& v, const CallArguments&) { return !v.isUndefined(); }},
        {"undefined", isKind<Kind::Undefined>},
        {"none", isKind<Kind::None>},
        {"boolean", isKind<Kind::Bool>},
        {"integer", isKind<Kind::Int>},
        {"float", isKind<Kind::Float>},
        {"string", isKind<Kind::String>},
        {"number", [](Machine&, const Value& v, const CallArguments&) { return v.isNumber(); }},
        {"mapping", isKind<Kind::Dict>},
        {"iterable", [](Machine&, const Value& v, const CallArguments&) { return isIterable(v); }},
        {"sequence", [](Machine&, const Value& v, const CallArguments&) { return isSequence(v); }},
        {"callable", [](Machine&, const Value& v, const CallArguments&) { return v.is(Kind::Callable) || v.isUndefined(); }},
        {"true", [](Machine&, const Value& v, const CallArguments&) { return v.is(Kind::Bool) && v.asInteger() == 1; }},
        {"false",
         [](Machine&, const Value& v, const CallArguments&) { return v.is(Kind::Bool) && v.asInteger() == 0; }},
        {"odd", parity<false>},
        {"even", parity<true>},
        {"divisibleby", divisible},
        {"lower", casing<false>},
        {"upper", casing<true>},
        {"sameas", same},
        {"escaped", [](Machine&, const Value& v, const CallArguments&) { return v.markup(); }},
        {"in", [](Machine& m, const Value& v, const CallArguments& a) { return contains(m, operand(a), v); }},
        {"filter", [](Machine&, const Value& v, const CallArguments&) { return v.isString() && isFilter(v.bytes()); }},
        {"test", [](Machine&, const Value& v, const CallArguments&) { return v.isString() && isTest(v.bytes()); }},
        {"eq", equalTest},
        {"equalto", equalTest},
        {"==", equalTest},
        {"ne", unequalTest},
        {"!=", unequalTest},
        {"lt", less<false>},
        {"lessthan", less<false>},
        {"<", less<false>},
        {"le", less<true>},
        {"<=", less<true>},
        {"gt", greater<false>},
        {"greaterthan", greater<false>},
        {">", greater<false>},
        {"ge", greater<true>},
        {">=", greater<true>},
    };
    return tests;
}

} // namespace

bool isTest(std::string_view name) {
    return table().contains(name);
}

bool applyTest(Machine& machine, std::string_view name, const Value& input, const CallArguments& arguments) {
    const auto found = table().find(name);
    if (found == table().end())
        raise("No test named '" + std::string(name) + "'.", ErrorCode::Unsupported);
    return found->second(machine, input, arguments);
}

} // namespace attune::jinja
