// Scenes of Compare.
#pragma once

// Designated initialisers leave the other members at their defaults on purpose.
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

#include "gallery_finished_run.h"

namespace attune::gallery {

inline std::vector<Scene> compareScenes() {
    std::vector<Scene> scenes;
    scenes.push_back({"compare", "empty", [](Stage& stage) { stage.openProject(); }, {}, {}});
    FakeEngineOptions slow;
    slow.stepTime =
        std::chrono::milliseconds(700); // five words an answer: the second is being written in both pictures
    scenes.push_back({"compare", "working",
                      [](Stage& stage) {
                          stage.openProject(addFinishedRun);
                          QTest::qWait(1500); // the test rows load, the adapter is proved
                          press(*stage.window, "Answer");
                          QTest::qWait(3700);
                      },
                      {},
                      slow});
    scenes.push_back({"compare", "full",
                      [](Stage& stage) {
                          stage.openProject(addFinishedRun);
                          QTest::qWait(800);
                          press(*stage.window, "Answer");
                          QTest::qWait(800);
                      },
                      {},
                      {}});
    scenes.push_back({"compare", "scores",
                      [](Stage& stage) {
                          stage.openProject(addFinishedRun);
                          QTest::qWait(800);
                          press(*stage.window, "Test rows");
                          press(*stage.window, "Measure");
                          QTest::qWait(1500);
                      },
                      {},
                      {}});
    scenes.push_back({"compare", "error",
                      [](Stage& stage) {
                          stage.openProject([](Project& project) {
                              addFinishedRun(project);
                              const auto info = project.datasets().list();
                              std::vector<SplitAssignment> none; // a version without test rows, and a run on it
                              const auto ids = project.datasets().ids({.datasetId = info->front().id});
                              for (const RowId id : *ids)
                                  none.push_back({id, Split::Train});
                              (void)project.datasets().assignSplits(none);
                              const auto version = project.datasets().freeze(info->front().id);
                              auto run = project.runs().list()->front();
                              run.datasetVersion = version->id;
                              run.name = "Trained on everything";
                              const auto id = project.runs().add(run);
                              (void)project.runs().setState(*id, "finished");
                          });
                          QTest::qWait(800);
                      },
                      {},
                      {}});
    return scenes;
}

} // namespace attune::gallery
