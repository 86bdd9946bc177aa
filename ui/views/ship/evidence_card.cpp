#include "ui/views/ship/evidence_card.h"

#include <QHBoxLayout>
#include <QLineEdit>
#include <QVBoxLayout>

#include "ui/bridge/qt_convert.h"
#include "ui/widgets/card.h"

namespace attune {
namespace {

constexpr int kVerdictWidth = 116;

Tone toneOf(GateVerdict verdict) {
    return verdict == GateVerdict::Accepted ? Tone::Good : verdict == GateVerdict::Rejected ? Tone::Bad : Tone::Careful;
}

// A shape and a word beside the colour.
QString chipText(GateVerdict verdict) {
    return verdict == GateVerdict::Accepted   ? EvidenceCard::tr("✓ speaks for it")
           : verdict == GateVerdict::Rejected ? EvidenceCard::tr("✕ against it")
                                              : EvidenceCard::tr("? not measured");
}

} // namespace

QString verdictWords(GateVerdict verdict) {
    return verdict == GateVerdict::Accepted   ? EvidenceCard::tr("enough to ship")
           : verdict == GateVerdict::Rejected ? EvidenceCard::tr("speaks against it")
                                              : EvidenceCard::tr("not all measured");
}

EvidenceCard::EvidenceCard(QWidget* parent) : QWidget(parent) {
    auto* outer = new QVBoxLayout(this);
    outer->setContentsMargins(0, 0, 0, 0);
    m_card = new Card(tr("Evidence"), {}, this);
    outer->addWidget(m_card);
    QPushButton* measure = makeButton(tr("Go to Evaluate"), "small", {}, m_card);
    measure->setToolTip(tr("Measure the scores of this run on the test rows"));
    m_card->tools()->addWidget(measure);
    connect(measure, &QPushButton::clicked, this, &EvidenceCard::measureWanted);
    m_lines = new QWidget(m_card);
    m_column = new QVBoxLayout(m_lines);
    m_column->setContentsMargins(0, 0, 0, 0);
    m_column->setSpacing(8);
    m_card->body()->addWidget(m_lines);

    m_override = new QWidget(m_card);
    auto* column = new QVBoxLayout(m_override);
    column->setContentsMargins(0, 8, 0, 0);
    column->setSpacing(8);
    column->addWidget(makeLabel(tr("To export it all the same, say who decides and why. Both are kept with the export."), "muted", m_override));
    auto* line = new QHBoxLayout;
    line->setSpacing(8);
    m_person = new QLineEdit(m_override);
    m_person->setPlaceholderText(tr("Your name"));
    m_person->setAccessibleName(tr("Who decides to export"));
    m_reason = new QLineEdit(m_override);
    m_reason->setPlaceholderText(tr("The reason, for example: only for a test on my own computer"));
    m_reason->setAccessibleName(tr("Why it is exported all the same"));
    line->addWidget(m_person, 1);
    line->addWidget(m_reason, 3);
    column->addLayout(line);
    m_card->body()->addWidget(m_override);
    connect(m_person, &QLineEdit::textChanged, this, &EvidenceCard::changed);
    connect(m_reason, &QLineEdit::textChanged, this, &EvidenceCard::changed);
    showReading();
}

void EvidenceCard::showReading() {
    m_result.reset();
    m_card->setNote(tr("reading…"));
    m_lines->hide();
    m_override->hide();
    Q_EMIT changed();
}

void EvidenceCard::showEvidence(const GateResult& result) {
    m_result = result;
    m_card->setNote(verdictWords(result.verdict));
    while (QLayoutItem* item = m_column->takeAt(0)) {
        if (item->widget()) {
            item->widget()->hide();
            item->widget()->deleteLater();
        }
        delete item;
    }
    for (const GateReason& reason : result.reasons) {
        auto* row = new QWidget(m_lines);
        auto* line = new QHBoxLayout(row);
        line->setContentsMargins(0, 0, 0, 0);
        line->setSpacing(12);
        auto* place = new QWidget(row); // the sentences begin in one column
        auto* placed = new QHBoxLayout(place);
        placed->setContentsMargins(0, 0, 0, 0);
        placed->addWidget(new Chip(chipText(reason.verdict), toneOf(reason.verdict), place));
        placed->addStretch(1);
        place->setMinimumWidth(kVerdictWidth);
        line->addWidget(place, 0, Qt::AlignTop);
        line->addWidget(makeLabel(qstr(reason.sentence), "body", row), 1);
        m_column->addWidget(row);
    }
    m_lines->setVisible(!result.reasons.empty());
    m_override->setVisible(!isAccepted());
    Q_EMIT changed();
}

QString EvidenceCard::person() const {
    return isAccepted() ? QString() : m_person->text().trimmed();
}

QString EvidenceCard::reason() const {
    return isAccepted() ? QString() : m_reason->text().trimmed();
}

bool EvidenceCard::mayExport() const {
    return isAccepted() || (m_result && !person().isEmpty() && !reason().isEmpty());
}

void EvidenceCard::focusMissing() {
    (person().isEmpty() ? m_person : m_reason)->setFocus(Qt::OtherFocusReason);
}

} // namespace attune
