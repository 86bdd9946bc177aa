// Goes through every station as a hurried user would, so that `attune --heartbeat FILE --tour N` measures the same work each
// time: shows it, scrolls what scrolls, goes on. Closes the window at the end. GUI thread.
#pragma once

#include <map>
#include <vector>

#include <QObject>
#include <QTimer>

#include "core/base/json.h"
#include "ui/main_window.h"

namespace attune {

class Tour final : public QObject {
    Q_OBJECT
public:
    /// `window` must outlive the tour, which begins when the event loop runs and a project, if one was asked for, is open.
    Tour(MainWindow& window, const CurrentProject& project, bool waitForProject, int rounds);

    /// {"rounds", "seconds_to_window": from the start of the process to the first turn of the event loop,
    /// "seconds_to_project", "stations": {id: median milliseconds to show and paint it}}
    Json result() const;

private:
    void step();

    MainWindow& m_window;
    const CurrentProject& m_project;
    std::vector<QString> m_stations;
    bool m_waiting;
    int m_rounds;
    std::size_t m_next = 0; // visits so far
    int m_scroll = 0;       // scroll positions still to take at this station
    double m_secondsToWindow = 0, m_secondsToProject = 0;
    std::map<QString, std::vector<double>> m_milliseconds;
    QTimer m_timer;
};

} // namespace attune
