// The variables of one block. A scope sees its parent's; `set` writes into the innermost. Lives on the render's thread.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "core/text/jinja_value.h"

namespace attune::jinja {

class Scope {
public:
    explicit Scope(std::shared_ptr<Scope> parent) : m_parent(std::move(parent)) {}

    const Value* find(int symbol) const {
        for (const Scope* scope = this; scope; scope = scope->m_parent.get())
            for (const auto& [name, value] : scope->m_variables)
                if (name == symbol)
                    return &value;
        return nullptr;
    }
    void set(int symbol, Value value) {
        for (auto& [name, old] : m_variables) {
            if (name == symbol) {
                old = std::move(value);
                return;
            }
        }
        m_variables.emplace_back(symbol, std::move(value));
    }
    void clear() { m_variables.clear(); }
    const std::shared_ptr<Scope>& parent() const { return m_parent; }

private:
    std::shared_ptr<Scope> m_parent;
    std::vector<std::pair<int, Value>> m_variables;
};

using ScopePtr = std::shared_ptr<Scope>;

} // namespace attune::jinja
