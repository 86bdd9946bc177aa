// Scenes of the model page in Train: nothing chosen, a good model that answered, one that is refused, and a long name.
#pragma once

#include "gallery_train.h"
#include "ui/views/train/model_page.h"
#include "ui/views/train/model_trial.h"

namespace attune::gallery {

inline ModelPage& modelPage(Stage& stage) {
    return trainView(stage).model();
}

inline void lookAt(Stage& stage, const QString& path) {
    trainView(stage).showRequest({{"model", path}});
    (void)QTest::qWaitFor([&] { return !modelPage(stage).isReading(); }, 20'000);
}

inline std::vector<Scene> modelScenes() {
    const QString starter = QStringLiteral(ATTUNE_SOURCE_DIR "/resources/starter_model");
    std::vector<Scene> scenes;
    scenes.push_back({"train", "model-empty",
                      [](Stage& stage) {
                          stage.knowComputer();
                          stage.openProject([](Project& project) { fillSample(project, true); });
                          QTest::qWait(300);
                          trainView(stage).showPage(TrainView::ModelIndex);
                      },
                      {},
                      {}});
    scenes.push_back({"train", "model-full",
                      [starter](Stage& stage) {
                          stage.knowComputer();
                          stage.openProject([](Project& project) { fillSample(project, true); });
                          QTest::qWait(300);
                          lookAt(stage, starter);
                          modelPage(stage).trial().prompt().setText("My order has not arrived. What should I do?");
                          modelPage(stage).trial().tryPrompt();
                          QTest::qWait(300);
                      },
                      {},
                      {}});
    scenes.push_back({"train", "model-error",
                      [](Stage& stage) {
                          stage.knowComputer();
                          stage.openProject([](Project& project) { fillSample(project, true); });
                          QTest::qWait(300);
                          const QString folder = stage.folder.path() + "/a-model-with-a-very-long-name-that-somebody-gave-it-v2.5-instruct-preview";
                          QDir().mkpath(folder);
                          for (const auto& [name, content] : {std::pair{"config.json", "{\"architectures\": [\"LlamaForCausalLM\"]}"},
                                                              std::pair{"pytorch_model.bin", "PK\x03\x04 archive/data.pkl"}}) {
                              QFile file(folder + "/" + name);
                              if (!file.open(QIODevice::WriteOnly) || file.write(content) < 0)
                                  qFatal("cannot write the test's model");
                          }
                          lookAt(stage, folder);
                      },
                      {},
                      {}});
    return scenes;
}

} // namespace attune::gallery
