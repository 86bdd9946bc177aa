// Joins charts, which know no theme, to the window: colours that follow it, and the "Save as…" button of a chart's
// card.
#pragma once

#include <QString>

class QPushButton;

namespace attune {

class Card;
class Chart;
class MessageArea;

/// Gives the chart the theme's colours now and whenever they change.
void followTheme(Chart& chart);
/// A small button at the right of the card's title that saves the chart as PNG, SVG, PDF or CSV; failures go to
/// `messages`. Returns the button.
QPushButton* addSaveButton(Card& card, Chart& chart, const QString& suggestedName, MessageArea& messages);

} // namespace attune
