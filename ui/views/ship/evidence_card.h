// What speaks for and against giving a run away, a line each, and, where it is not enough, the fields for who exports it all the
// same and why. Shows what it is given; judges nothing. GUI thread.
#pragma once

#include <optional>

#include <QWidget>

#include "core/eval/gate.h"

class QLineEdit;
class QVBoxLayout;

namespace attune {

class Card;
class Chip;

class EvidenceCard final : public QWidget {
    Q_OBJECT
public:
    explicit EvidenceCard(QWidget* parent = nullptr);

    void showReading();
    void showEvidence(const GateResult& result);
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

private:
    Card* m_card;
    QWidget* m_lines;
    QVBoxLayout* m_column;
    QWidget* m_override;
    QLineEdit* m_person;
    QLineEdit* m_reason;
    std::optional<GateResult> m_result;
};

QString verdictWords(GateVerdict verdict); // "enough to ship", "speaks against it", "not measured"

} // namespace attune
