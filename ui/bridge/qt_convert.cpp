#include "ui/bridge/qt_convert.h"

#include <cmath>

#include <QCoreApplication>

namespace attune {

QString durationText(double seconds) {
    const auto tr = [](const char* text) { return QCoreApplication::translate("Duration", text); };
    if (!(seconds >= 0))
        return tr("unknown");
    if (seconds < 0.95)
        return tr("under 1 s");
    if (seconds < 59.5)
        return tr("%1 s").arg(std::lround(seconds));
    const qint64 minutes = std::llround(seconds / 60);
    if (minutes < 60)
        return tr("%1 min").arg(minutes);
    if (minutes < 48 * 60)
        return minutes % 60 ? tr("%1 h %2 min").arg(minutes / 60).arg(minutes % 60) : tr("%1 h").arg(minutes / 60);
    return tr("%1 days").arg(std::llround(seconds / 86400));
}

} // namespace attune
