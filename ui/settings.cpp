#include "ui/settings.h"

#include <QDir>
#include <QFileInfo>

namespace attune {
namespace {

constexpr int kRecentProjects = 10;

QSettings* openStore(const QString& file) {
    return file.isEmpty() ? new QSettings : new QSettings(file, QSettings::IniFormat);
}

} // namespace

Settings::Settings(const QString& file, QObject* parent) : QObject(parent), m_store(openStore(file)) {}

ThemeMode Settings::themeMode() const {
    const QString mode = m_store->value("window/theme").toString();
    return mode == "light" ? ThemeMode::Light : mode == "dark" ? ThemeMode::Dark : ThemeMode::System;
}

void Settings::setThemeMode(ThemeMode mode) {
    m_store->setValue("window/theme", mode == ThemeMode::Light ? "light" : mode == ThemeMode::Dark ? "dark" : "system");
}

Depth Settings::depth() const {
    const QString depth = m_store->value("window/depth").toString();
    return depth == "guided" ? Depth::Guided : depth == "expert" ? Depth::Expert : Depth::Standard;
}

void Settings::setDepth(Depth depth) {
    if (depth == this->depth())
        return;
    m_store->setValue("window/depth", depth == Depth::Guided   ? "guided"
                                      : depth == Depth::Expert ? "expert"
                                                               : "standard");
    Q_EMIT depthChanged(depth);
}

QStringList Settings::recentProjects() const {
    return m_store->value("projects/recent").toStringList();
}

void Settings::addRecentProject(const QString& folder) {
    QStringList recent = recentProjects();
    const QString clean = QDir::cleanPath(QFileInfo(folder).absoluteFilePath());
    recent.removeAll(clean);
    recent.prepend(clean);
    while (recent.size() > kRecentProjects)
        recent.removeLast();
    m_store->setValue("projects/recent", recent);
    Q_EMIT recentProjectsChanged();
}

void Settings::removeRecentProject(const QString& folder) {
    QStringList recent = recentProjects();
    if (recent.removeAll(QDir::cleanPath(QFileInfo(folder).absoluteFilePath())) == 0)
        return;
    m_store->setValue("projects/recent", recent);
    Q_EMIT recentProjectsChanged();
}

QString Settings::lastProject() const {
    return m_store->value("projects/last").toString();
}
void Settings::setLastProject(const QString& folder) {
    m_store->setValue("projects/last", folder);
}
QString Settings::lastStation() const {
    return m_store->value("window/station", "home").toString();
}
void Settings::setLastStation(const QString& id) {
    m_store->setValue("window/station", id);
}
QByteArray Settings::windowGeometry() const {
    return m_store->value("window/geometry").toByteArray();
}
void Settings::setWindowGeometry(const QByteArray& geometry) {
    m_store->setValue("window/geometry", geometry);
}

QString Settings::lastFolder(const QString& kind) const {
    return m_store->value("folders/" + kind, QDir::homePath()).toString();
}

void Settings::setLastFolder(const QString& kind, const QString& folder) {
    m_store->setValue("folders/" + kind, folder);
}

QVariant Settings::value(const QString& key, const QVariant& fallback) const {
    return m_store->value("view/" + key, fallback);
}

void Settings::setValue(const QString& key, const QVariant& value) {
    m_store->setValue("view/" + key, value);
}

} // namespace attune
