// The reference model of a run with an adapter: the same network with the adapter off. Engine thread.
#pragma once

#include "core/nn/causal_lm.h"

namespace attune {

/// Adapters off for as long as it lives.
class BaseOnly {
public:
    explicit BaseOnly(CausalLm& model) : m_model(model), m_before(model.adaptersEnabled()) { model.setAdaptersEnabled(false); }
    ~BaseOnly() { m_model.setAdaptersEnabled(m_before); }
    BaseOnly(const BaseOnly&) = delete;
    BaseOnly& operator=(const BaseOnly&) = delete;

private:
    CausalLm& m_model;
    bool m_before;
};

} // namespace attune
