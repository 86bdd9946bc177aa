#include "ui/widgets/empty_state.h"

#include <QLabel>
#include <QPainter>
#include <QPushButton>
#include <QVBoxLayout>

#include "ui/theme.h"
#include "ui/widgets/card.h"

namespace attune {
namespace {

constexpr int kTextWidth = 460; // a comfortable line; grows no further on wide screens

/// A washed circle with a line icon, drawn at whatever scale the screen has.
class RoundIcon final : public QWidget {
public:
    RoundIcon(const QString& icon, QWidget* parent)
        : QWidget(parent), m_icon(Theme::current().icon(icon, Theme::IconColor::Accent)) {
        setFixedSize(72, 72);
    }

protected:
    void paintEvent(QPaintEvent*) override {
        QPainter painter(this);
        painter.setRenderHint(QPainter::Antialiasing);
        painter.setPen(Qt::NoPen);
        painter.setBrush(Theme::current().tokens().accentWash);
        painter.drawEllipse(rect());
        m_icon.paint(&painter, rect().adjusted(20, 20, -20, -20));
    }

private:
    QIcon m_icon;
};

} // namespace

EmptyState::EmptyState(const QString& icon, const QString& title, const QString& sentence, QWidget* parent)
    : QWidget(parent) {
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(24, 24, 24, 24);
    layout->setSpacing(8);
    layout->addStretch(2);
    layout->addWidget(new RoundIcon(icon, this), 0, Qt::AlignHCenter);
    layout->addSpacing(8);
    QLabel* heading = makeLabel(title, "question", this);
    heading->setAlignment(Qt::AlignHCenter);
    layout->addWidget(heading);
    m_sentence = makeLabel(sentence, "muted", this);
    m_sentence->setAlignment(Qt::AlignHCenter);
    m_sentence->setMaximumWidth(kTextWidth);
    auto* line = new QHBoxLayout;
    line->addStretch(1);
    line->addWidget(m_sentence, 100);
    line->addStretch(1);
    layout->addLayout(line);
    layout->addSpacing(8);
    m_primary = makeButton({}, "primary", {}, this);
    m_secondary = makeButton({}, "quiet", {}, this);
    layout->addWidget(m_primary, 0, Qt::AlignHCenter);
    layout->addWidget(m_secondary, 0, Qt::AlignHCenter);
    layout->addStretch(3);
    m_primary->hide();
    m_secondary->hide();
    connect(m_primary, &QPushButton::clicked, this, &EmptyState::primaryClicked);
    connect(m_secondary, &QPushButton::clicked, this, &EmptyState::secondaryClicked);
}

QPushButton* EmptyState::setPrimary(const QString& text, const QString& icon) {
    m_primary->setText(text);
    if (!icon.isEmpty())
        m_primary->setIcon(Theme::current().icon(icon, Theme::IconColor::OnAccent));
    m_primary->setVisible(!text.isEmpty());
    return m_primary;
}

QPushButton* EmptyState::setSecondary(const QString& text) {
    m_secondary->setText(text);
    m_secondary->setVisible(!text.isEmpty());
    return m_secondary;
}

void EmptyState::setSentence(const QString& sentence) {
    m_sentence->setText(sentence);
}

} // namespace attune
