// A station of the window. Views meet only through Services and these signals; no view includes another view. ViewPage
// is the shape they share: title, one sentence, actions with one primary button, messages, content. GUI thread.
#pragma once

#include <QStringList>
#include <QVariantMap>
#include <QWidget>

#include "ui/services.h"

class QBoxLayout;
class QLabel;
class QPushButton;
class QScrollArea;

namespace attune {

class ElidedLabel;
class MessageArea;
struct Error;

/// What the rail shows beside a station's name.
enum class StationState { Nothing, InProgress, Done, Attention };

class View : public QWidget {
    Q_OBJECT
public:
    View(Services& services, QWidget* parent);

    /// The station came to the front (also after a project was opened while it was in front).
    virtual void activated() {}
    /// Another station asked for this one with something to show, e.g. {"run", 7} for Compare.
    virtual void showRequest(const QVariantMap& request);
    /// Files were dropped on the window; true when this view takes them.
    virtual bool openFiles(const QStringList& files);
    /// False with a sentence when closing now would lose or interrupt something; the window asks once.
    virtual bool canClose(QString& reason);

Q_SIGNALS:
    /// `text` is short ("running", "62 / 150") or empty: then the state's own shape is shown.
    void stateChanged(attune::StationState state, const QString& text);
    /// Asks the window to bring a station ("data", "train", "compare" ...) to the front.
    void openStation(const QString& id, const QVariantMap& request = {});
    /// Asks for this station's page of the guide.
    void helpWanted();

protected:
    Services& services() const { return m_services; }

private:
    Services& m_services;
};

/// Header, messages and content of a view; put it as the only widget into the view's layout.
class ViewPage final : public QWidget {
    Q_OBJECT
public:
    ViewPage(const QString& title, const QString& sentence, QWidget* parent);

    void setTitle(const QString& title);
    void setSentence(const QString& sentence);
    /// A secondary button, left of the primary one, in order of the calls.
    QPushButton* addButton(const QString& text, const QString& icon = {});
    /// The page's one primary button (created at the first call, hidden with setVisible when a state has none).
    QPushButton* primaryButton(const QString& text);
    MessageArea& messages() { return *m_messages; }
    /// The content, which takes all space. With `scrolls`, it scrolls vertically when the window is small.
    void setContent(QWidget* content, bool scrolls = false);

private:
    ElidedLabel* m_title;
    QLabel* m_sentence;
    QBoxLayout* m_buttons;
    QPushButton* m_primary = nullptr;
    MessageArea* m_messages;
    QBoxLayout* m_content;
};

/// Puts `page` into `view` without margins.
void fill(View& view, QWidget* page);

} // namespace attune
