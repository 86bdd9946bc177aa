// One choice of several as a full-width button with a round mark; its text wraps, a second line may explain. Behaves as
// a radio button (arrow keys, exclusive among its siblings). GUI thread.
#pragma once

#include <QAbstractButton>

namespace attune {

class OptionButton final : public QAbstractButton {
    Q_OBJECT
public:
    explicit OptionButton(const QString& text, const QString& note = {}, QWidget* parent = nullptr);
    /// Also takes the mark off again, which a radio button alone does not allow.
    void setChosen(bool chosen);
    bool hasHeightForWidth() const override { return true; }
    int heightForWidth(int width) const override;
    QSize sizeHint() const override;
    QSize minimumSizeHint() const override;

protected:
    void paintEvent(QPaintEvent* event) override;

private:
    QRect textRect(const QFont& font, const QString& text, int width) const;
    QFont noteFont() const;
    QString m_note;
};

} // namespace attune
