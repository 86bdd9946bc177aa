// Numbers into GGUF's blocks. The codes and scales of a block are searched for the least squared error: several step sizes are tried, the
// best scale (and minimum) for the codes each gives follows by least squares. Stateless; safe from any thread.
#pragma once

#include <cstddef>
#include <span>

#include "core/model_files/gguf_blocks.h"

namespace attune {

/// Whether quantiseRow() writes this type: F32, F16, BF16, Q4_0, Q5_0, Q5_1, Q8_0, Q4_K, Q5_K, Q6_K.
bool canQuantise(GgmlType type);

/// `numbers` are finite and a whole number of blocks; `out` has exactly their bytes.
void quantiseRow(GgmlType type, std::span<const float> numbers, std::span<std::byte> out);

} // namespace attune
