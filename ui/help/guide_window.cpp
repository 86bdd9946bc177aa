#include "ui/help/guide_window.h"

#include <utility>

#include <QFile>
#include <QHBoxLayout>
#include <QKeyEvent>
#include <QLabel>
#include <QLineEdit>
#include <QListWidget>
#include <QShortcut>
#include <QTextBrowser>
#include <QTextCursor>
#include <QVBoxLayout>

#include "ui/theme.h"
#include "ui/widgets/card.h"

namespace attune {
namespace {

constexpr int kListWidth = 216, kWindowWidth = 940, kWindowHeight = 680, kMargin = 16;

QStringList wordsOf(const QString& text) {
    return text.simplified().split(QLatin1Char(' '), Qt::SkipEmptyParts);
}

} // namespace

std::vector<GuidePage> readGuidePages(const QStringList& ids) {
    std::vector<GuidePage> pages;
    for (const QString& id : ids) {
        QFile file(QStringLiteral(":/help/%1.md").arg(id));
        if (!file.open(QIODevice::ReadOnly))
            continue;
        const QString text = QString::fromUtf8(file.readAll());
        pages.push_back({id, text.section(QLatin1Char('\n'), 0, 0).mid(2), text});
    }
    return pages;
}

GuideWindow::GuideWindow(std::vector<GuidePage> pages, QWidget* parent) : QWidget(parent, Qt::Window), m_pages(std::move(pages)) {
    setWindowTitle(tr("Guide – Attune"));
    setProperty("surface", "page");
    setAttribute(Qt::WA_StyledBackground);
    resize(kWindowWidth, kWindowHeight);
    auto* columns = new QHBoxLayout(this);
    columns->setContentsMargins(kMargin, kMargin, kMargin, kMargin);
    columns->setSpacing(kMargin);
    auto* left = new QVBoxLayout;
    left->setSpacing(8);
    m_search = new QLineEdit(this);
    m_search->setPlaceholderText(tr("Search (Ctrl+F)"));
    m_search->setAccessibleName(tr("Search in the guide"));
    m_search->setClearButtonEnabled(true);
    m_search->setFixedWidth(kListWidth);
    m_list = new QListWidget(this);
    m_list->setAccessibleName(tr("Pages of the guide"));
    m_list->setFixedWidth(kListWidth);
    for (const GuidePage& page : m_pages)
        m_list->addItem(page.title);
    m_found = makeLabel({}, "note", this);
    m_found->setFixedWidth(kListWidth);
    left->addWidget(m_search);
    left->addWidget(m_list, 1);
    left->addWidget(m_found);
    columns->addLayout(left);
    m_text = new QTextBrowser(this);
    m_text->setAccessibleName(tr("Page of the guide"));
    m_text->setOpenLinks(false); // there is nothing outside
    m_text->document()->setDocumentMargin(kMargin);
    columns->addWidget(m_text, 1);
    connect(m_list, &QListWidget::currentRowChanged, this, &GuideWindow::showPage);
    connect(m_search, &QLineEdit::textChanged, this, &GuideWindow::search);
    connect(m_search, &QLineEdit::returnPressed, this, [this] { mark(true); });
    auto* find = new QShortcut(QKeySequence::Find, this);
    connect(find, &QShortcut::activated, this, [this] {
        m_search->setFocus(Qt::ShortcutFocusReason);
        m_search->selectAll();
    });
    connect(&Theme::current(), &Theme::changed, this, [this] { mark(false); });
    m_list->setCurrentRow(0);
}

void GuideWindow::open(const QString& id) {
    for (std::size_t i = 0; i < m_pages.size(); ++i)
        if (m_pages[i].id == id) {
            m_search->clear();
            m_list->setCurrentRow(int(i));
        }
    show();
    raise();
    activateWindow();
    m_list->setFocus(Qt::OtherFocusReason);
}

QString GuideWindow::page() const {
    const int row = m_list->currentRow();
    return row < 0 ? QString() : m_pages[std::size_t(row)].id;
}

int GuideWindow::listed() const {
    int count = 0;
    for (int i = 0; i < m_list->count(); ++i)
        count += !m_list->item(i)->isHidden();
    return count;
}

void GuideWindow::search(const QString& words) {
    const QStringList wanted = wordsOf(words);
    int first = -1;
    for (int i = 0; i < m_list->count(); ++i) {
        bool all = true;
        for (const QString& word : wanted)
            all = all && m_pages[std::size_t(i)].text.contains(word, Qt::CaseInsensitive);
        m_list->item(i)->setHidden(!all);
        first = all && first < 0 ? i : first;
    }
    m_found->setText(wanted.isEmpty() ? QString() : first < 0 ? tr("No page has these words.") : listed() == 1 ? tr("1 page") : tr("%1 pages").arg(listed()));
    if (first >= 0 && (m_list->currentRow() < 0 || m_list->currentItem()->isHidden()))
        m_list->setCurrentRow(first);
    mark(false);
}

void GuideWindow::showPage(int index) {
    if (index < 0)
        return;
    m_text->setMarkdown(m_pages[std::size_t(index)].text);
    mark(false);
}

// Every place with one of the words; with `jump` the next one after the cursor.
void GuideWindow::mark(bool jump) {
    QList<QTextEdit::ExtraSelection> marks;
    for (const QString& word : wordsOf(m_search->text()))
        for (QTextCursor place = m_text->document()->find(word); !place.isNull(); place = m_text->document()->find(word, place)) {
            QTextEdit::ExtraSelection found;
            found.cursor = place;
            found.format.setBackground(Theme::current().wash(Tone::Careful));
            found.format.setFontUnderline(true);
            marks.append(found);
        }
    m_text->setExtraSelections(marks);
    if (!jump || marks.isEmpty())
        return;
    const int from = m_text->textCursor().selectionEnd();
    const QTextEdit::ExtraSelection* next = nullptr;
    for (const QTextEdit::ExtraSelection& found : marks)
        if (found.cursor.selectionStart() >= from && (!next || found.cursor.selectionStart() < next->cursor.selectionStart()))
            next = &found;
    m_text->setTextCursor((next ? *next : marks.front()).cursor);
}

void GuideWindow::keyPressEvent(QKeyEvent* event) {
    if (event->key() == Qt::Key_Escape && m_search->text().isEmpty())
        close();
    else if (event->key() == Qt::Key_Escape)
        m_search->clear();
    else
        QWidget::keyPressEvent(event);
}

} // namespace attune
