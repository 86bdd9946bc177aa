#include "ui/widgets/chart_support.h"

#include <QHBoxLayout>

#include "ui/charts/chart.h"
#include "ui/theme.h"
#include "ui/widgets/card.h"
#include "ui/widgets/message_bar.h"

namespace attune {
namespace {

ChartStyle chartStyle(const Theme& theme) {
    const ThemeTokens& t = theme.tokens();
    QFont font = theme.bodyFont();
    font.setPixelSize(12);
    return {t.panel, t.line, t.text, t.muted, t.line, t.accent, t.accentWash, t.good, t.careful, t.bad, font};
}

} // namespace

void followTheme(Chart& chart) {
    chart.setStyle(chartStyle(Theme::current()));
    QObject::connect(&Theme::current(), &Theme::changed, &chart,
                     [&chart] { chart.setStyle(chartStyle(Theme::current())); });
}

QPushButton* addSaveButton(Card& card, Chart& chart, const QString& suggestedName, MessageArea& messages) {
    QPushButton* button = makeButton(Card::tr("Save as…"), "chip", {}, &card);
    button->setAccessibleName(Card::tr("Save the chart as a picture or as values"));
    card.tools()->addWidget(button);
    QObject::connect(button, &QPushButton::clicked, &chart, [&chart, &messages, suggestedName] {
        QString error;
        const QString file = chart.saveAs(suggestedName, &error);
        if (!error.isEmpty())
            messages.show("chart", Tone::Bad, error);
        else if (!file.isEmpty())
            messages.show("chart", Tone::Good, Card::tr("Saved %1.").arg(file));
    });
    return button;
}

} // namespace attune
