// The variable `loop` inside a for loop.
#pragma once

#include <vector>

#include "core/text/jinja_interpreter.h"

namespace attune::jinja {

class LoopObject : public Callable {
public:
    LoopObject(Interpreter& interpreter, const Statement& statement, ScopePtr scope, std::vector<Value> items,
               int level);
    const std::vector<Value>& items() const { return m_items; }
    void moveTo(std::size_t index) { m_index = index; }
    void finish() { m_scope.reset(); } // whoever still holds the loop does not hold its surroundings

    Value call(Machine& machine, CallArguments& arguments) override;
    Value attribute(Machine& machine, std::string_view name) override;
    std::string describe() const override;
    void setSelf(const std::shared_ptr<LoopObject>& self) { m_self = self; }

private:
    Value cycle(const CallArguments& arguments) const;
    Value changed(Machine& machine, const CallArguments& arguments);

    Interpreter& m_interpreter;
    const Statement& m_statement;
    ScopePtr m_scope;
    std::vector<Value> m_items, m_lastSeen;
    std::size_t m_index = 0;
    int m_level; // 0 for the outermost of a recursive loop
    bool m_seen = false;
    std::weak_ptr<LoopObject> m_self;
};

} // namespace attune::jinja
