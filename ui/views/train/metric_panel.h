// What a run reports beside its loss, as small curves: the figures of its objective as the engine's catalog names them,
// learning rate, gradient norm and speed. Which ones are drawn can be chosen; figures nobody described appear in that list as soon
// as a run reports them. Keeps the points it shows and nothing else. GUI thread.
#pragma once

#include <map>
#include <vector>

#include <QMap>
#include <QSet>
#include <QVector>
#include <QWidget>

#include "core/base/metric_spec.h"
#include "core/run/training_event.h"
#include "ui/charts/loss_chart.h"

class QGridLayout;
class QLabel;
class QMenu;
class QPushButton;

namespace attune {

class Card;
class MessageArea;

class MetricPanel final : public QWidget {
    Q_OBJECT
public:
    MetricPanel(MessageArea& messages, QWidget* parent);

    /// Empty curves for a run that reports these figures, the most telling first.
    void begin(const std::vector<MetricSpec>& metrics);
    void takeSteps(const QVector<StepFinished>& steps); ///< a step that is not after the last one replaces what follows it
    void takeEvals(const QVector<EvalFinished>& evals); ///< those of the set "validation", as points
    /// Titles of the curves that are drawn, in order.
    QStringList titles() const;
    LossChart* chart(const QString& key) const; ///< null when it is not drawn
    /// Draws a curve or not, as the menu does.
    void setDrawn(const QString& key, bool drawn);

protected:
    void resizeEvent(QResizeEvent* event) override;

private:
    struct Curve {
        MetricSpec spec;
        QVector<LossChart::Point> steps, validation; // in the unit that is shown
        QWidget* box = nullptr;                      // while it is drawn
        QLabel* title = nullptr;
        QLabel* value = nullptr;
        LossChart* chart = nullptr;
        bool reported = false; // by this run
    };
    Curve& curve(const std::string& key);
    void add(const std::string& key, double step, double value, bool validation);
    void flush(); ///< what was added goes into the charts
    void draw(Curve& curve);
    void arrange();
    void showValue(Curve& curve);
    void fillMenu();
    void fillSaveMenu();
    bool wanted(const Curve& curve) const;
    double shown(const MetricSpec& spec, double value) const;

    MessageArea& m_messages;
    Card* m_card;
    QGridLayout* m_grid;
    QPushButton* m_choose;
    QMenu* m_menu;
    QMenu* m_saveMenu;
    std::vector<MetricSpec> m_metrics;
    std::vector<std::string> m_order; // of the curves: described ones first
    std::map<std::string, Curve> m_curves;
    QMap<QString, bool> m_chosen; // by hand, for the session
    std::map<std::string, QVector<LossChart::Point>> m_newSteps, m_newValidation;
    double m_lastStep = -1, m_end = 0;
    int m_columns = 0;
};

} // namespace attune
