// The small parts pages are made of: card, section title, figure with caption, chip, labels for foreign text. GUI
// thread.
#pragma once

#include <QFrame>
#include <QLabel>
#include <QPushButton>

#include "ui/theme.h"

class QBoxLayout;
class QHBoxLayout;
class QScrollArea;
class QVBoxLayout;

namespace attune {

/// A panel with 8 px corners; title and note are optional; content goes into body().
class Card final : public QFrame {
    Q_OBJECT
public:
    explicit Card(const QString& title = {}, const QString& note = {}, QWidget* parent = nullptr);
    void setTitle(const QString& title);
    void setNote(const QString& note);
    QVBoxLayout* body() const { return m_body; }
    /// Small controls at the right of the title.
    QHBoxLayout* tools() const { return m_tools; }
    /// A table or list to the card's edges: no margin around the body.
    void setFlush();

private:
    QWidget* m_header;
    QLabel* m_title;
    QLabel* m_note;
    QHBoxLayout* m_tools;
    QVBoxLayout* m_body;
};

/// Big number above its caption.
class FigureLabel final : public QWidget {
    Q_OBJECT
public:
    explicit FigureLabel(const QString& caption, QWidget* parent = nullptr);
    void setFigure(const QString& figure);
    void setCaption(const QString& caption);

private:
    void describe();
    QLabel* m_figure;
    QLabel* m_caption;
};

/// A rounded word such as "train" or "near duplicate".
class Chip final : public QLabel {
    Q_OBJECT
public:
    explicit Chip(const QString& text = {}, Tone tone = Tone::Neutral, QWidget* parent = nullptr);
    void setTone(Tone tone);
};

/// A plain-text label that wraps (`role`: "body", "muted", "note", "section", "mono", "question").
QLabel* makeLabel(const QString& text, const QString& role = QStringLiteral("body"), QWidget* parent = nullptr);
/// The label of a field in a form: as high as the field, its words at the field's middle.
QLabel* makeFieldLabel(const QString& text, QWidget* parent);
/// A label for one line of any length (a path, a prompt): shortened with an ellipsis, whole text as tool tip.
class ElidedLabel final : public QLabel {
    Q_OBJECT
public:
    explicit ElidedLabel(const QString& text = {}, Qt::TextElideMode mode = Qt::ElideRight, QWidget* parent = nullptr);
    void setFullText(const QString& text);
    QString fullText() const { return m_full; }
    QSize minimumSizeHint() const override;
    QSize sizeHint() const override;

protected:
    void paintEvent(QPaintEvent* event) override;

private:
    QString m_full;
    Qt::TextElideMode m_mode;
};
/// `kind`: "primary", "secondary", "quiet", "danger". The icon name may be empty.
QPushButton* makeButton(const QString& text, const QString& kind = QStringLiteral("secondary"),
                        const QString& icon = {}, QWidget* parent = nullptr);
/// `inner` in an area that scrolls vertically when there is too little room.
QScrollArea* makeScrolling(QWidget* inner);

/// Text that begins at the very edge of its view, always wrapped. Without a margin it is a cursor's width too wide, and a
/// horizontal bar would come and go for ever: there is none.
template <class TextEdit>
void beginAtEdge(TextEdit& edit) {
    edit.document()->setDocumentMargin(0);
    edit.setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
}
/// A 1 px line.
QFrame* makeLine(QWidget* parent = nullptr);
/// Sets a dynamic property that the style sheet reads and re-polishes.
void setStyleProperty(QWidget* widget, const char* name, const QVariant& value);

} // namespace attune
