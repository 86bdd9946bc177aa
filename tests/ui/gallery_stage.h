// A whole window with its services on a FakeEngine, put into a state through its normal inputs. One Stage per scene;
// the Theme belongs to the application and is shared. A view's scenes are in gallery_<view>.h.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include <QTemporaryDir>
#include <QUndoGroup>
#include <QtTest>

#include "core/run/fake_engine.h"
#include "core/store/project.h"
#include "ui/bridge/computer_facts.h"
#include "ui/bridge/current_project.h"
#include "ui/bridge/qt_convert.h"
#include "ui/bridge/run_bridge.h"
#include "ui/main_window.h"
#include "ui/settings.h"
#include "ui/theme.h"

namespace attune::gallery {

class Stage {
public:
    explicit Stage(Theme& theme, FakeEngineOptions engineOptions = {})
        : engine(engineOptions), settings(folder.filePath("settings.ini")), runs(engine) {
        project.setSampleMaker([place = fspath(folder.filePath("sample.attune"))](const Progress&) {
            return Project::openOrCreate(place);
        });
        services = {&engine, &runs, &project, &computer, &settings, &theme, &undo};
        window = std::make_unique<MainWindow>(services);
        window->resize(1440, 900);
        window->show();
    }
    ~Stage() {
        window.reset();
        project.set(nullptr);
        QTest::qWait(20); // the project closes in a task of its own
        Task::finishAll();
    }

    /// Opens a new project "Claims triage"; `prepare` fills its store first.
    std::shared_ptr<Project> openProject(const std::function<void(Project&)>& prepare = {}) {
        auto made = Project::create(fspath(folder.filePath("Claims triage.attune")));
        if (!made)
            qFatal("%s", made.error().message.c_str());
        std::shared_ptr<Project> opened = std::move(*made);
        if (prepare)
            prepare(*opened);
        project.set(opened);
        return opened;
    }
    /// A usual laptop, the same on every machine that draws the pictures.
    void knowComputer() {
        Computer laptop;
        laptop.cores = 8;
        laptop.memoryBytes = 16'000'000'000;
        laptop.freeMemoryBytes = 9'400'000'000;
        laptop.freeDiskBytes = 212'000'000'000;
        laptop.bf16 = true;
        laptop.cpuName = "AMD Ryzen 7 7840U";
        laptop.blas = "OpenBLAS 0.3.21";
        laptop.gflopsBf16 = 610;
        computer.setComputer(laptop);
    }

    QTemporaryDir folder;
    FakeEngine engine;
    Settings settings;
    QUndoGroup undo;
    ComputerFacts computer;
    CurrentProject project;
    RunBridge runs;
    Services services;
    std::unique_ptr<MainWindow> window;
};

/// `arrange` runs with the station in front. `settled` (optional) says when the picture may be taken.
struct Scene {
    QString view, state; // state: "empty", "working", "full", "error", or one of the view's own
    std::function<void(Stage&)> arrange;
    std::function<bool(Stage&)> settled;
    FakeEngineOptions engine;
    int height = 900; // of the large pictures: more shows what else only scrolling does
};

} // namespace attune::gallery
