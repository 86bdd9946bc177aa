#include "ui/widgets/rail.h"

#include <QMenu>
#include <QPainter>
#include <QVBoxLayout>

#include "ui/theme.h"
#include "ui/widgets/card.h"

namespace attune {
namespace {

constexpr int kWidth = 196, kIconSide = 18;

const char* shapeOf(StationState state) {
    switch (state) {
    case StationState::Done:
        return "check";
    case StationState::InProgress:
        return "running";
    case StationState::Attention:
        return "careful";
    case StationState::Nothing:
        break;
    }
    return nullptr;
}

} // namespace

RailButton::RailButton(const QString& label, const QString& icon, QWidget* parent)
    : QAbstractButton(parent), m_iconName(icon) {
    setText(label);
    setCheckable(true);
    setCursor(Qt::PointingHandCursor);
    setFocusPolicy(Qt::StrongFocus);
    setAttribute(Qt::WA_Hover);
    setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Fixed);
    setState(StationState::Nothing, {});
}

QString RailButton::stateWord() const {
    switch (m_state) {
    case StationState::Done:
        return tr("done");
    case StationState::InProgress:
        return tr("in progress");
    case StationState::Attention:
        return tr("needs attention");
    case StationState::Nothing:
        break;
    }
    return tr("nothing yet");
}

void RailButton::setState(StationState state, const QString& text) {
    m_state = state;
    m_stateText = text;
    setAccessibleName(QStringLiteral("%1, %2").arg(this->text(), text.isEmpty() ? stateWord() : text));
    update();
}

QSize RailButton::sizeHint() const {
    return {kWidth - 20, std::max(34, fontMetrics().height() + 16)};
}

void RailButton::paintEvent(QPaintEvent*) {
    const Theme& theme = Theme::current();
    const ThemeTokens& t = theme.tokens();
    QPainter painter(this);
    painter.setRenderHint(QPainter::Antialiasing);
    const QRectF whole = QRectF(rect()).adjusted(1, 1, -1, -1);
    if (isChecked() || underMouse()) {
        painter.setPen(Qt::NoPen);
        painter.setBrush(isChecked() ? t.accentWash : t.line);
        painter.setOpacity(isChecked() ? 1 : 0.5);
        painter.drawRoundedRect(whole, 6, 6);
        painter.setOpacity(1);
    }
    const QColor ink = isChecked() ? readableTone(t.accent, t.accentWash, t.text) : t.text;
    theme.icon(m_iconName, isChecked() ? Theme::IconColor::Accent : Theme::IconColor::Muted)
        .paint(&painter, QRect(10, (height() - kIconSide) / 2, kIconSide, kIconSide));

    QFont small = theme.bodyFont();
    small.setPixelSize(11);
    painter.setFont(small);
    int right = width() - 10;
    if (!m_stateText.isEmpty()) {
        const int w = painter.fontMetrics().horizontalAdvance(m_stateText);
        painter.setPen(m_state == StationState::Attention ? readableTone(t.careful, t.rail, t.text)
                       : isChecked()                      ? ink
                                                          : t.muted);
        painter.drawText(QRect(right - w, 0, w + 2, height()), Qt::AlignVCenter | Qt::AlignLeft, m_stateText);
        right -= w + 6;
    }
    if (const char* shape = shapeOf(m_state); shape && (m_stateText.isEmpty() || m_state == StationState::Attention)) {
        theme.icon(shape, m_state == StationState::Attention ? Theme::IconColor::Careful : Theme::IconColor::Muted)
            .paint(&painter, QRect(right - 14, (height() - 14) / 2, 14, 14));
        right -= 20;
    }
    QFont label = font();
    label.setWeight(isChecked() ? QFont::DemiBold : QFont::Normal);
    painter.setFont(label);
    painter.setPen(ink);
    const QRect place(38, 0, std::max(0, right - 40), height());
    painter.drawText(place, Qt::AlignVCenter | Qt::AlignLeft,
                     painter.fontMetrics().elidedText(text(), Qt::ElideRight, place.width()));
    if (hasFocus()) {
        painter.setPen(QPen(t.accent, 2));
        painter.setBrush(Qt::NoBrush);
        painter.drawRoundedRect(whole, 6, 6);
    }
}

Rail::Rail(QWidget* parent) : QWidget(parent) {
    setProperty("surface", "rail");
    setAttribute(Qt::WA_StyledBackground);
    setFixedWidth(kWidth);
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(10, 16, 10, 12);
    layout->setSpacing(4);
    auto* head = new QVBoxLayout;
    head->setContentsMargins(10, 0, 4, 8);
    head->setSpacing(1);
    m_project = new ElidedLabel({}, Qt::ElideMiddle, this);
    m_project->setProperty("role", "section");
    m_note = new ElidedLabel({}, Qt::ElideRight, this);
    m_note->setProperty("role", "note");
    head->addWidget(m_project);
    head->addWidget(m_note);
    layout->addLayout(head);
    auto* stations = new QVBoxLayout;
    stations->setSpacing(4);
    m_stations = stations;
    layout->addLayout(stations);
    layout->addStretch(1);
    m_settings = new RailButton(tr("Settings"), "settings", this);
    m_settings->setCheckable(false);
    m_settings->setAccessibleName(tr("Settings"));
    layout->addWidget(m_settings);
    m_group.setExclusive(true);
    connect(&m_group, &QButtonGroup::idClicked, this, &Rail::stationClicked);
    setProject({}, {});
}

void Rail::addStation(const QString& label, const QString& icon, const QString& shortcut) {
    auto* button = new RailButton(label, icon, this);
    button->setToolTip(shortcut.isEmpty() ? label : QStringLiteral("%1 (%2)").arg(label, shortcut));
    m_group.addButton(button, int(m_group.buttons().size()));
    m_stations->addWidget(button);
}

void Rail::setSettingsMenu(QMenu* menu) {
    connect(m_settings, &QAbstractButton::clicked, menu,
            [this, menu] { menu->popup(m_settings->mapToGlobal(QPoint(0, -menu->sizeHint().height()))); });
}

void Rail::setCurrent(int index) {
    if (QAbstractButton* button = m_group.button(index))
        button->setChecked(true);
}

void Rail::setState(int index, StationState state, const QString& text) {
    if (auto* button = static_cast<RailButton*>(m_group.button(index)))
        button->setState(state, text);
}

void Rail::setProject(const QString& name, const QString& note) {
    m_project->setFullText(name.isEmpty() ? tr("No project") : name);
    m_note->setFullText(name.isEmpty() ? tr("open or make one") : note);
}

} // namespace attune
