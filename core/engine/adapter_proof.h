// Proof that an adapter changes what the model says. Engine thread.
#pragma once

#include <stop_token>
#include <string>

#include "core/base/result.h"
#include "core/run/adapter_proof.h"

namespace attune {

/// See Engine::proveAdapter. Compares the next-token logits of base and tuned model after a few fixed texts.
Result<AdapterProof> proveAdapterIsActive(const std::string& model, const std::string& adapter, std::stop_token stop);

} // namespace attune
