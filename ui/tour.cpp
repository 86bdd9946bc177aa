#include "ui/tour.h"

#include <algorithm>
#include <ctime>
#include <fstream>
#include <string>

#include <unistd.h>

#include <QAbstractScrollArea>
#include <QElapsedTimer>
#include <QScrollBar>

#include "ui/bridge/current_project.h"

namespace attune {

namespace {

constexpr int kStepMs = 60, kScrolls = 8;

// Since the kernel started this process (proc(5), field 22 of stat; ticks of 10 ms).
double secondsSinceStart() {
    std::ifstream stat("/proc/self/stat");
    std::string text((std::istreambuf_iterator<char>(stat)), {});
    const std::size_t name = text.rfind(')');
    timespec now{};
    if (name == std::string::npos || clock_gettime(CLOCK_BOOTTIME, &now) != 0)
        return 0;
    std::size_t at = name;
    for (int field = 2; field < 22 && at != std::string::npos; ++field)
        at = text.find(' ', at + 1);
    if (at == std::string::npos)
        return 0;
    const double started = std::strtod(text.c_str() + at, nullptr) / static_cast<double>(sysconf(_SC_CLK_TCK));
    return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9 - started;
}

double median(std::vector<double> values) {
    if (values.empty())
        return 0;
    const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
    std::nth_element(values.begin(), middle, values.end());
    return *middle;
}

} // namespace

Tour::Tour(MainWindow& window, const CurrentProject& project, bool waitForProject, int rounds)
    : m_window(window), m_project(project), m_waiting(waitForProject), m_rounds(rounds) {
    for (const ViewEntry& entry : registeredViews())
        m_stations.push_back(entry.id);
    m_timer.setInterval(kStepMs);
    connect(&m_timer, &QTimer::timeout, this, &Tour::step);
    QTimer::singleShot(0, this, [this] {
        m_secondsToWindow = secondsSinceStart();
        m_timer.start();
    });
}

void Tour::step() {
    if (m_waiting && (!m_project.isOpen() && m_project.isOpening()))
        return;
    if (m_secondsToProject == 0 && m_project.isOpen())
        m_secondsToProject = secondsSinceStart();
    m_waiting = false;
    if (m_scroll > 0) {
        --m_scroll;
        View* view = m_window.view(m_window.currentStation());
        for (QAbstractScrollArea* area : view->findChildren<QAbstractScrollArea*>())
            if (QScrollBar* bar = area->verticalScrollBar(); area->isVisible() && bar->maximum() > 0)
                bar->setValue(bar->maximum() / kScrolls * m_scroll);
        return;
    }
    if (m_next == m_stations.size() * static_cast<std::size_t>(m_rounds)) {
        m_timer.stop();
        m_window.close();
        return;
    }
    const QString& station = m_stations[m_next++ % m_stations.size()];
    QElapsedTimer clock;
    clock.start();
    m_window.showStation(station);
    m_window.repaint();
    m_milliseconds[station].push_back(static_cast<double>(clock.nsecsElapsed()) / 1e6);
    m_scroll = kScrolls;
}

Json Tour::result() const {
    Json stations = Json::object();
    for (const auto& [station, milliseconds] : m_milliseconds)
        stations[station.toStdString()] = median(milliseconds);
    return {{"rounds", m_rounds},
            {"seconds_to_window", m_secondsToWindow},
            {"seconds_to_project", m_secondsToProject},
            {"stations", std::move(stations)}};
}

} // namespace attune
