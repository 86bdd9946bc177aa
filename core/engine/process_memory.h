// Memory of this process as the kernel counts it.
#pragma once

#include <cstdint>

namespace attune {

std::int64_t residentBytes();     // VmRSS
std::int64_t peakResidentBytes(); // VmHWM
/// Starts the peak again from what is resident now. False where the kernel does not allow it: the peak of the whole
/// process stays.
bool resetPeakResidentBytes();
/// Pages that this process has been given so far without reading a disk: fresh memory, all threads.
std::int64_t minorPageFaults();

/// Gives freed pieces of the heap back to the system. Reading a model leaves holes between its tensors that the C library
/// would keep: 0.9 GB with the 7b shape in 4 bits.
void returnFreedMemory();

} // namespace attune
