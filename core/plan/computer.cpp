// inspectComputer: what Linux says about this machine. The parsing works on text, so that it can be tested without the
// machine.
#include "core/plan/computer.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include <sched.h>

#include "core/base/space.h"

namespace attune {

namespace {

// /proc and /sys files report size 0, so readFile() with its size check does not fit; they are small.
std::string slurp(const char* path) {
    std::ifstream file(path);
    std::ostringstream text;
    text << file.rdbuf();
    return std::move(text).str();
}

// Calls field(name, value) for every "name : value" line.
template <class Field>
void eachField(std::string_view text, const Field& field) {
    while (!text.empty()) {
        const std::string_view line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(text.size(), line.size() + 1));
        if (const auto colon = line.find(':'); colon != std::string_view::npos)
            field(trimmed(line.substr(0, colon)), trimmed(line.substr(colon + 1)));
    }
}

std::int64_t leadingInteger(std::string_view text) {
    std::int64_t value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}

// Measured once: what a model takes later must not count as what the program takes without one.
std::int64_t residentAtFirst() {
    static const std::int64_t bytes = [] {
        std::int64_t resident = 0;
        eachField(slurp("/proc/self/status"), [&](std::string_view name, std::string_view value) {
            if (name == "VmRSS")
                resident = leadingInteger(value) * 1024;
        });
        return resident;
    }();
    return bytes;
}

bool hasWord(std::string_view words, std::string_view word) {
    for (std::size_t at = words.find(word); at != std::string_view::npos; at = words.find(word, at + 1)) {
        const bool begins = at == 0 || words[at - 1] == ' ';
        const bool ends = at + word.size() == words.size() || words[at + word.size()] == ' ';
        if (begins && ends)
            return true;
    }
    return false;
}

} // namespace

void readCpuInfo(Computer& computer, std::string_view text) {
    eachField(text, [&](std::string_view name, std::string_view value) {
        if (name == "model name" && computer.cpuName.empty())
            computer.cpuName = value;
        else if (name == "flags" && (hasWord(value, "avx512_bf16") || hasWord(value, "amx_bf16")))
            computer.bf16 = true;
    });
}

void readMemInfo(Computer& computer, std::string_view text) {
    eachField(text, [&](std::string_view name, std::string_view value) {
        if (name == "MemTotal")
            computer.memoryBytes = leadingInteger(value) * 1024;
        else if (name == "MemAvailable")
            computer.freeMemoryBytes = leadingInteger(value) * 1024;
    });
}

void limitMemory(Computer& computer, std::string_view limit, std::string_view used) {
    const std::int64_t bytes = leadingInteger(trimmed(limit)); // "max" gives 0: no limit
    if (bytes <= 0 || (computer.memoryBytes > 0 && bytes >= computer.memoryBytes))
        return;
    computer.memoryBytes = bytes;
    computer.freeMemoryBytes = std::clamp<std::int64_t>(bytes - leadingInteger(trimmed(used)), 0,
                                                        std::max<std::int64_t>(0, computer.freeMemoryBytes));
}

Computer inspectComputer(const std::string& folder) {
    Computer computer;
    cpu_set_t set;
    CPU_ZERO(&set);
    // The cores this process may use, which in a container or under taskset are fewer than the machine has.
    computer.cores = sched_getaffinity(0, sizeof set, &set) == 0
                         ? CPU_COUNT(&set)
                         : static_cast<int>(std::thread::hardware_concurrency());
    computer.cores = std::max(1, computer.cores);
    computer.residentBytes = residentAtFirst();
    readCpuInfo(computer, slurp("/proc/cpuinfo"));
    readMemInfo(computer, slurp("/proc/meminfo"));
    limitMemory(computer, slurp("/sys/fs/cgroup/memory.max"), slurp("/sys/fs/cgroup/memory.current"));
    std::error_code error;
    if (const auto space = std::filesystem::space(folder, error); !error)
        computer.freeDiskBytes = static_cast<std::int64_t>(space.available);
    for (std::filesystem::directory_iterator entry("/proc/driver/nvidia/gpus", error), end; !error && entry != end;
         entry.increment(error))
        eachField(slurp((entry->path() / "information").c_str()), [&](std::string_view name, std::string_view value) {
            if (name == "Model" && computer.gpuName.empty())
                computer.gpuName = value;
        });
    return computer;
}

} // namespace attune
