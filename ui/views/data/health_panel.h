// What the health check found, line by line, and how long the rows are. Lines ask to show their rows. GUI thread.
#pragma once

#include <optional>

#include <QWidget>

#include "ui/views/data/health_check.h"

class QLabel;
class QPushButton;

namespace attune {

class Card;
class HealthLine;
class HistogramChart;

/// A line of the panel that has rows behind it.
enum class HealthFinding { SetAside, Empty, Duplicates, Leaks, TooLong, ControlTokens };

class HealthPanel final : public QWidget {
    Q_OBJECT
public:
    explicit HealthPanel(QWidget* parent);

    void setChecking();
    void setReport(const HealthReport& report, const QString& modelName);
    /// The rows changed since; the check runs again by itself or on request.
    void setOutdated();

Q_SIGNALS:
    void findingClicked(attune::HealthFinding finding);
    void checkWanted();
    void chooseModelWanted();

private:
    HealthLine* addLine(const QString& what, std::optional<HealthFinding> finding = {});
    Card* m_health;
    Card* m_length;
    QPushButton* m_again;
    HealthLine *m_rows, *m_setAside, *m_empty, *m_duplicates, *m_near, *m_conflicting, *m_leaks, *m_tooLong, *m_controlTokens, *m_toolFaults, *m_context;
    HistogramChart* m_chart;
    QWidget* m_noCounts;
    QLabel* m_lengthWords;
};

} // namespace attune
