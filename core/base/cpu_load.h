// How busy other programs keep this computer's processors while something is measured. From /proc; any thread.
#pragma once

#include <optional>
#include <string_view>

namespace attune {

/// Processor time since the start of the computer, in seconds over all processors.
struct CpuTimes {
    double busy = 0, all = 0; // iowait counts as idle
    double own = 0;           // of this process, all threads
};
/// The first line of /proc/stat ("cpu  user nice system idle iowait ..."), in ticks of `ticksPerSecond`; nothing when it is another text.
std::optional<CpuTimes> parseCpuTimes(std::string_view text, double ticksPerSecond);
/// Nothing where the system does not say.
std::optional<CpuTimes> readCpuTimes();

/// From its making to the question.
class CpuLoadMeter {
public:
    CpuLoadMeter() : m_start(readCpuTimes()) {}
    /// Share of all processors' time that other programs took, 0 to 1; -1 = cannot be told (too short, or the system does not say).
    double others() const;

private:
    std::optional<CpuTimes> m_start;
};
/// The arithmetic of it.
double otherLoad(const CpuTimes& before, const CpuTimes& after);

} // namespace attune
