// Scenes of Home.
#pragma once

#include <QDir>

#include "gallery_stage.h"

namespace attune::gallery {

inline std::vector<Scene> homeScenes() {
    std::vector<Scene> scenes;
    scenes.push_back({"home", "empty", [](Stage& stage) { stage.knowComputer(); }, {}, {}});
    scenes.push_back({"home",
                      "working",
                      [](Stage& stage) {
                          stage.project.setSampleMaker(
                              [](const Progress& progress) -> Result<std::unique_ptr<Project>> {
                                  while (!progress.cancelled()) {
                                      progress.report(0.62, "Reading 1,200 customer messages");
                                      QThread::msleep(20);
                                  }
                                  return fail(ErrorCode::Cancelled, "Cancelled.");
                              });
                          stage.project.openSample();
                          QTest::qWait(700); // the strip appears after 0.3 s
                      },
                      {},
                      {}});
    scenes.push_back(
        {"home",
         "full",
         [](Stage& stage) {
             stage.knowComputer();
             for (const char* name : {"Contract clauses", "Discharge letters", "Product questions"})
                 if (auto made = Project::create(fspath(stage.folder.filePath(QString::fromLatin1(name) + ".attune")));
                     made)
                     stage.settings.addRecentProject(qpath((*made)->folder()));
             stage.settings.addRecentProject("/media/usb/Old backup of the archive.attune");
             stage.openProject();
         },
         {},
         {}});
    scenes.push_back({"home",
                      "error",
                      [](Stage& stage) {
                          stage.knowComputer();
                          const QString gone = stage.folder.filePath("Moved away.attune");
                          stage.settings.addRecentProject(gone);
                          stage.project.open(gone);
                      },
                      [](Stage& stage) { return !stage.project.isOpening(); },
                      {}});
    return scenes;
}

} // namespace attune::gallery
