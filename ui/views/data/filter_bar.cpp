#include "ui/views/data/filter_bar.h"

#include <algorithm>

#include <QComboBox>
#include <QFrame>
#include <QHBoxLayout>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QSignalBlocker>
#include <QVBoxLayout>

#include "ui/bridge/qt_convert.h"
#include "ui/models/sample_table_model.h"
#include "ui/theme.h"
#include "ui/views/data/data_words.h"
#include "ui/widgets/card.h"

namespace attune {
namespace {

constexpr int kDebounceMilliseconds = 250;

void setCounts(QComboBox& box, const QString& all, const QList<std::pair<QString, qint64>>& choices) {
    const QSignalBlocker blocker(box);
    const QVariant chosen = box.currentData();
    box.clear();
    box.addItem(all, -1);
    for (int i = 0; i < choices.size(); ++i)
        if (choices[i].second > 0 || chosen == QVariant(i))
            box.addItem(QStringLiteral("%1 (%2)").arg(choices[i].first, number(choices[i].second)), i);
    box.setCurrentIndex(std::max(0, box.findData(chosen)));
}

} // namespace

FilterBar::FilterBar(QWidget* parent) : QWidget(parent) {
    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(15, 0, 15, 0);
    column->setSpacing(8);
    auto* line = new QHBoxLayout;
    line->setSpacing(8);
    m_search = new QLineEdit(this);
    m_search->setClearButtonEnabled(true);
    m_search->addAction(Theme::current().icon("search", Theme::IconColor::Muted), QLineEdit::LeadingPosition);
    m_search->setAccessibleName(tr("Search the rows"));
    m_search->setToolTip(tr("Rows whose texts contain these words, whatever the case (Ctrl+F)"));
    m_split = new QComboBox(this);
    m_split->setAccessibleName(tr("Show one split"));
    m_kind = new QComboBox(this);
    m_kind->setAccessibleName(tr("Show one kind of rows"));
    for (QComboBox* box : {m_split, m_kind})
        box->setSizeAdjustPolicy(QComboBox::AdjustToContents);
    m_problems = makeButton({}, "secondary", "careful", this);
    m_problems->setIcon(Theme::current().icon("careful", Theme::IconColor::Careful));
    m_problems->setToolTip(tr("Rows of the file that could not be read, with line and reason"));
    m_problems->hide();
    line->addWidget(m_search, 1);
    line->addWidget(m_split);
    line->addWidget(m_kind);
    line->addWidget(m_problems);
    column->addLayout(line);

    m_finding = new QFrame(this);
    m_finding->setProperty("message", "accent");
    auto* strip = new QHBoxLayout(m_finding);
    strip->setContentsMargins(12, 4, 4, 4);
    strip->setSpacing(8);
    m_findingText = makeLabel({}, "strong", m_finding);
    m_fix = makeButton({}, "secondary", {}, m_finding);
    auto* close = makeButton(tr("Show all rows"), "quiet", {}, m_finding);
    strip->addWidget(m_findingText, 1);
    strip->addWidget(m_fix);
    strip->addWidget(close);
    column->addWidget(m_finding);
    m_finding->hide();

    m_debounce.setSingleShot(true);
    m_debounce.setInterval(kDebounceMilliseconds);
    connect(&m_debounce, &QTimer::timeout, this, &FilterBar::changed);
    connect(m_search, &QLineEdit::textChanged, this, [this] { m_debounce.start(); });
    connect(m_search, &QLineEdit::returnPressed, this, [this] {
        m_debounce.stop();
        Q_EMIT changed();
    });
    for (QComboBox* box : {m_split, m_kind})
        connect(box, &QComboBox::activated, this, &FilterBar::changed);
    connect(m_problems, &QPushButton::clicked, this, &FilterBar::problemsClicked);
    connect(m_fix, &QPushButton::clicked, this, &FilterBar::fixClicked);
    connect(close, &QPushButton::clicked, this, &FilterBar::findingClosed);
    showStatistics({});
}

void FilterBar::apply(SampleQuery& query) const {
    query.text = sstr(m_search->text().trimmed());
    if (const int split = m_split->currentData().toInt(); split >= 0)
        query.split = static_cast<Split>(split);
    if (const int kind = m_kind->currentData().toInt(); kind >= 0)
        query.kind = static_cast<SampleKind>(kind);
}

bool FilterBar::isFiltering() const {
    return !m_search->text().trimmed().isEmpty() || m_split->currentIndex() > 0 || m_kind->currentIndex() > 0;
}

void FilterBar::clearFilters() {
    const QSignalBlocker search(m_search), split(m_split), kind(m_kind);
    m_search->clear();
    m_split->setCurrentIndex(0);
    m_kind->setCurrentIndex(0);
    m_debounce.stop();
}

void FilterBar::setSearch(const QString& text) {
    m_search->setText(text);
}

void FilterBar::setSplit(Split split) {
    m_split->setCurrentIndex(std::max(0, m_split->findData(int(split))));
}

void FilterBar::focusSearch() {
    m_search->setFocus(Qt::ShortcutFocusReason);
    m_search->selectAll();
}

void FilterBar::showStatistics(const DatasetStatistics& statistics) {
    m_search->setPlaceholderText(tr("Search %1 rows (Ctrl+F)").arg(number(qint64(statistics.rows))));
    QList<std::pair<QString, qint64>> splits, kinds;
    for (int i = 0; i < int(statistics.bySplit.size()); ++i)
        splits << std::pair(SampleTableModel::splitLabel(static_cast<Split>(i)),
                            qint64(statistics.bySplit[std::size_t(i)]));
    int present = 0;
    for (int i = 0; i < int(statistics.byKind.size()); ++i) {
        kinds << std::pair(kindWords(static_cast<SampleKind>(i)), qint64(statistics.byKind[std::size_t(i)]));
        present += statistics.byKind[std::size_t(i)] > 0;
    }
    setCounts(*m_split, tr("All splits"), splits);
    setCounts(*m_kind, tr("All kinds"), kinds);
    m_kind->setVisible(present > 1);
    m_problems->setText(tr("%1 set aside").arg(number(qint64(statistics.problems))));
    m_problems->setVisible(statistics.problems > 0);
}

void FilterBar::showFinding(const QString& text, const QString& fix) {
    m_findingText->setText(text);
    m_fix->setText(fix);
    m_fix->setVisible(!fix.isEmpty());
    m_finding->setVisible(!text.isEmpty());
}

} // namespace attune
