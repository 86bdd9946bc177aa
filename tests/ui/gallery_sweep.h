// Scenes of sweeps in Train: nothing yet, in the middle, halved to the end, and one with failed trials and wrong values.
#pragma once

#include "gallery_train.h"
#include "ui/bridge/sweep_driver.h"
#include "ui/views/train/sweep_page.h"

namespace attune::gallery {

inline SweepPage& sweepPage(Stage& stage) {
    return trainView(stage).sweep();
}

inline void readyToSweep(Stage& stage, std::int64_t maxSteps) {
    readyToTrain(stage);
    RunConfig config = trainView(stage).setup().config();
    config.name = "claims";
    config.training["max_steps"] = maxSteps;
    trainView(stage).setup().useConfig(config);
    trainView(stage).showPage(TrainView::SweepIndex);
    (void)QTest::qWaitFor([&] { return sweepPage(stage).isReady() && trainView(stage).setup().isReady(); }, 20'000);
}

inline void startSweep(Stage& stage, SweepKind kind, int trials, const QString& rates, const QString& ranks) {
    SweepForm& form = sweepPage(stage).form();
    form.setKnob(0, "training.learning_rate", rates);
    form.setKnob(1, "method.r", ranks);
    form.setKind(kind, trials);
    QTest::qWait(150);
    sweepPage(stage).start();
    (void)QTest::qWaitFor([&] { return sweepPage(stage).driver().isActive(); }, 10'000);
}

inline bool sweepEnded(Stage& stage) {
    const auto& sweep = sweepPage(stage).model().sweep();
    return !sweepPage(stage).driver().isActive() && sweep && sweep->record.state == "finished";
}

inline std::vector<Scene> sweepScenes() {
    FakeEngineOptions quick, slow, failing;
    quick.steps = 270, quick.evalEvery = 30;
    slow.steps = 150, slow.evalEvery = 15, slow.stepTime = std::chrono::milliseconds(5);
    failing.steps = 90, failing.evalEvery = 15, failing.failAboveRate = 1e-3;
    std::vector<Scene> scenes;
    scenes.push_back({"train", "sweep-empty", [](Stage& stage) { readyToSweep(stage, 270); }, {}, quick});
    scenes.push_back({"train", "sweep-running",
                      [](Stage& stage) {
                          readyToSweep(stage, 150);
                          startSweep(stage, SweepKind::Grid, 9, "2e-5,6e-5,2e-4,6e-4", "4,8,16,32");
                      },
                      [](Stage& stage) { return sweepPage(stage).model().sweep() && sweepPage(stage).model().sweep()->ranking().size() >= 5; },
                      slow});
    scenes.push_back({"train", "sweep-full",
                      [](Stage& stage) {
                          readyToSweep(stage, 270);
                          startSweep(stage, SweepKind::Halving, 18, "2e-6..2e-3:log", "4..64:log");
                      },
                      sweepEnded, quick});
    scenes.push_back({"train", "sweep-error",
                      [](Stage& stage) {
                          readyToSweep(stage, 90);
                          startSweep(stage, SweepKind::Grid, 9, "2e-5,2e-4,2e-3,2e-2", "8,16");
                          (void)QTest::qWaitFor([&] { return sweepEnded(stage); }, 30'000);
                          sweepPage(stage).form().setKnob(0, "training.learning_rate", "0..3:log");
                          sweepPage(stage).form().setKnob(1, "method.r", "8,4096");
                          sweepPage(stage).select(7);
                      },
                      {},
                      failing});
    return scenes;
}

} // namespace attune::gallery
