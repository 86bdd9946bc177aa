// The one place that names engine, stores and views together: makes the parts of the window in order and takes them
// down again.
#pragma once

#include <memory>

#include <QUndoGroup>

#include "core/run/engine.h"
#include "ui/bridge/computer_facts.h"
#include "ui/bridge/current_project.h"
#include "ui/bridge/run_bridge.h"
#include "ui/main_window.h"
#include "ui/services.h"
#include "ui/settings.h"
#include "ui/theme.h"

class QApplication;

namespace attune {

class Composition {
public:
    Composition(QApplication& application, std::unique_ptr<Engine> engine);
    ~Composition();
    Composition(const Composition&) = delete;
    Composition& operator=(const Composition&) = delete;

    MainWindow& window() { return *m_window; }
    const CurrentProject& project() const { return m_project; }
    /// Shows the window; with `project` (a folder) opens that, else what was open last time. `sample`: opens the sample
    /// project.
    void show(const QString& project, bool sample);

private:
    std::unique_ptr<Engine> m_engine;
    Settings m_settings;
    Theme m_theme;
    QUndoGroup m_undo;
    ComputerFacts m_computer;
    CurrentProject m_project;
    RunBridge m_runs;
    Services m_services;
    std::unique_ptr<MainWindow> m_window; // first to go: views use everything above
};

} // namespace attune
