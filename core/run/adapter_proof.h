// Whether an adapter changes what its model says, and which files were asked. Values; any thread.
#pragma once

#include <string>

namespace attune {

/// Proof that an adapter does something: largest |logit difference| of base and tuned on given rows, and the weights' identities.
struct AdapterProof {
    std::string modelHash, adapterHash, templateHash;
    double maxLogitDifference = 0;
    double meanLogitDifference = 0;
};

} // namespace attune
