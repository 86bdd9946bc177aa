// Scores of base and tuned model with n, 95 % intervals and the paired difference. GUI thread.
#pragma once

#include <vector>

#include <QTableWidget>

#include "core/eval/score.h"

namespace attune {

class ScoreTable final : public QTableWidget {
    Q_OBJECT
public:
    explicit ScoreTable(QWidget* parent = nullptr);
    void setChanges(const std::vector<ScoreChange>& changes);

protected:
    void keyPressEvent(QKeyEvent* event) override; // Ctrl+C copies the table as TSV
};

} // namespace attune
