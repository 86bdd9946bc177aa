// Two texts with their word difference: one view for each side (for panes) or both inline. Plain text only; monospaced
// on request. What only this side has is washed, and struck through on the left, so colour is not the only signal. GUI
// thread.
#pragma once

#include <QTextEdit>

#include "ui/widgets/word_diff.h"

namespace attune {

class TextDiffView final : public QTextEdit {
    Q_OBJECT
public:
    enum class Side { Left, Right, Inline };
    explicit TextDiffView(Side side, QWidget* parent = nullptr);

    void setTexts(const QString& left, const QString& right);
    /// One text without comparison (while it streams, or when diffing is off).
    void setPlain(const QString& text);
    void appendPlain(const QString& piece); ///< keeps the scroll position at the end when it was there
    void setMonospaced(bool monospaced);

private:
    void render();
    Side m_side;
    QString m_left, m_right;
    bool m_compares = false, m_monospaced = false;
};

} // namespace attune
