#include "ui/views/data/preview_panel.h"

#include <QHBoxLayout>
#include <QLabel>
#include <QScrollArea>
#include <QScrollBar>
#include <QToolButton>
#include <QVBoxLayout>

#include "ui/bridge/qt_convert.h"
#include "ui/models/sample_table_model.h"
#include "ui/views/data/bubble.h"
#include "ui/views/data/data_words.h"
#include "ui/widgets/card.h"

namespace attune {
namespace {

constexpr int kRows = 3;          // shown at once
constexpr std::size_t kTurns = 8; // of one row
constexpr int kLines = 8;         // of one turn, the rest scrolls

QToolButton* arrow(const QString& icon, const QString& name, QWidget* parent) {
    auto* button = new QToolButton(parent);
    button->setIcon(Theme::current().icon(icon));
    button->setAccessibleName(name);
    button->setToolTip(name);
    return button;
}

} // namespace

PreviewPanel::PreviewPanel(QWidget* parent) : QWidget(parent) {
    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(0, 0, 0, 0);
    m_card = new Card(tr("As the model will see them"), {}, this);
    m_back = arrow("left", tr("Rows before"), m_card);
    m_next = arrow("right", tr("Next rows"), m_card);
    m_card->tools()->addWidget(m_back);
    m_card->tools()->addWidget(m_next);
    auto* rows = new QWidget(m_card);
    m_rows = new QVBoxLayout(rows);
    m_rows->setContentsMargins(0, 0, 8, 0);
    m_rows->setSpacing(8);
    m_card->body()->addWidget(makeScrolling(rows), 1);
    column->addWidget(m_card);
    connect(m_back, &QToolButton::clicked, this, [this] { turn(-kRows); });
    connect(m_next, &QToolButton::clicked, this, [this] { turn(kRows); });
}

void PreviewPanel::showSamples(const std::vector<Sample>& samples) {
    m_samples = samples;
    if (m_first >= int(m_samples.size()))
        m_first = 0;
    rebuild();
}

void PreviewPanel::turn(int by) {
    m_first = std::max(0, m_first + by);
    rebuild();
}

void PreviewPanel::rebuild() {
    while (QLayoutItem* item = m_rows->takeAt(0)) {
        if (QWidget* widget = item->widget()) {
            widget->hide();
            widget->deleteLater();
            widget->setParent(nullptr);
        }
        delete item;
    }
    const int all = int(m_samples.size()), last = std::min(all, m_first + kRows);
    m_back->setEnabled(m_first > 0);
    m_next->setEnabled(last < all);
    m_card->setNote(all == 0 ? QString() : tr("rows %1 to %2 of the first %3").arg(m_first + 1).arg(last).arg(all));
    if (all == 0)
        m_rows->addWidget(
            makeLabel(tr("No row comes out of this mapping yet. Give each needed part a column."), "muted", m_card));
    const auto add = [this](const QString& title, const std::string& text, bool learned) {
        auto* bubble = new Bubble(title, qstr(text), learned, learned, false, m_card);
        bubble->editor()->setMaximumLines(kLines);
        m_rows->addWidget(bubble);
    };
    for (int i = m_first; i < last; ++i) {
        const Sample& sample = m_samples[std::size_t(i)];
        QStringList facts{tr("Row %1").arg(number(qint64(sample.sourceRow > 0 ? sample.sourceRow : i + 1)))};
        if (sample.split != Split::None)
            facts << SampleTableModel::splitLabel(sample.split);
        for (const std::string& tag : sample.tags)
            facts << qstr(tag);
        if (i > m_first)
            m_rows->addSpacing(8);
        m_rows->addWidget(makeLabel(facts.join(QStringLiteral(" · ")), "section", m_card));
        for (std::size_t turn = 0; turn < std::min(sample.messages.size(), kTurns); ++turn)
            add(roleWords(sample.messages[turn].role), sample.messages[turn].content,
                sample.kind == SampleKind::Chat && turn + 1 == sample.messages.size());
        if (sample.messages.size() > kTurns)
            m_rows->addWidget(makeLabel(tr("%1 more turns").arg(sample.messages.size() - kTurns), "note", m_card));
        if (sample.kind == SampleKind::Text)
            add(tr("Text"), sample.text, true);
        if (sample.kind == SampleKind::Preference || sample.kind == SampleKind::Unpaired)
            add(sample.kind == SampleKind::Preference ? tr("Better answer")
                : sample.label                        ? tr("Answer marked good")
                                                      : tr("Answer marked bad"),
                sample.chosen, true);
        if (sample.kind == SampleKind::Preference)
            add(tr("Worse answer"), sample.rejected, false);
    }
    m_rows->addStretch(1);
}

} // namespace attune
