// Widgets and charts side by side, for looking at them without a view around.
#pragma once

#include <cmath>

#include <QGridLayout>

#include "core/run/fake_engine.h"
#include "ui/charts/bar_chart.h"
#include "ui/charts/histogram_chart.h"
#include "ui/charts/loss_chart.h"
#include "ui/widgets/card.h"
#include "ui/widgets/chart_support.h"
#include "ui/widgets/empty_state.h"
#include "ui/widgets/message_bar.h"
#include "ui/widgets/param_form.h"
#include "ui/widgets/segmented_control.h"
#include "ui/widgets/stacked_bar.h"
#include "ui/widgets/text_diff_view.h"
#include "ui/widgets/token_view.h"

namespace attune::gallery {

inline LossChart* makeLossChart() {
    auto* chart = new LossChart;
    chart->setSmoothing(0.93);
    QVector<LossChart::Point> training, other, validation;
    quint32 state = 7;
    const auto noise = [&state] {
        state = state * 1664525u + 1013904223u;
        return (state >> 8) / double(1u << 24) - 0.5;
    };
    for (int step = 1; step <= 214; ++step) {
        training.append({double(step), 0.55 + 2.2 * std::exp(-step / 45.0) + 0.35 * noise()});
        other.append({double(step), 0.8 + 2.0 * std::exp(-step / 70.0) + 0.3 * noise()});
    }
    for (int step = 0; step <= 200; step += 40)
        validation.append({double(step), 0.78 + 2.17 * std::exp(-step / 42.0) + (step > 160 ? 0.02 : 0)});
    chart->append(training);
    chart->appendValidation(validation);
    chart->setOverlays({{"Run 5", other, {}}});
    chart->setMarker(160, "best checkpoint 160");
    chart->setExpectedEnd(480);
    chart->setAxisTitles("step", {});
    followTheme(*chart);
    return chart;
}

inline std::unique_ptr<QWidget> makeWidgetBoard(MessageArea*& messages) {
    auto board = std::make_unique<QWidget>();
    board->setProperty("surface", "page");
    board->setAttribute(Qt::WA_StyledBackground);
    auto* grid = new QGridLayout(board.get());
    grid->setSpacing(16);
    messages = new MessageArea;
    messages->show("a", Tone::Careful, "Validation has stopped improving since step 160.",
                   "The model begins to learn the training rows by heart. Best checkpoint so far: 160.",
                   {{"Stop and use 160", [] {}}, {"Go on", [] {}}});
    messages->show("b", Tone::Good, "Adapter is active: answers come from different weights.");
    grid->addWidget(messages, 0, 0, 1, 2);
    auto* loss = new Card("Loss", "per step · lower is better");
    auto* chart = makeLossChart();
    addSaveButton(*loss, *chart, "loss", *messages);
    loss->body()->addWidget(chart);
    grid->addWidget(loss, 1, 0);
    auto* form = new Card("Settings", "from the list of knobs");
    auto* control = new SegmentedControl({"Guided", "Standard", "Expert"});
    control->setIndex(1);
    form->tools()->addWidget(control);
    auto* params = new ParamForm;
    const Catalog catalog = fakeCatalog();
    std::vector<ParamSpec> specs = trainingParams().params;
    for (const MethodEntry& method : catalog.methods)
        specs.insert(specs.begin(), method.description.params.begin(), method.description.params.end());
    params->setSpecs(specs, {{"learning_rate", 0.002}});
    params->setDepth(Depth::Guided);
    params->setComplaint("learning_rate", "0.002 is high for this method; 0.0002 is usual.", Tone::Careful);
    params->focusField("batch_size");
    form->body()->addWidget(params);
    auto* memory = new StackedBar;
    memory->setParts({{"weights", 540, "540 MB"},
                      {"gradients", 40, "40 MB"},
                      {"optimizer", 80, "80 MB"},
                      {"activations", 900, "900 MB"}},
                     2400, "2.4 GB free");
    form->body()->addWidget(memory);
    auto* tight = new StackedBar;
    tight->setParts({{"weights", 5400, "5.4 GB"}, {"activations", 9000, "9.0 GB"}}, 8000, "8.0 GB: too little");
    form->body()->addWidget(tight);
    form->body()->addStretch(1);
    grid->addWidget(form, 1, 1);
    auto* tokens = new Card("Row 1 as the model sees it", "blue is what it learns to write");
    auto* view = new TokenView;
    std::vector<TokenView::Token> row;
    for (const char* word : {"<user>", " My", " parcel", " came", " wet", " and", " the", " kettle", " is", " dead",
                             ".", "<end>", "\n", "<assistant>"})
        row.push_back({word, 1, false, word[0] == '<', -1});
    for (const char* word : {"{\"", "category", "\":", " \"", "damaged", "_item", "\",", " \"", "urgency", "\":", " \"",
                             "high", "\"}", "<end>"})
        row.push_back({word, 2, true, word[0] == '<', 1.5});
    view->setTokens(row, 25);
    tokens->body()->addWidget(view);
    auto* left = new TextDiffView(TextDiffView::Side::Left);
    left->setTexts("You should contact the store where you bought the lamps.",
                   "Please contact the shop where you bought the lamps.");
    auto* right = new TextDiffView(TextDiffView::Side::Right);
    right->setTexts("You should contact the store where you bought the lamps.",
                    "Please contact the shop where you bought the lamps.");
    tokens->body()->addWidget(left);
    tokens->body()->addWidget(right);
    grid->addWidget(tokens, 2, 0);
    auto* bars = new Card("Before and after", "150 test rows · 95 % intervals");
    auto* chartBars = new BarChart;
    chartBars->setData({"valid JSON", "exact fields", "summary"},
                       {{"base", {{0.0, 0, 0.02, true}, {0.02, 0.0, 0.06, true}, {0.11, 0.09, 0.13, true}}},
                        {"tuned", {{0.98, 0.94, 0.99, true}, {0.86, 0.79, 0.91, true}, {0, 0, 0, false}}}},
                       true);
    followTheme(*chartBars);
    auto* histogram = new HistogramChart;
    QVector<double> counts;
    for (int i = 0; i < 26; ++i)
        counts.append(std::round(220 * std::exp(-std::pow((i - 6) / 5.0, 2))) + (i < 24 ? 3 : 1));
    histogram->setBins(0, 22, counts);
    histogram->setLimit(512, "context 512");
    followTheme(*histogram);
    auto* pair = new QHBoxLayout;
    pair->addWidget(chartBars);
    pair->addWidget(histogram);
    bars->body()->addLayout(pair);
    grid->addWidget(bars, 2, 1);
    auto* empty =
        new EmptyState("data", "No rows yet", "Bring examples of the task: what is asked, and the answer you want.");
    empty->setPrimary("Import rows…", "import");
    empty->setSecondary("Try with the sample");
    grid->addWidget(empty, 3, 0, 1, 2);
    return board;
}

} // namespace attune::gallery
