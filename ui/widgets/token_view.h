// Tokens of one row as boxes: what is learned coloured, what is only read grey, and where the context ends marked.
// Paints only what is visible, so that 100,000 tokens stay fast. GUI thread.
#pragma once

#include <vector>

#include <QAbstractScrollArea>
#include <QRect>

namespace attune {

class TokenView final : public QAbstractScrollArea {
    Q_OBJECT
public:
    struct Token {
        QString text; // decoded piece; blanks and line ends are shown as signs
        qint64 id = 0;
        bool trained = false;
        bool special = false; // a control token such as <|im_end|>
        double loss = -1;     // nats, negative = not known; deepens the colour
    };
    explicit TokenView(QWidget* parent = nullptr);

    /// `cutAt`: index of the first token beyond the context (it and all later ones are struck), -1 = none.
    void setTokens(std::vector<Token> tokens, qint64 cutAt = -1);
    const std::vector<Token>& tokens() const { return m_tokens; }
    void scrollToFirstLearned(); ///< what is learned, with what leads to it above
    QString summary() const; ///< "86 tokens, 31 trained, none cut"
    QSize sizeHint() const override;
    int heightForWidth(int width) const override;
    bool hasHeightForWidth() const override { return true; }

protected:
    void paintEvent(QPaintEvent* event) override;
    void resizeEvent(QResizeEvent* event) override;
    void changeEvent(QEvent* event) override;
    bool viewportEvent(QEvent* event) override;

private:
    int lineHeight() const;
    int layoutTokens(int width, std::vector<QRect>* boxes) const;
    void relayout();
    std::vector<Token> m_tokens;
    std::vector<QString> m_shown;
    std::vector<QRect> m_boxes; // in reading order, so sorted by top
    qint64 m_cutAt = -1;
};

} // namespace attune
