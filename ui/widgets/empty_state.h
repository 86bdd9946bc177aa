// What a station shows before there is anything: an icon, what this is for, the one action, and a way to try it. GUI
// thread.
#pragma once

#include <QWidget>

class QPushButton;
class QLabel;

namespace attune {

class EmptyState final : public QWidget {
    Q_OBJECT
public:
    EmptyState(const QString& icon, const QString& title, const QString& sentence, QWidget* parent = nullptr);

    /// The one primary action; emits primaryClicked().
    QPushButton* setPrimary(const QString& text, const QString& icon = {});
    /// A quiet second way, such as "Try with the sample"; emits secondaryClicked().
    QPushButton* setSecondary(const QString& text);
    void setSentence(const QString& sentence);

Q_SIGNALS:
    void primaryClicked();
    void secondaryClicked();

private:
    QLabel* m_sentence;
    QPushButton* m_primary;
    QPushButton* m_secondary;
};

} // namespace attune
