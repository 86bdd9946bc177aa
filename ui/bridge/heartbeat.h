// Measures how long the window's event loop stalls: a timer that should fire every 5 ms notes when it really did.
// `attune --heartbeat FILE` keeps one while the program runs. GUI thread.
#pragma once

#include <QElapsedTimer>
#include <QObject>
#include <QTimer>

#include <vector>

#include "core/base/json.h"
#include "core/base/result.h"

namespace attune {

class Heartbeat : public QObject {
    Q_OBJECT

public:
    static constexpr int kPeriodMs = 5;

    explicit Heartbeat(QObject* parent = nullptr);

    /// {"beats", "p50_ms", "p99_ms", "max_ms", "over_16_ms", "over_200_ms"}: by how much beats came late; and what `more`
    /// holds. Errors: Io.
    Status write(const QString& file, const Json& more = Json::object()) const;

private:
    void beat();

    QTimer m_timer;
    QElapsedTimer m_sinceLast;
    std::vector<float> m_lateMs;
};

} // namespace attune
