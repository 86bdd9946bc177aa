#include "core/optim/adafactor.h"
#include "core/optim/adamw.h"
#include "core/optim/adamw_8bit.h"
#include "core/optim/lion.h"

namespace attune {

const std::vector<OptimizerKind>& builtinOptimizers() {
    static const std::vector<OptimizerKind> optimizers = {adamWKind(), adamW8Kind(), lionKind(), adafactorKind()};
    return optimizers;
}

} // namespace attune
