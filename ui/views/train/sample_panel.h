// The fixed prompts answered at each checkpoint: a slider goes through time, a chooser through the prompts. GUI thread.
#pragma once

#include <map>

#include <QVector>
#include <QWidget>

#include "core/run/training_event.h"

class QComboBox;
class QLabel;
class QPlainTextEdit;
class QSlider;

namespace attune {

class Card;
class Chip;

class SamplePanel final : public QWidget {
    Q_OBJECT
public:
    explicit SamplePanel(QWidget* parent = nullptr);
    void clear();
    /// Follows the newest checkpoint unless the user looks at an earlier one.
    void add(const QVector<SampleGenerated>& samples);
    qsizetype checkpointCount() const { return qsizetype(m_byStep.size()); }

private:
    void showAnswer();
    Card* m_card;
    QWidget* m_content;
    QLabel* m_empty;
    QSlider* m_slider;
    QComboBox* m_which;
    QLabel* m_prompt;
    QLabel* m_expected;
    QPlainTextEdit* m_answer;
    Chip* m_match;
    std::map<qint64, std::map<int, SampleGenerated>> m_byStep;
};

} // namespace attune
