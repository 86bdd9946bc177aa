// What the program remembers between starts, in one typed place over QSettings. GUI thread. Holds no project data.
#pragma once

#include <memory>

#include <QByteArray>
#include <QObject>
#include <QSettings>
#include <QStringList>

#include "ui/theme.h"

namespace attune {

/// How many choices a form shows. The recipe below is the same.
enum class Depth { Guided, Standard, Expert };

class Settings final : public QObject {
    Q_OBJECT
public:
    /// `file` empty: the user's own settings; tests give a file of theirs.
    explicit Settings(const QString& file = {}, QObject* parent = nullptr);

    ThemeMode themeMode() const;
    void setThemeMode(ThemeMode mode);
    Depth depth() const;
    void setDepth(Depth depth);

    QStringList recentProjects() const; ///< folders, newest first, at most 10
    void addRecentProject(const QString& folder);
    void removeRecentProject(const QString& folder);
    QString lastProject() const; ///< "" when the program was left without one
    void setLastProject(const QString& folder);
    QString lastStation() const;
    void setLastStation(const QString& id);

    QByteArray windowGeometry() const;
    void setWindowGeometry(const QByteArray& geometry);
    /// Where the last file dialog of this kind ("import", "model", "export") was.
    QString lastFolder(const QString& kind) const;
    void setLastFolder(const QString& kind, const QString& folder);

    /// Anything else a view remembers, under "view/<key>".
    QVariant value(const QString& key, const QVariant& fallback = {}) const;
    void setValue(const QString& key, const QVariant& value);

Q_SIGNALS:
    void depthChanged(attune::Depth depth);
    void recentProjectsChanged();

private:
    std::unique_ptr<QSettings> m_store;
};

} // namespace attune
