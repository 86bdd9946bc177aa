// The first rows of a file as the model will see them. GUI thread.
#pragma once

#include <vector>

#include <QWidget>

#include "core/data/sample.h"

class QLabel;
class QToolButton;
class QVBoxLayout;

namespace attune {

class Card;

class PreviewPanel final : public QWidget {
    Q_OBJECT
public:
    explicit PreviewPanel(QWidget* parent);
    void showSamples(const std::vector<Sample>& samples);

private:
    void turn(int by);
    void rebuild();
    std::vector<Sample> m_samples;
    int m_first = 0;
    Card* m_card;
    QToolButton *m_back, *m_next;
    QVBoxLayout* m_rows;
};

} // namespace attune
