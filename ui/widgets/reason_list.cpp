#include "ui/widgets/reason_list.h"

#include <QHBoxLayout>
#include <QVBoxLayout>

#include "ui/bridge/qt_convert.h"
#include "ui/widgets/card.h"

namespace attune {
namespace {

constexpr int kChipWidth = 116; // the sentences begin in one column

Tone toneOf(GateVerdict verdict) {
    return verdict == GateVerdict::Accepted ? Tone::Good : verdict == GateVerdict::Rejected ? Tone::Bad : Tone::Careful;
}

// A shape and a word beside the colour.
QString chipText(GateVerdict verdict) {
    return verdict == GateVerdict::Accepted   ? ReasonList::tr("✓ speaks for it")
           : verdict == GateVerdict::Rejected ? ReasonList::tr("✕ against it")
                                              : ReasonList::tr("? not measured");
}

} // namespace

QString verdictWords(GateVerdict verdict) {
    return verdict == GateVerdict::Accepted   ? ReasonList::tr("enough to ship")
           : verdict == GateVerdict::Rejected ? ReasonList::tr("speaks against it")
                                              : ReasonList::tr("not all measured");
}

ReasonList::ReasonList(QWidget* parent) : QWidget(parent), m_column(new QVBoxLayout(this)) {
    m_column->setContentsMargins(0, 0, 0, 0);
    m_column->setSpacing(8);
}

ReasonList::Line ReasonList::lineOf(const GateReason& reason) {
    return {chipText(reason.verdict), toneOf(reason.verdict), qstr(reason.sentence), {}};
}

void ReasonList::setLines(const std::vector<Line>& lines) {
    while (QLayoutItem* item = m_column->takeAt(0)) {
        if (item->widget()) {
            item->widget()->hide();
            item->widget()->deleteLater();
        }
        delete item;
    }
    for (const Line& each : lines) {
        auto* row = new QWidget(this);
        auto* line = new QHBoxLayout(row);
        line->setContentsMargins(0, 0, 0, 0);
        line->setSpacing(12);
        auto* place = new QWidget(row);
        auto* placed = new QHBoxLayout(place);
        placed->setContentsMargins(0, 0, 0, 0);
        placed->addWidget(new Chip(each.chip, each.tone, place));
        placed->addStretch(1);
        place->setMinimumWidth(kChipWidth);
        line->addWidget(place, 0, Qt::AlignTop);
        auto* words = new QVBoxLayout;
        words->setSpacing(2);
        words->addWidget(makeLabel(each.sentence, "body", row));
        if (!each.detail.isEmpty())
            words->addWidget(makeLabel(each.detail, "note", row));
        line->addLayout(words, 1);
        m_column->addWidget(row);
    }
    setVisible(!lines.empty());
}

} // namespace attune
