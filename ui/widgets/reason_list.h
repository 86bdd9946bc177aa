// Sentences below one another, each with a chip that says what it means: "✓ speaks for it", "? not measured". Shows what it is given;
// judges nothing. GUI thread.
#pragma once

#include <vector>

#include <QWidget>

#include "core/eval/gate.h"
#include "ui/theme.h"

class QVBoxLayout;

namespace attune {

class ReasonList final : public QWidget {
    Q_OBJECT
public:
    struct Line {
        QString chip;
        Tone tone = Tone::Neutral;
        QString sentence, detail; // detail: what to do about it, muted, may be empty
    };
    explicit ReasonList(QWidget* parent = nullptr);
    void setLines(const std::vector<Line>& lines);
    static Line lineOf(const GateReason& reason);

private:
    QVBoxLayout* m_column;
};

/// "enough to ship", "speaks against it", "not all measured".
QString verdictWords(GateVerdict verdict);

} // namespace attune
