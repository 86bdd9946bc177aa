// Ctrl+K: every action of the window in one searchable list. Runs the chosen action after it has closed. GUI thread.
#pragma once

#include <QDialog>
#include <QList>
#include <QPointer>

class QAction;
class QLineEdit;
class QListWidget;

namespace attune {

class CommandPalette final : public QDialog {
    Q_OBJECT
public:
    /// Takes the visible, enabled actions with a text that can be triggered.
    CommandPalette(const QList<QAction*>& actions, QWidget* parent);

protected:
    bool eventFilter(QObject* object, QEvent* event) override;

private:
    void filter(const QString& words);
    void runCurrent();
    QList<QPointer<QAction>> m_actions;
    QLineEdit* m_search;
    QListWidget* m_list;
};

} // namespace attune
