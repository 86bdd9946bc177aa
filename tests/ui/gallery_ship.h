// Scenes of Ship.
#pragma once

#include "gallery_finished_run.h"

namespace attune::gallery {

inline std::vector<Scene> shipScenes() {
    std::vector<Scene> scenes;
    scenes.push_back({"ship", "empty", [](Stage& stage) { stage.openProject(); }, {}, {}});
    scenes.push_back({"ship", "start", [](Stage& stage) { stage.openProject(addFinishedRun); }, {}, {}});
    scenes.push_back({"ship", "gguf",
                      [](Stage& stage) {
                          stage.openProject(addFinishedRun);
                          QTest::qWait(200);
                          for (QAbstractButton* button : stage.window->findChildren<QAbstractButton*>("gguf"))
                              button->click();
                      },
                      {},
                      {}});
    scenes.push_back({"ship", "full",
                      [](Stage& stage) {
                          stage.openProject(addFinishedRun);
                          QTest::qWait(200);
                          press(*stage.window, "Export");
                          QTest::qWait(600);
                          press(*stage.window, "Export");
                          QTest::qWait(600);
                      },
                      {},
                      {}});
    scenes.push_back({"ship", "error",
                      [](Stage& stage) {
                          stage.openProject(addFinishedRun);
                          QTest::qWait(200);
                          for (QLineEdit* field : stage.window->findChildren<QLineEdit*>())
                              if (field->accessibleName() == "Folder to write" && field->isVisibleTo(stage.window.get()))
                                  field->clear();
                          press(*stage.window, "Export");
                          QTest::qWait(200);
                      },
                      {},
                      {}});
    return scenes;
}

} // namespace attune::gallery
