#include "core/text/jinja_loop.h"

#include <algorithm>

#include "core/text/jinja_globals.h"
#include "core/text/jinja_operators.h"

namespace attune::jinja {

LoopObject::LoopObject(Interpreter& interpreter, const Statement& statement, ScopePtr scope, std::vector<Value> items,
                       int level)
    : m_interpreter(interpreter), m_statement(statement), m_scope(std::move(scope)), m_items(std::move(items)),
      m_level(level) {
    std::uint32_t deepest = 0;
    for (const Value& item : m_items)
        deepest = std::max(deepest, item.depth());
    depth = depthAbove(deepest);
}

Value LoopObject::call(Machine&, CallArguments& arguments) {
    if (!m_statement.recursive)
        raise("The loop must have the 'recursive' marker to be called recursively.");
    if (!m_scope)
        raise("a loop was called after its end");
    const auto bound = bind(arguments, "loop", {"iterable"}, 1);
    return Value::string(m_interpreter.recurse(m_statement, m_scope, *bound[0], m_level + 1));
}

Value LoopObject::cycle(const CallArguments& arguments) const {
    if (arguments.positional.empty())
        raise("no items for cycling given");
    return arguments.positional[m_index % arguments.positional.size()];
}

Value LoopObject::changed(Machine& machine, const CallArguments& arguments) {
    const auto& now = arguments.positional;
    const bool same = m_seen && now.size() == m_lastSeen.size() &&
                      std::equal(now.begin(), now.end(), m_lastSeen.begin(),
                                 [&](const Value& a, const Value& b) { return equal(machine, a, b); });
    for (const Value& value : now)
        depth = std::max(depth, depthAbove(value.depth()));
    m_seen = true;
    m_lastSeen = now;
    return Value::boolean(!same);
}

Value LoopObject::attribute(Machine&, std::string_view name) {
    const auto index = static_cast<std::int64_t>(m_index), size = static_cast<std::int64_t>(m_items.size());
    if (name == "index")
        return Value::integer(index + 1);
    if (name == "index0")
        return Value::integer(index);
    if (name == "first")
        return Value::boolean(index == 0);
    if (name == "last")
        return Value::boolean(index + 1 == size);
    if (name == "length")
        return Value::integer(size);
    if (name == "revindex")
        return Value::integer(size - index);
    if (name == "revindex0")
        return Value::integer(size - index - 1);
    if (name == "depth")
        return Value::integer(m_level + 1);
    if (name == "depth0")
        return Value::integer(m_level);
    if (name == "previtem")
        return index > 0 ? m_items[m_index - 1] : Value::undefined("there is no previous item");
    if (name == "nextitem")
        return index + 1 < size ? m_items[m_index + 1] : Value::undefined("there is no next item");
    if (name == "cycle")
        return Value::callable(std::make_shared<Function>(
            "cycle", [self = m_self.lock()](Machine&, CallArguments& arguments) { return self->cycle(arguments); },
            depth));
    if (name == "changed")
        return Value::callable(std::make_shared<Function>(
            "changed",
            [self = m_self.lock()](Machine& machine, CallArguments& arguments) {
                return self->changed(machine, arguments);
            },
            depth));
    return Value();
}

std::string LoopObject::describe() const {
    return "<LoopContext " + std::to_string(m_index + 1) + "/" + std::to_string(m_items.size()) + ">";
}

} // namespace attune::jinja
