// A coloured strip inside a page: what happened, what to do next, and buttons for it. MessageArea stacks them by key at
// the top of a page. Never a dialog. Text is plain: user data cannot become markup. GUI thread.
#pragma once

#include <functional>
#include <map>
#include <vector>

#include <QFrame>
#include <QPointer>

#include "core/base/result.h"
#include "ui/theme.h"

class QBoxLayout;
class QLabel;

namespace attune {

struct MessageAction {
    QString text;
    std::function<void()> run;
};

class MessageBar final : public QFrame {
    Q_OBJECT
public:
    /// Tone::Accent is information. Each tone has its own shape beside the colour.
    explicit MessageBar(Tone tone = Tone::Accent, QWidget* parent = nullptr);

    void setMessage(const QString& message, const QString& hint = {});
    void setActions(const std::vector<MessageAction>& actions, bool closable = true);
    Tone tone() const { return m_tone; }
    QString message() const;
    QString hint() const;

Q_SIGNALS:
    void dismissed();

private:
    Tone m_tone;
    QLabel* m_icon;
    QLabel* m_message;
    QLabel* m_hint;
    QBoxLayout* m_buttons;
};

class MessageArea final : public QWidget {
    Q_OBJECT
public:
    explicit MessageArea(QWidget* parent = nullptr);

    /// Shows a message; one with the same key is replaced in place.
    void show(const QString& key, Tone tone, const QString& message, const QString& hint = {},
              const std::vector<MessageAction>& actions = {});
    /// An Error as a Bad strip (Cancelled as information).
    void showError(const QString& key, const Error& error, const std::vector<MessageAction>& actions = {});
    void remove(const QString& key);
    void clear();
    bool has(const QString& key) const { return m_bars.contains(key); }

private:
    std::map<QString, QPointer<MessageBar>> m_bars;
    QBoxLayout* m_layout;
};

} // namespace attune
