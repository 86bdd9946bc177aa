// What was put on a base network, taken off as a whole: several states share one base in memory, one of them on it at a time.
// Engine thread.
#pragma once

#include <memory>
#include <vector>

#include "core/nn/causal_lm.h"

namespace attune {

/// Adapters by part of the network, a trained prompt, rows of single tokens, heads. Empty: the bare base.
struct AdapterState {
    std::vector<std::unique_ptr<LoraAdapter>> lora; // one per part, or none at all
    std::unique_ptr<SoftPrompt> prompt;
    std::unique_ptr<TokenRows> tokenRows;
    std::unique_ptr<Parameter> scoreHead;
    std::unique_ptr<ValueHead> valueHead;
};

/// Puts `state` on the network and what was on it into `state`. Parameters keep their addresses and values; gradients begin at
/// zero. The base weights are copied once, layer by layer. Not for networks whose base is trained.
void exchangeAdapters(CausalLm& model, AdapterState& state);

/// Exchanges for as long as it lives.
class Exchanged {
public:
    Exchanged(CausalLm& model, AdapterState& state) : m_model(model), m_state(state) { exchangeAdapters(model, state); }
    ~Exchanged() { exchangeAdapters(m_model, m_state); }
    Exchanged(const Exchanged&) = delete;
    Exchanged& operator=(const Exchanged&) = delete;

private:
    CausalLm& m_model;
    AdapterState& m_state;
};

} // namespace attune
