// Scenes of Review.
#pragma once

#include "gallery_finished_run.h"

namespace attune::gallery {

inline std::vector<Scene> reviewScenes() {
    std::vector<Scene> scenes;
    scenes.push_back({"review", "empty", [](Stage& stage) { stage.openProject(); }, {}, {}});
    scenes.push_back({"review", "start", [](Stage& stage) { stage.openProject(addFinishedRun); }, {}, {}});
    FakeEngineOptions slow;
    slow.stepTime = std::chrono::milliseconds(100);
    scenes.push_back({"review", "working",
                      [](Stage& stage) {
                          stage.openProject(addFinishedRun);
                          QTest::qWait(200);
                          press(*stage.window, "Prepare review");
                          QTest::qWait(900);
                      },
                      {},
                      slow});
    scenes.push_back({"review", "full",
                      [](Stage& stage) {
                          stage.openProject(addFinishedRun);
                          QTest::qWait(200);
                          press(*stage.window, "Prepare review");
                          QTest::qWait(1500);
                          for (int i = 0; i < 24; ++i)
                              press(*stage.window, i % 5 == 0 ? "3  Equally good" : i % 3 ? "1  Left is better" : "2  Right is better");
                          press(*stage.window, "U  Undo");
                      },
                      {},
                      {}});
    scenes.push_back({"review", "done",
                      [](Stage& stage) {
                          stage.openProject(addFinishedRun);
                          QTest::qWait(200);
                          press(*stage.window, "Prepare review");
                          QTest::qWait(1500);
                          for (int i = 0; i < 100; ++i)
                              press(*stage.window, i % 2 ? "1  Left is better" : "4  Both bad");
                      },
                      {},
                      {}});
    return scenes;
}

} // namespace attune::gallery
