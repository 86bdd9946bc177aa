// What the selected runs have to show, in one card: their losses over each other, or what every comparable run gained of the task
// against what it lost of the general data. Reads in tasks. GUI thread.
#pragma once

#include <QList>
#include <QWidget>

#include "ui/models/trade_offs.h"
#include "ui/services.h"

class QLabel;
class QPushButton;
class QStackedWidget;

namespace attune {

class Card;
class LossChart;
class MessageArea;
class ScatterChart;
class SegmentedControl;

class CurvesCard final : public QWidget {
    Q_OBJECT
public:
    CurvesCard(Services& services, MessageArea& messages, QWidget* parent);
    struct Run {
        qint64 id = 0;
        QString name;
    };
    /// Oldest first; the newest is drawn in full, the others beneath it.
    void setRuns(const std::vector<Run>& runs);
    enum Page { Losses, GainedAndLost };
    void showPage(Page page); ///< as if the user had chosen it
    const ScatterChart& scatter() const { return *m_scatter; }

private:
    void read();
    void readLosses();
    void readTradeOff();
    void showTradeOffs(const TradeOffs& found);

    Services& m_services;
    MessageArea& m_messages;
    std::vector<Run> m_runs;
    Card* m_card;
    SegmentedControl* m_which;
    QStackedWidget* m_stack; // losses, points, why there are none
    LossChart* m_chart;
    ScatterChart* m_scatter;
    QLabel* m_left; // what the points leave out
    QLabel* m_none;
    QPushButton *m_saveLosses, *m_savePoints;
    quint64 m_request = 0;
};

} // namespace attune
