// The functions every template can call: range, dict, namespace, raise_exception, strftime_now, cycler, joiner.
#pragma once

#include <functional>
#include <string>

#include "core/text/jinja_machine.h"

namespace attune::jinja {

/// A callable made of a C++ function.
class Function : public Callable {
public:
    using Body = std::function<Value(Machine&, CallArguments&)>;
    /// `heldDepth`: depth of the deepest value the body keeps.
    Function(std::string name, Body body, std::uint32_t heldDepth = 0)
        : m_name(std::move(name)), m_body(std::move(body)) {
        depth = depthAbove(heldDepth);
    }
    Value call(Machine& machine, CallArguments& arguments) override { return m_body(machine, arguments); }
    std::string describe() const override { return "<function " + m_name + ">"; }

private:
    std::string m_name;
    Body m_body;
};

/// Undefined when there is no such global.
Value globalFunction(std::string_view name);

} // namespace attune::jinja
