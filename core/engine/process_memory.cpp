#include "core/engine/process_memory.h"

#include <fstream>
#include <string>

#include <malloc.h>
#include <sys/resource.h>

namespace attune {

namespace {

std::int64_t statusKilobytes(const std::string& key) {
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);) {
        if (line.starts_with(key))
            return std::stoll(line.substr(key.size()));
    }
    return 0;
}

} // namespace

std::int64_t residentBytes() { return statusKilobytes("VmRSS:") * 1024; }
std::int64_t peakResidentBytes() { return statusKilobytes("VmHWM:") * 1024; }

bool resetPeakResidentBytes() {
    std::ofstream file("/proc/self/clear_refs");
    file << "5" << std::flush; // proc(5): resets the peak resident set size
    return static_cast<bool>(file);
}

std::int64_t minorPageFaults() {
    rusage usage{};
    return getrusage(RUSAGE_SELF, &usage) == 0 ? usage.ru_minflt : 0;
}

void returnFreedMemory() {
#if defined(__GLIBC__)
    ::malloc_trim(0);
#endif
}

} // namespace attune
