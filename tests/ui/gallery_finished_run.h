// A project with the sample's test rows and one finished run, and ways to press what a user presses.
#pragma once

#include <QAbstractButton>
#include <QLineEdit>

#include "core/data/import_file.h"
#include "core/plan/run_config.h"
#include "core/store/dataset_appender.h"
#include "gallery_stage.h"

namespace attune::gallery {

inline void addFinishedRun(Project& project) {
    const fs::path rows = fs::path(ATTUNE_SOURCE_DIR) / "resources" / "sample_project" / "test.jsonl";
    auto appender = project.datasets().beginImport("Customer messages", rows.string(), {});
    std::int64_t row = 0;
    const auto imported = importFile(
        rows, {},
        [&](Sample&& sample) {
            sample.split = ++row % 3 ? Split::Test : Split::Train;
            return (*appender)->add(sample);
        },
        [](const ImportProblem&) {});
    if (!imported || !(*appender)->commit())
        qFatal("the sample's rows could not be imported");
    const auto version = project.datasets().freeze((*appender)->datasetId());
    RunConfig recipe;
    recipe.name = "LoRA r 16, five passes";
    recipe.model = (fs::path(ATTUNE_SOURCE_DIR) / "resources" / "starter_model").string();
    recipe.data.datasetVersion = version->id;
    RunRecord run;
    run.name = recipe.name;
    run.recipe = toYaml(recipe);
    run.folder = "runs/1";
    run.state = "running";
    run.model = recipe.model;
    run.datasetVersion = version->id;
    const auto id = project.runs().add(run);
    if (!id || !project.runs().setState(*id, "finished"))
        qFatal("the run could not be recorded");
}

/// Presses the visible, enabled button with exactly these words, waiting for it (a loaded machine takes its time); fails the test when
/// it does not come.
inline void press(QWidget& root, const QString& text) {
    const auto find = [&]() -> QAbstractButton* {
        for (QAbstractButton* button : root.findChildren<QAbstractButton*>()) {
            if (button->isVisibleTo(&root) && button->text() == text && button->isEnabled())
                return button;
        }
        return nullptr;
    };
    if (QTest::qWaitFor([&] { return find() != nullptr; }, 30'000))
        find()->click();
    else
        QTest::qFail(qPrintable("no button \"" + text + "\""), __FILE__, __LINE__);
}

} // namespace attune::gallery
