#include "core/engine/process_memory.h"

#include <fstream>
#include <string>

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

} // namespace attune
