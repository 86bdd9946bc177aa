// The engine's set: tensors and their operations, never the whole of libtorch. See AttunePrecompiled.cmake.
#include "base.h"

#include <ATen/ATen.h>
