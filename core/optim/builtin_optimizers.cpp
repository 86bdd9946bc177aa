#include "core/optim/adamw.h"

namespace attune {

const std::vector<OptimizerKind>& builtinOptimizers() {
    static const std::vector<OptimizerKind> optimizers = {adamWKind()};
    return optimizers;
}

} // namespace attune
