// Scenes of Ship.
#pragma once

#include "gallery_finished_run.h"
#include "ui/models/kept_evaluation.h"

namespace attune::gallery {

/// Who exports a run that was not measured, and why.
inline void sayWhy(Stage& stage) {
    for (QLineEdit* field : stage.window->findChildren<QLineEdit*>()) {
        if (field->accessibleName() == "Who decides to export")
            field->setText("Mara Lindqvist");
        if (field->accessibleName() == "Why it is exported all the same")
            field->setText("Only to try the file in the other program, not for customers");
    }
}

inline std::vector<Scene> shipScenes() {
    std::vector<Scene> scenes;
    scenes.push_back({"ship", "empty", [](Stage& stage) { stage.openProject(); }, {}, {}});
    scenes.push_back({"ship", "start", [](Stage& stage) { stage.openProject(addFinishedRun); }, {}, {}});
    scenes.push_back({"ship", "refused", // nothing was measured and nobody says why it should go all the same
                      [](Stage& stage) {
                          stage.openProject(addFinishedRun);
                          QTest::qWait(300);
                          press(*stage.window, "Export");
                          QTest::qWait(300);
                      },
                      {},
                      {}});
    scenes.push_back({"ship", "measured",
                      [](Stage& stage) {
                          stage.openProject([](Project& project) {
                              addFinishedRun(project);
                              const auto runs = project.runs().list();
                              std::vector<double> wrong(150, 0), right(150, 1);
                              for (std::size_t i = 0; i < 20; ++i)
                                  wrong[i] = 1, right[i] = 0;
                              const auto changes = compareAll({summarise("json.valid", "Valid JSON", wrong)}, {summarise("json.valid", "Valid JSON", right)});
                              KeptEvaluation kept;
                              kept.time = QDateTime::currentMSecsSinceEpoch();
                              kept.evaluation.changes = changes;
                              if (!runs || runs->empty() || !keepEvaluation(project, runs->front().id, kept))
                                  qFatal("the scores were not kept");
                          });
                          QTest::qWait(300);
                      },
                      {},
                      {}});
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
                          QTest::qWait(300);
                          sayWhy(stage);
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
                          sayWhy(stage);
                          press(*stage.window, "Export");
                          QTest::qWait(200);
                      },
                      {},
                      {}});
    return scenes;
}

} // namespace attune::gallery
