// Scenes of the Advisor.
#pragma once

#include "core/plan/decision_matrix.h"
#include "gallery_stage.h"

namespace attune::gallery {

inline void answerQuestions(Stage& stage, std::size_t count) {
    const DecisionRules& rules = decisionRules();
    QVariantMap answers;
    const Answers& all = rules.scenarios.at(3).answers; // specific JSON
    for (std::size_t i = 0; i < std::min(count, rules.questions.size()); ++i)
        if (const auto given = all.find(rules.questions[i].id); given != all.end())
            answers[qstr(given->first)] = qstr(given->second);
    stage.window->showStation("advisor", {{"answers", answers}});
}

inline std::vector<Scene> advisorScenes() {
    std::vector<Scene> scenes;
    scenes.push_back({"advisor", "empty", [](Stage&) {}, {}, {}});
    scenes.push_back({"advisor",
                      "working",
                      [](Stage& stage) {
                          stage.openProject();
                          QTest::qWait(150);
                          answerQuestions(stage, 7);
                      },
                      {},
                      {}});
    scenes.push_back(
        {"advisor",
         "full",
         [](Stage& stage) {
             stage.knowComputer();
             stage.openProject();
             QTest::qWait(150);
             stage.window->showStation("advisor", {{"scenario", qstr(decisionRules().scenarios.at(3).id)}});
         },
         {},
         {}});
    scenes.push_back({"advisor",
                      "error",
                      [](Stage& stage) {
                          stage.openProject([](Project& project) {
                              if (!project.setSetting("advisor.input", "{\"examples\": \"thousands\", ").has_value())
                                  qFatal("the setting could not be written");
                          });
                          QTest::qWait(150);
                      },
                      {},
                      {}});
    return scenes;
}

} // namespace attune::gallery
