#include "ui/bridge/heartbeat.h"

#include <algorithm>

#include "core/base/files.h"

namespace attune {

Heartbeat::Heartbeat(QObject* parent) : QObject(parent) {
    m_timer.setTimerType(Qt::PreciseTimer);
    connect(&m_timer, &QTimer::timeout, this, &Heartbeat::beat);
    m_sinceLast.start();
    m_timer.start(kPeriodMs);
}

void Heartbeat::beat() {
    const double gap = static_cast<double>(m_sinceLast.nsecsElapsed()) / 1e6;
    m_sinceLast.start();
    m_lateMs.push_back(static_cast<float>(std::max(0.0, gap - kPeriodMs)));
}

Status Heartbeat::write(const QString& file, const Json& more) const {
    std::vector<float> sorted = m_lateMs;
    std::sort(sorted.begin(), sorted.end());
    const auto at = [&](double share) {
        return sorted.empty() ? 0.0F : sorted[static_cast<std::size_t>(share * static_cast<double>(sorted.size() - 1))];
    };
    const auto over = [&](float ms) { return std::count_if(sorted.begin(), sorted.end(), [&](float late) { return late > ms; }); };
    Json result{{"beats", sorted.size()}, {"p50_ms", at(0.5)},      {"p99_ms", at(0.99)},
                      {"max_ms", at(1)},        {"over_16_ms", over(16)}, {"over_200_ms", over(200)}};
    result.update(more);
    return writeFileAtomic(file.toStdString(), result.dump(2) + "\n");
}

} // namespace attune
