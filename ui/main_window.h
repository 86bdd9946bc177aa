// The window around the stations: rail, menus, status bar, drop of files. Knows only the list of views and the
// services; whatever belongs to a station lives in its view. GUI thread. Stays under 400 lines.
#pragma once

#include <vector>

#include <QMainWindow>

#include "ui/services.h"
#include "ui/views/view.h"
#include "ui/views/view_registry.h"

class QLabel;
class QMenu;
class QStackedWidget;

namespace attune {

class GuideWindow;
class Rail;

class MainWindow final : public QMainWindow {
    Q_OBJECT
public:
    /// `services` must outlive the window.
    explicit MainWindow(Services& services, std::vector<ViewEntry> entries = registeredViews());

    /// Brings a station to the front, creating its view when needed; false when there is no such station.
    bool showStation(const QString& id, const QVariantMap& request = {});
    QString currentStation() const;
    View* view(const QString& id); ///< created when needed, null when unknown
    /// Makes the other views, and reopens the last project and station when asked to. Call once after show().
    void restore(bool reopenLast = true);

protected:
    void closeEvent(QCloseEvent* event) override;
    void dragEnterEvent(QDragEnterEvent* event) override;
    void dropEvent(QDropEvent* event) override;

private:
    int indexOf(const QString& id) const;
    View* ensureView(int index);
    void createRemainingViews();
    void makeMenus();
    QMenu* makeViewMenu();
    void makeStatusBar();
    void showRecent(QMenu& menu);
    void saveCopy();
    void showProject();
    void showLoad();
    void showRun();
    void showGuide(const QString& station);
    QStringList whyNotClose(); ///< what closing now would interrupt, a sentence each
    void about();

    Services& m_services;
    std::vector<ViewEntry> m_entries;
    std::vector<View*> m_views; // by entry; null until first needed
    QStackedWidget* m_stack;
    Rail* m_rail;
    int m_current = -1;
    GuideWindow* m_guide = nullptr; // made when first asked for
    QLabel* m_modelLabel;
    QLabel* m_cpuLabel;
    QLabel* m_memoryLabel;
    QLabel* m_runLabel;
};

} // namespace attune
