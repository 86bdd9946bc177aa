// Between core's std types and Qt's. Inline, no state.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include <QLocale>
#include <QString>
#include <QStringList>

namespace attune {

inline QString qstr(std::string_view text) {
    return QString::fromUtf8(text.data(), qsizetype(text.size()));
}
inline std::string sstr(const QString& text) {
    return text.toStdString();
}
inline std::filesystem::path fspath(const QString& path) {
    return std::filesystem::path(path.toStdU16String());
}
inline QString qpath(const std::filesystem::path& path) {
    return QString::fromStdU16String(path.u16string());
}

/// "1,184"
inline QString number(qint64 value) {
    return QLocale(QLocale::English).toString(value);
}
/// "1 row" or "1,184 rows": `one` as it stands, or `many` with its %1.
inline QString counted(qint64 count, const QString& one, const QString& many) {
    return count == 1 ? one : many.arg(number(count));
}
/// "0.815": `decimals` digits, never scientific.
inline QString number(double value, int decimals) {
    return QLocale(QLocale::English).toString(value, 'f', decimals);
}
/// "2.1 GB", in powers of 1000 as disks and memory are sold.
inline QString bytesText(qint64 bytes) {
    return QLocale(QLocale::English).formattedDataSize(bytes, bytes < 1'000'000 ? 0 : 1, QLocale::DataSizeSIFormat);
}
/// "4 min", "1 h 20 min", "35 s".
QString durationText(double seconds);

} // namespace attune
