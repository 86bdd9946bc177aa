// One turn of a conversation as a bubble; its text can be edited in place. Plain text, grows with its content up to a
// limit, then scrolls. GUI thread.
#pragma once

#include <QPlainTextEdit>
#include <QWidget>

class QLabel;

namespace attune {

class BubbleEdit final : public QPlainTextEdit {
    Q_OBJECT
public:
    explicit BubbleEdit(QWidget* parent);
    void setMaximumLines(int lines) { m_maximumLines = lines; }
    QSize sizeHint() const override;
    QSize minimumSizeHint() const override { return sizeHint(); }

Q_SIGNALS:
    void leave(bool keep); ///< Ctrl+Enter or the focus went elsewhere: keep; Escape: put back

protected:
    bool event(QEvent* event) override;
    void keyPressEvent(QKeyEvent* event) override;
    void focusOutEvent(QFocusEvent* event) override;
    void resizeEvent(QResizeEvent* event) override;

private:
    void fitHeight();
    int m_maximumLines = 16, m_height = 0;
};

class Bubble final : public QWidget {
    Q_OBJECT
public:
    /// `learned`: the model is trained to write this; the bubble then has the accent and says so.
    Bubble(const QString& title, const QString& text, bool learned, bool monospaced, bool editable, QWidget* parent);

    BubbleEdit* editor() const { return m_edit; }

Q_SIGNALS:
    void edited(const QString& text); ///< on leaving the editor, when the text is another one

protected:
    void paintEvent(QPaintEvent* event) override;

private:
    bool m_learned;
    QString m_shown; // what leaving without a change leaves alone
    BubbleEdit* m_edit;
};

} // namespace attune
