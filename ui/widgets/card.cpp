#include "ui/widgets/card.h"

#include <QHBoxLayout>
#include <QPainter>
#include <QScrollArea>
#include <QStyle>
#include <QStyleOption>
#include <QVBoxLayout>

namespace attune {
namespace {

constexpr int kFieldHeight = 32;

const char* toneName(Tone tone) {
    switch (tone) {
    case Tone::Accent:
        return "accent";
    case Tone::Good:
        return "good";
    case Tone::Careful:
        return "careful";
    case Tone::Bad:
        return "bad";
    case Tone::Neutral:
        break;
    }
    return "neutral";
}

} // namespace

void setStyleProperty(QWidget* widget, const char* name, const QVariant& value) {
    if (widget->property(name) == value)
        return;
    widget->setProperty(name, value);
    widget->style()->unpolish(widget);
    widget->style()->polish(widget);
    widget->updateGeometry();
    widget->update();
}

Card::Card(const QString& title, const QString& note, QWidget* parent) : QFrame(parent) {
    setProperty("card", true);
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(16, 12, 16, 16);
    layout->setSpacing(8);
    m_header = new QWidget(this);
    auto* header = new QHBoxLayout(m_header);
    header->setContentsMargins(0, 0, 0, 0);
    header->setSpacing(8);
    m_title = makeLabel(title, "section", m_header);
    m_title->setWordWrap(false);
    m_note = new ElidedLabel(note, Qt::ElideRight, m_header);
    m_note->setProperty("role", "muted");
    header->addWidget(m_title);
    header->addWidget(m_note, 1);
    m_tools = new QHBoxLayout;
    m_tools->setSpacing(8);
    header->addLayout(m_tools);
    layout->addWidget(m_header);
    m_body = new QVBoxLayout;
    m_body->setSpacing(8);
    layout->addLayout(m_body, 1);
    m_header->setVisible(!title.isEmpty());
}

void Card::setTitle(const QString& title) {
    m_title->setText(title);
    m_header->setVisible(!title.isEmpty());
}

void Card::setNote(const QString& note) {
    static_cast<ElidedLabel*>(m_note)->setFullText(note);
}

void Card::setFlush() {
    layout()->setContentsMargins(1, 12, 1, 1);
    m_header->setContentsMargins(15, 0, 15, 0);
}

FigureLabel::FigureLabel(const QString& caption, QWidget* parent) : QWidget(parent) {
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->setSpacing(2);
    m_figure = makeLabel(QStringLiteral("–"), "figure", this);
    m_figure->setWordWrap(false);
    m_caption = makeLabel(caption, "note", this);
    m_caption->setWordWrap(false);
    layout->addWidget(m_figure);
    layout->addWidget(m_caption);
    setFocusPolicy(Qt::NoFocus);
    describe();
}

void FigureLabel::setFigure(const QString& figure) {
    m_figure->setText(figure);
    describe();
}

void FigureLabel::setCaption(const QString& caption) {
    m_caption->setText(caption);
    describe();
}

void FigureLabel::describe() {
    setAccessibleName(m_caption->text() + ": " + m_figure->text());
}

Chip::Chip(const QString& text, Tone tone, QWidget* parent) : QLabel(text, parent) {
    setTextFormat(Qt::PlainText);
    setSizePolicy(QSizePolicy::Fixed, QSizePolicy::Fixed);
    setTone(tone);
}

void Chip::setTone(Tone tone) {
    setStyleProperty(this, "chip", QString::fromLatin1(toneName(tone)));
}

QLabel* makeLabel(const QString& text, const QString& role, QWidget* parent) {
    auto* label = new QLabel(text, parent);
    label->setTextFormat(Qt::PlainText);
    label->setWordWrap(true);
    label->setProperty("role", role);
    if (role == "mono")
        label->setFont(Theme::current().monospaceFont());
    return label;
}

QLabel* makeFieldLabel(const QString& text, QWidget* parent) {
    QLabel* label = makeLabel(text, "body", parent);
    label->setWordWrap(false);
    label->setMinimumHeight(kFieldHeight);
    return label;
}

ElidedLabel::ElidedLabel(const QString& text, Qt::TextElideMode mode, QWidget* parent) : QLabel(parent), m_mode(mode) {
    setTextFormat(Qt::PlainText);
    setSizePolicy(QSizePolicy::Preferred, QSizePolicy::Fixed);
    setFullText(text);
}

void ElidedLabel::setFullText(const QString& text) {
    m_full = text;
    m_full.replace(QLatin1Char('\n'), QLatin1Char(' '));
    setAccessibleName(m_full);
    updateGeometry();
    update();
}

QSize ElidedLabel::sizeHint() const {
    ensurePolished();
    const QFontMetrics metrics(font());
    return {metrics.horizontalAdvance(m_full) + 2, metrics.height()};
}

QSize ElidedLabel::minimumSizeHint() const {
    ensurePolished();
    const QFontMetrics metrics(font());
    return {std::min(metrics.horizontalAdvance(QStringLiteral("nnnn…")), sizeHint().width()), metrics.height()};
}

void ElidedLabel::paintEvent(QPaintEvent*) {
    QPainter painter(this);
    const QString shown = fontMetrics().elidedText(m_full, m_mode, width());
    setToolTip(shown == m_full ? QString() : m_full.toHtmlEscaped());
    style()->drawItemText(&painter, rect(), int(Qt::AlignVCenter | Qt::AlignLeft), palette(), isEnabled(), shown,
                          foregroundRole());
}

QPushButton* makeButton(const QString& text, const QString& kind, const QString& icon, QWidget* parent) {
    auto* button = new QPushButton(text, parent);
    button->setProperty("kind", kind);
    button->setAutoDefault(false);
    button->setCursor(Qt::PointingHandCursor);
    if (!icon.isEmpty())
        button->setIcon(Theme::current().icon(icon, kind == "primary"  ? Theme::IconColor::OnAccent
                                                    : kind == "danger" ? Theme::IconColor::Bad
                                                    : kind == "quiet"  ? Theme::IconColor::Accent
                                                                       : Theme::IconColor::Text));
    return button;
}

QScrollArea* makeScrolling(QWidget* inner) {
    auto* area = new QScrollArea(inner->parentWidget());
    area->setWidgetResizable(true);
    area->setFrameShape(QFrame::NoFrame);
    area->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    area->viewport()->setAutoFillBackground(false);
    inner->setProperty("surface", "scroll");
    area->setWidget(inner);
    return area;
}

QFrame* makeLine(QWidget* parent) {
    auto* line = new QFrame(parent);
    line->setProperty("line", true);
    line->setFixedHeight(1);
    return line;
}

} // namespace attune
