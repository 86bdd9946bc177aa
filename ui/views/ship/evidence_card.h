// What speaks for and against giving a run away, a line each, what was asked of it, and, where it is not enough, the fields for who
// exports it all the same and why. Shows what it is given; judges nothing. GUI thread.
#pragma once

#include <optional>

#include <QWidget>

#include "core/eval/gate.h"
#include "core/plan/acceptance.h"

class QDoubleSpinBox;
class QLabel;
class QLineEdit;
class QPushButton;
class QVBoxLayout;

namespace attune {

class Card;
class ReasonList;

class EvidenceCard final : public QWidget {
    Q_OBJECT
public:
    explicit EvidenceCard(QWidget* parent = nullptr);

    void showReading();
    void showEvidence(const GateResult& result, const AcceptanceLimits& limits);
    const std::optional<GateResult>& result() const { return m_result; } ///< empty while it is read
    bool isAccepted() const { return m_result && m_result->verdict == GateVerdict::Accepted; }
    /// Whether an export may go: accepted, or a name and a reason are given.
    bool mayExport() const;
    QString person() const; ///< of the override, "" when none is needed
    QString reason() const;
    void focusMissing();

Q_SIGNALS:
    void changed();
    void measureWanted();
    void limitsWanted(const attune::AcceptanceLimits& limits); ///< other limits than before training

private:
    QWidget* makeLimits();
    QWidget* makeOverride();
    Card* m_card;
    ReasonList* m_reasons;
    QLabel* m_limits;
    QPushButton* m_change;
    QWidget* m_limitFields;
    QDoubleSpinBox *m_generalRise, *m_scoreGain; // in per cent and points
    double m_shownRise = 0, m_shownGain = 0; // as the fields round them
    QWidget* m_override;
    QLineEdit* m_person;
    QLineEdit* m_reason;
    std::optional<GateResult> m_result;
};

} // namespace attune
