#include "ui/widgets/command_palette.h"

#include <algorithm>

#include <QAction>
#include <QKeyEvent>
#include <QLineEdit>
#include <QListWidget>
#include <QMenu>
#include <QTimer>
#include <QVBoxLayout>

#include "ui/widgets/card.h"

namespace attune {
namespace {

QString plainText(const QAction& action) {
    QString text = action.text();
    text.remove(QLatin1Char('&'));
    const QString group = action.property("group").toString();
    return group.isEmpty() ? text : QStringLiteral("%1: %2").arg(group, text);
}

} // namespace

CommandPalette::CommandPalette(const QList<QAction*>& actions, QWidget* parent) : QDialog(parent, Qt::Popup) {
    setAttribute(Qt::WA_DeleteOnClose);
    setAccessibleName(tr("Command palette"));
    for (QAction* action : actions)
        if (action->isEnabled() && action->isVisible() && !action->isSeparator() && !action->menu() &&
            !action->text().isEmpty())
            m_actions.append(action);
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(8, 8, 8, 8);
    layout->setSpacing(8);
    m_search = new QLineEdit(this);
    m_search->setPlaceholderText(tr("What do you want to do?"));
    m_search->setClearButtonEnabled(true);
    m_search->setAccessibleName(tr("Search commands"));
    m_list = new QListWidget(this);
    m_list->setAccessibleName(tr("Commands"));
    m_list->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    m_list->setFocusPolicy(Qt::NoFocus);
    layout->addWidget(m_search);
    layout->addWidget(m_list);
    m_search->installEventFilter(this);
    connect(m_search, &QLineEdit::textChanged, this, &CommandPalette::filter);
    connect(m_search, &QLineEdit::returnPressed, this, &CommandPalette::runCurrent);
    connect(m_list, &QListWidget::itemClicked, this, &CommandPalette::runCurrent);
    const int width = std::min(520, parent->width() - 40);
    resize(width, std::min(420, parent->height() - 80));
    move(parent->mapToGlobal(QPoint((parent->width() - width) / 2, 60)));
    filter({});
    m_search->setFocus();
}

void CommandPalette::filter(const QString& words) {
    m_list->clear();
    const QStringList wanted = words.split(QLatin1Char(' '), Qt::SkipEmptyParts);
    for (qsizetype i = 0; i < m_actions.size(); ++i) {
        if (!m_actions[i])
            continue;
        const QString text = plainText(*m_actions[i]);
        if (!std::all_of(wanted.begin(), wanted.end(),
                         [&](const QString& word) { return text.contains(word, Qt::CaseInsensitive); }))
            continue;
        const QString key = m_actions[i]->shortcut().toString(QKeySequence::NativeText);
        auto* item = new QListWidgetItem(key.isEmpty() ? text : QStringLiteral("%1   (%2)").arg(text, key), m_list);
        item->setData(Qt::UserRole, i);
    }
    m_list->setCurrentRow(0);
}

void CommandPalette::runCurrent() {
    const QListWidgetItem* item = m_list->currentItem();
    if (!item)
        return;
    const QPointer<QAction> action = m_actions.value(item->data(Qt::UserRole).toLongLong());
    close();
    // After this popup is gone, so that dialogs of the action get the focus.
    QTimer::singleShot(0, action, [action] { action->trigger(); });
}

bool CommandPalette::eventFilter(QObject* object, QEvent* event) {
    if (event->type() == QEvent::KeyPress) {
        const int key = static_cast<QKeyEvent*>(event)->key();
        if (key == Qt::Key_Down || key == Qt::Key_Up) {
            const int rows = m_list->count();
            if (rows > 0)
                m_list->setCurrentRow((m_list->currentRow() + (key == Qt::Key_Down ? 1 : rows - 1)) % rows);
            return true;
        }
    }
    return QDialog::eventFilter(object, event);
}

} // namespace attune
