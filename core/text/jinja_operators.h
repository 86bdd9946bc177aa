// Python's operators and protocols on values: truth, equality, order, arithmetic, membership, indexing, attributes,
// iteration. All fail (Failure) with Python's words where Python raises.
#pragma once

#include <vector>

#include "core/text/jinja_ast.h"
#include "core/text/jinja_machine.h"

namespace attune::jinja {

/// A list or a tuple.
bool isRow(const Value& value);
bool truthy(const Value& value);
bool equal(Machine& machine, const Value& left, const Value& right);
bool lessThan(Machine& machine, const Value& left, const Value& right, std::string_view sign = "<");
bool contains(Machine& machine, const Value& container, const Value& item);
Value binaryOperation(Machine& machine, BinaryOperator operation, const Value& left, const Value& right);
Value negative(const Value& value);
Value positive(const Value& value);

std::int64_t lengthOf(const Value& value);
/// The members in order (characters of a string, keys of a dict); a generator is used up. Fails on what has none.
std::vector<Value> iterate(Machine& machine, const Value& value);
/// value[key] with Jinja's fallback to an attribute; undefined when there is neither.
Value getItem(Machine& machine, const Value& value, const Value& key);
/// value.name with Jinja's fallback to an item.
Value getAttribute(Machine& machine, const Value& value, const std::string& name);
Value getSlice(Machine& machine, const Value& value, const Value& begin, const Value& end, const Value& step);
/// An integer argument, or a failure that names what it is for.
std::int64_t integerOf(const Value& value, std::string_view what);
/// Fails when the value is undefined, with the words Jinja has for it.
void requireDefined(const Value& value);
/// The text with &, <, >, ' and " as HTML entities.
Text escapedHtml(const Text& text);

} // namespace attune::jinja
