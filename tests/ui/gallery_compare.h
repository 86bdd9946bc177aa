// Scenes of Compare.
#pragma once

// Designated initialisers leave the other members at their defaults on purpose.
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

#include "core/run/metric_sink.h"
#include "core/run/run_folder.h"
#include "gallery_finished_run.h"
#include "ui/models/kept_evaluation.h"

namespace attune::gallery {

/// The project's finished run with a record of what it said and scores that were kept.
inline void addMeasured(Project& project) {
    const RunRecord run = project.runs().list()->front();
    const RunFolder folder{project.folder() / run.folder};
    fs::create_directories(folder.root);
    auto record = MetricSink::open(folder.metrics());
    if (!record)
        qFatal("the run's record cannot be written");
    for (int step = 0; step <= 100; step += 10)
        if (!record->write(EvalFinished{step, "validation", 2.9 - 0.02 * step, 4000, step == 100}) ||
            !record->write(EvalFinished{step, "general", 1.4 + 0.002 * step, 2000, false}))
            qFatal("the run's record cannot be written");
    KeptEvaluation kept;
    kept.time = QDateTime::currentMSecsSinceEpoch() + 60'000;
    kept.set = versionWords(project, run.datasetVersion);
    kept.model = qstr(run.model);
    std::vector<double> before(100, 0), after(100, 1), exact(100, 0), exactAfter(100, 0);
    for (std::size_t i = 0; i < 100; ++i) {
        before[i] = i < 22, after[i] = i < 97, exact[i] = i % 9 == 0, exactAfter[i] = i % 9 == 0 || i % 2 == 0;
        kept.prompts.push_back(QStringLiteral("Turn this customer message into a record: parcel %1 came wet and the kettle is dead. What now?").arg(i));
        kept.evaluation.expected.push_back("{\"category\": \"defect\", \"urgency\": \"high\"}");
        kept.evaluation.base.push_back(i < 22 ? "{\"category\": \"other\"}" : "I am sorry to hear that your kettle is dead.");
        kept.evaluation.tuned.push_back(i < 97 ? "{\"category\": \"defect\", \"urgency\": \"high\"}" : "{\"category\": ");
    }
    kept.evaluation.changes = compareAll({summarise("json.valid", "Valid JSON", before), summarise("json.exact", "All exact fields right", exact)},
                                         {summarise("json.valid", "Valid JSON", after), summarise("json.exact", "All exact fields right", exactAfter)});
    if (!keepEvaluation(project, run.id, kept))
        qFatal("the scores were not kept");
}

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
    scenes.push_back({"compare", "reopened", // a run that was measured yesterday, with what it forgot and what the doctor found
                      [](Stage& stage) {
                          stage.openProject([](Project& project) {
                              addFinishedRun(project);
                              addMeasured(project);
                          });
                          QTest::qWait(800);
                          press(*stage.window, "Test rows");
                          QTest::qWait(300);
                      },
                      {},
                      {}});
    scenes.push_back({"compare", "unmeasured",
                      [](Stage& stage) {
                          stage.openProject(addFinishedRun);
                          QTest::qWait(800);
                          press(*stage.window, "Test rows");
                          QTest::qWait(300);
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
