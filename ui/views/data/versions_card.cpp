#include "ui/views/data/versions_card.h"

#include <QDateTime>
#include <QHBoxLayout>
#include <QLabel>
#include <QLocale>
#include <QPushButton>
#include <QVBoxLayout>

#include "ui/bridge/qt_convert.h"
#include "ui/widgets/card.h"

namespace attune {
namespace {

constexpr std::size_t kListedVersions = 20;
constexpr int kHashShown = 10; // digits; the whole one is the tool tip

} // namespace

VersionsCard::VersionsCard(QWidget* parent) : QWidget(parent) {
    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(0, 0, 0, 0);
    m_card = new Card(tr("Versions"), {}, this);
    m_list = new QVBoxLayout;
    m_list->setSpacing(8);
    m_card->body()->addLayout(m_list);
    column->addWidget(m_card);
    showVersions({});
}

void VersionsCard::showVersions(const std::vector<DatasetVersion>& versions) {
    while (QLayoutItem* item = m_list->takeAt(0)) {
        if (item->widget()) {
            item->widget()->hide();
            item->widget()->deleteLater();
        }
        delete item;
    }
    if (versions.empty()) {
        m_list->addWidget(makeLabel(tr("None yet. A frozen version keeps rows and splits exactly as they are, so that "
                                       "a run can name what it learned from."),
                                    "muted", m_card));
        return;
    }
    for (std::size_t i = 0; i < std::min(versions.size(), kListedVersions); ++i) {
        const DatasetVersion& version = versions[i];
        auto* row = new QWidget(m_card);
        auto* line = new QHBoxLayout(row);
        line->setContentsMargins(8, 0, 0, 0);
        line->setSpacing(8);
        auto* words = new QVBoxLayout;
        words->setSpacing(0);
        const QString note = qstr(version.note);
        words->addWidget(makeLabel(note.isEmpty() ? tr("Version %1").arg(version.number)
                                                  : tr("Version %1 · %2").arg(version.number).arg(note),
                                   "body", row));
        auto* facts = new ElidedLabel(
            tr("%1 train · %2 val. · %3 test · %4 · %5")
                .arg(number(qint64(version.bySplit[std::size_t(Split::Train)])),
                     number(qint64(version.bySplit[std::size_t(Split::Validation)])),
                     number(qint64(version.bySplit[std::size_t(Split::Test)])), qstr(version.hash).left(kHashShown),
                     QLocale().toString(QDateTime::fromMSecsSinceEpoch(version.created).date(), QLocale::ShortFormat)),
            Qt::ElideRight, row);
        facts->setProperty("role", "note");
        words->addWidget(facts);
        row->setToolTip(tr("Hash %1").arg(qstr(version.hash)));
        line->addLayout(words, 1);
        auto* train = makeButton(tr("Train"), "small", {}, row);
        train->setAccessibleName(tr("Train on version %1").arg(version.number));
        line->addWidget(train, 0, Qt::AlignTop);
        connect(train, &QPushButton::clicked, this, [this, id = version.id] { Q_EMIT trainWanted(id); });
        m_list->addWidget(row);
    }
}

} // namespace attune
