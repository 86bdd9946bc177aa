#include "core/base/cpu_load.h"

#include <algorithm>
#include <fstream>
#include <sstream>
#include <string>

#include <sys/resource.h>
#include <unistd.h>

namespace attune {

namespace {
constexpr double kShortest = 0.2; // seconds of one processor: ticks are a hundredth, less says nothing
} // namespace

std::optional<CpuTimes> parseCpuTimes(std::string_view text, double ticksPerSecond) {
    std::istringstream line{std::string(text.substr(0, text.find('\n')))};
    std::string name;
    line >> name;
    double ticks = 0, idle = 0, all = 0;
    int fields = 0;
    for (; fields < 8 && line >> ticks; ++fields) { // guest time is counted in user time already
        all += ticks;
        if (fields == 3 || fields == 4)
            idle += ticks;
    }
    if (name != "cpu" || fields < 4 || ticksPerSecond <= 0)
        return std::nullopt;
    return CpuTimes{(all - idle) / ticksPerSecond, all / ticksPerSecond, 0};
}

std::optional<CpuTimes> readCpuTimes() {
    std::ifstream file("/proc/stat");
    std::string line;
    rusage usage{};
    if (!std::getline(file, line) || ::getrusage(RUSAGE_SELF, &usage) != 0)
        return std::nullopt;
    auto times = parseCpuTimes(line, static_cast<double>(::sysconf(_SC_CLK_TCK)));
    const auto seconds = [](const timeval& time) { return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6; };
    if (times)
        times->own = seconds(usage.ru_utime) + seconds(usage.ru_stime);
    return times;
}

double otherLoad(const CpuTimes& before, const CpuTimes& after) {
    const double all = after.all - before.all;
    if (!(all >= kShortest))
        return -1;
    return std::clamp((after.busy - before.busy - (after.own - before.own)) / all, 0.0, 1.0);
}

double CpuLoadMeter::others() const {
    const auto now = readCpuTimes();
    return m_start && now ? otherLoad(*m_start, *now) : -1;
}

} // namespace attune
