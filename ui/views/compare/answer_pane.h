// One model's answer: who it is, the text as it streams, and how it ended. GUI thread.
#pragma once

#include <QFrame>

#include "core/run/training_event.h"

class QLabel;

namespace attune {

class TextDiffView;

class AnswerPane final : public QFrame {
    Q_OBJECT
public:
    AnswerPane(const QString& title, bool left, QWidget* parent = nullptr);

    void setTitle(const QString& title);
    /// Empty and waiting for pieces.
    void begin();
    void add(const TextGenerated& piece);
    QString text() const { return m_text; }
    bool isFinished() const { return m_finished; }
    void setText(const QString& text);
    /// Marks the words that differ from the other pane's text; without `compare` the plain text.
    void showAgainst(const QString& other, bool compare);

private:
    QLabel* m_title;
    QLabel* m_status;
    TextDiffView* m_view;
    QString m_text;
    bool m_left, m_finished = false;
};

} // namespace attune
