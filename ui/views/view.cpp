#include "ui/views/view.h"

#include <QLabel>
#include <QPushButton>
#include <QToolButton>
#include <QVBoxLayout>

#include "ui/theme.h"
#include "ui/widgets/card.h"
#include "ui/widgets/message_bar.h"

namespace attune {

namespace {
constexpr int kHeaderHeight = 32; // of a button: the page keeps its place when the buttons go
} // namespace

View::View(Services& services, QWidget* parent) : QWidget(parent), m_services(services) {}
void View::showRequest(const QVariantMap&) {}
bool View::openFiles(const QStringList&) {
    return false;
}
bool View::canClose(QString&) {
    return true;
}

ViewPage::ViewPage(const QString& title, const QString& sentence, QWidget* parent) : QWidget(parent) {
    setProperty("surface", "page");
    setAttribute(Qt::WA_StyledBackground);
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(24, 16, 24, 16);
    layout->setSpacing(16);

    m_title = new ElidedLabel(title, Qt::ElideRight, this);
    setStyleProperty(m_title, "role", "title");
    m_sentence = makeLabel(sentence, "muted", this);
    auto* buttons = new QHBoxLayout;
    buttons->setSpacing(8);
    m_buttons = buttons;
    auto* help = new QToolButton(this);
    help->setIcon(Theme::current().icon("help", Theme::IconColor::Muted));
    help->setToolTip(tr("What is this, and how does it work? (F1)"));
    help->setAccessibleName(tr("Guide to this station"));
    connect(help, &QToolButton::clicked, this, [this] {
        for (QWidget* outer = parentWidget(); outer; outer = outer->parentWidget())
            if (auto* view = qobject_cast<View*>(outer))
                return Q_EMIT view->helpWanted();
    });
    auto* line = new QHBoxLayout;
    line->setSpacing(8);
    m_title->setSizePolicy(QSizePolicy::Maximum, QSizePolicy::Preferred); // the button follows the words
    line->addWidget(m_title, 0);
    line->addWidget(help, 0, Qt::AlignVCenter);
    line->addStretch(1);
    m_title->setMinimumHeight(kHeaderHeight);
    line->addLayout(buttons);
    auto* header = new QVBoxLayout; // the sentence has the whole width: beside the buttons it broke into many lines
    header->setSpacing(2);
    header->addLayout(line);
    header->addWidget(m_sentence);
    layout->addLayout(header);

    m_messages = new MessageArea(this);
    layout->addWidget(m_messages);
    m_content = new QVBoxLayout;
    layout->addLayout(m_content, 1);
}

void ViewPage::setTitle(const QString& title) {
    m_title->setFullText(title);
}
void ViewPage::setSentence(const QString& sentence) {
    m_sentence->setText(sentence);
}

QPushButton* ViewPage::addButton(const QString& text, const QString& icon) {
    QPushButton* button = makeButton(text, "secondary", icon, this);
    m_buttons->insertWidget(m_primary ? m_buttons->count() - 1 : m_buttons->count(), button);
    return button;
}

QPushButton* ViewPage::primaryButton(const QString& text) {
    if (!m_primary) {
        m_primary = makeButton(text, "primary", {}, this);
        m_buttons->addWidget(m_primary);
    }
    m_primary->setText(text);
    return m_primary;
}

void ViewPage::setContent(QWidget* content, bool scrolls) {
    QWidget* shown = scrolls ? makeScrolling(content) : content;
    while (QLayoutItem* item = m_content->takeAt(0)) {
        if (item->widget())
            item->widget()->deleteLater();
        delete item;
    }
    m_content->addWidget(shown);
}

void fill(View& view, QWidget* page) {
    auto* layout = new QVBoxLayout(&view);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->addWidget(page);
}

} // namespace attune
