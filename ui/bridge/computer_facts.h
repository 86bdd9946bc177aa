// What this computer can do (inspected once, in the background) and how busy it is now (for the status bar). GUI
// thread.
#pragma once

#include <optional>

#include <QObject>
#include <QTimer>

#include "core/plan/estimate.h"

namespace attune {

class ComputerFacts final : public QObject {
    Q_OBJECT
public:
    explicit ComputerFacts(QObject* parent = nullptr);

    /// Empty until the inspection ended; changed() says when.
    const std::optional<Computer>& computer() const { return m_computer; }
    void inspect(const QString& folder);
    /// Facts from elsewhere (measured GEMM rates, or a test's own).
    void setComputer(const Computer& computer);

    double cpuShare() const { return m_cpuShare; } ///< of all cores, 0..1; negative until two readings were made
    qint64 residentBytes() const { return m_residentBytes; }

Q_SIGNALS:
    void changed();
    void loadChanged();

private:
    void readLoad();

    std::optional<Computer> m_computer;
    QTimer m_timer;
    double m_cpuShare = -1;
    qint64 m_residentBytes = 0, m_lastBusy = 0, m_lastTotal = 0;
};

} // namespace attune
