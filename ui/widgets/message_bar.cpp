#include "ui/widgets/message_bar.h"

#include <QHBoxLayout>
#include <QLabel>
#include <QToolButton>
#include <QVBoxLayout>

#include "ui/bridge/qt_convert.h"
#include "ui/widgets/card.h"

namespace attune {
namespace {

struct ToneLook {
    const char* name; // of the style and of the icon, whose shape repeats what the colour says
    const char* icon;
    Theme::IconColor color;
};

ToneLook lookOf(Tone tone) {
    switch (tone) {
    case Tone::Good:
        return {"good", "good", Theme::IconColor::Good};
    case Tone::Careful:
        return {"careful", "careful", Theme::IconColor::Careful};
    case Tone::Bad:
        return {"bad", "bad", Theme::IconColor::Bad};
    case Tone::Neutral:
    case Tone::Accent:
        break;
    }
    return {"accent", "info", Theme::IconColor::Accent};
}

QString toneWord(Tone tone) {
    switch (tone) {
    case Tone::Good:
        return MessageBar::tr("Done");
    case Tone::Careful:
        return MessageBar::tr("Careful");
    case Tone::Bad:
        return MessageBar::tr("Error");
    case Tone::Neutral:
    case Tone::Accent:
        break;
    }
    return MessageBar::tr("Note");
}

} // namespace

MessageBar::MessageBar(Tone tone, QWidget* parent) : QFrame(parent), m_tone(tone) {
    const ToneLook look = lookOf(tone);
    setProperty("message", QString::fromLatin1(look.name));
    auto* layout = new QHBoxLayout(this);
    layout->setContentsMargins(12, 8, 8, 8);
    layout->setSpacing(10);
    m_icon = new QLabel(this);
    m_icon->setPixmap(Theme::current().icon(look.icon, look.color).pixmap(QSize(18, 18), devicePixelRatioF()));
    connect(&Theme::current(), &Theme::changed, m_icon, [this, look] {
        m_icon->setPixmap(Theme::current().icon(look.icon, look.color).pixmap(QSize(18, 18), devicePixelRatioF()));
    });
    layout->addWidget(m_icon, 0, Qt::AlignVCenter);
    auto* words = new QVBoxLayout;
    words->setSpacing(2);
    m_message = makeLabel({}, "strong", this);
    m_message->setProperty("tone", QString::fromLatin1(look.name));
    m_message->setTextInteractionFlags(Qt::TextSelectableByMouse);
    m_hint = makeLabel({}, "body", this);
    m_hint->setTextInteractionFlags(Qt::TextSelectableByMouse);
    words->addWidget(m_message);
    words->addWidget(m_hint);
    layout->addLayout(words, 1);
    auto* buttons = new QHBoxLayout;
    buttons->setSpacing(8);
    m_buttons = buttons;
    layout->addLayout(buttons);
}

QString MessageBar::message() const {
    return m_message->text();
}
QString MessageBar::hint() const {
    return m_hint->text();
}

void MessageBar::setMessage(const QString& message, const QString& hint) {
    m_message->setText(message);
    m_hint->setText(hint);
    m_hint->setVisible(!hint.isEmpty());
    setAccessibleName(toneWord(m_tone) + ": " + message);
    setAccessibleDescription(hint);
}

void MessageBar::setActions(const std::vector<MessageAction>& actions, bool closable) {
    while (QLayoutItem* item = m_buttons->takeAt(0)) {
        if (item->widget())
            item->widget()->deleteLater();
        delete item;
    }
    for (const MessageAction& action : actions) {
        QPushButton* button = makeButton(action.text, "secondary", {}, this);
        connect(button, &QPushButton::clicked, this, [run = action.run] { run(); });
        m_buttons->addWidget(button);
    }
    if (!closable)
        return;
    auto* close = new QToolButton(this);
    close->setIcon(Theme::current().icon("close", Theme::IconColor::Muted));
    close->setToolTip(tr("Dismiss"));
    close->setAccessibleName(tr("Dismiss this message"));
    connect(close, &QToolButton::clicked, this, &MessageBar::dismissed);
    m_buttons->addWidget(close);
}

MessageArea::MessageArea(QWidget* parent) : QWidget(parent) {
    m_layout = new QVBoxLayout(this);
    m_layout->setContentsMargins(0, 0, 0, 0);
    m_layout->setSpacing(8);
    hide(); // takes no room, and no spacing, while there is nothing to say
}

void MessageArea::show(const QString& key, Tone tone, const QString& message, const QString& hint,
                       const std::vector<MessageAction>& actions) {
    int place = m_layout->count();
    if (const auto known = m_bars.find(key); known != m_bars.end() && known->second) {
        place = m_layout->indexOf(known->second);
        known->second->hide();
        known->second->deleteLater();
        m_layout->removeWidget(known->second);
    }
    auto* bar = new MessageBar(tone, this);
    bar->setMessage(message, hint);
    bar->setActions(actions);
    connect(bar, &MessageBar::dismissed, this, [this, key] { remove(key); });
    m_layout->insertWidget(place, bar);
    m_bars[key] = bar;
    QWidget::show();
}

void MessageArea::showError(const QString& key, const Error& error, const std::vector<MessageAction>& actions) {
    const bool cancelled = error.code == ErrorCode::Cancelled;
    show(key, cancelled ? Tone::Accent : Tone::Bad, qstr(error.message), qstr(error.hint), actions);
}

void MessageArea::remove(const QString& key) {
    const auto known = m_bars.find(key);
    if (known == m_bars.end())
        return;
    if (known->second) {
        known->second->hide();
        m_layout->removeWidget(known->second);
        known->second->deleteLater();
    }
    m_bars.erase(known);
    setVisible(!m_bars.empty());
}

void MessageArea::clear() {
    while (!m_bars.empty())
        remove(m_bars.begin()->first);
}

} // namespace attune
