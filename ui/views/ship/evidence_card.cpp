#include "ui/views/ship/evidence_card.h"

#include <QDoubleSpinBox>
#include <QHBoxLayout>
#include <QLineEdit>
#include <QVBoxLayout>

#include "ui/bridge/qt_convert.h"
#include "ui/widgets/card.h"
#include "ui/widgets/flow_layout.h"
#include "ui/widgets/reason_list.h"
#include "ui/widgets/wheel_guard.h"

namespace attune {

EvidenceCard::EvidenceCard(QWidget* parent) : QWidget(parent) {
    auto* outer = new QVBoxLayout(this);
    outer->setContentsMargins(0, 0, 0, 0);
    m_card = new Card(tr("Evidence"), {}, this);
    outer->addWidget(m_card);
    QPushButton* measure = makeButton(tr("Go to Evaluate"), "small", {}, m_card);
    measure->setToolTip(tr("Measure the scores of this run on the test rows"));
    m_change = makeButton(tr("Change limits"), "small", {}, m_card);
    m_change->setCheckable(true);
    m_card->tools()->addWidget(m_change);
    m_card->tools()->addWidget(measure);
    connect(measure, &QPushButton::clicked, this, &EvidenceCard::measureWanted);
    m_reasons = new ReasonList(m_card);
    m_card->body()->addWidget(m_reasons);
    m_card->body()->addWidget(makeLimits());
    m_card->body()->addWidget(makeOverride());
    showReading();
}

QWidget* EvidenceCard::makeLimits() {
    auto* limits = new QWidget(m_card);
    auto* column = new QVBoxLayout(limits);
    column->setContentsMargins(0, 0, 0, 0);
    column->setSpacing(8);
    m_limits = makeLabel({}, "note", limits);
    column->addWidget(m_limits);
    m_limitFields = new QWidget(limits);
    auto* flow = new FlowLayout(m_limitFields, 16);
    const auto field = [&](const QString& label, const QString& suffix, double most) {
        auto* pair = new QWidget(m_limitFields); // a label stays with its field in a narrow window
        auto* line = new QHBoxLayout(pair);
        line->setContentsMargins(0, 0, 0, 0);
        line->setSpacing(8);
        auto* box = new QDoubleSpinBox(pair);
        box->setDecimals(2);
        box->setRange(0, most);
        box->setSuffix(suffix);
        box->setAccessibleName(label);
        guardWheel(box);
        QLabel* words = makeLabel(label, "body", pair);
        words->setWordWrap(false);
        words->setBuddy(box);
        line->addWidget(words);
        line->addWidget(box);
        flow->addWidget(pair);
        return box;
    };
    m_generalRise = field(tr("Forgetting allowed"), tr(" %"), 1000);
    m_scoreGain = field(tr("Gain asked for"), tr(" points"), 100);
    QPushButton* keep = makeButton(tr("Use these limits"), "small", {}, m_limitFields);
    keep->setToolTip(tr("It is kept that they were changed after the result was there"));
    flow->addWidget(keep);
    column->addWidget(m_limitFields);
    m_limitFields->hide();
    connect(m_change, &QPushButton::toggled, m_limitFields, &QWidget::setVisible);
    connect(keep, &QPushButton::clicked, this, [this] {
        const AcceptanceLimits wanted{m_generalRise->value() / 100, m_scoreGain->value() / 100};
        m_change->setChecked(false);
        if (m_generalRise->value() != m_shownRise || m_scoreGain->value() != m_shownGain)
            Q_EMIT limitsWanted(wanted);
    });
    return limits;
}

QWidget* EvidenceCard::makeOverride() {
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
    connect(m_person, &QLineEdit::textChanged, this, &EvidenceCard::changed);
    connect(m_reason, &QLineEdit::textChanged, this, &EvidenceCard::changed);
    return m_override;
}

void EvidenceCard::showReading() {
    m_result.reset();
    m_card->setNote(tr("reading…"));
    m_reasons->hide();
    m_limits->hide();
    m_change->setChecked(false);
    m_change->setEnabled(false);
    m_override->hide();
    Q_EMIT changed();
}

void EvidenceCard::showEvidence(const GateResult& result, const AcceptanceLimits& limits) {
    m_result = result;
    m_card->setNote(verdictWords(result.verdict));
    std::vector<ReasonList::Line> lines;
    for (const GateReason& reason : result.reasons)
        lines.push_back(ReasonList::lineOf(reason));
    m_reasons->setLines(lines);
    m_limits->setText(qstr(result.limits));
    m_limits->setVisible(!result.limits.empty());
    m_generalRise->setValue(100 * limits.generalRise);
    m_scoreGain->setValue(100 * limits.scoreGain);
    m_shownRise = m_generalRise->value(), m_shownGain = m_scoreGain->value();
    m_change->setEnabled(true);
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
