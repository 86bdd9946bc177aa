#include "ui/views/train/sample_panel.h"

#include <algorithm>

#include <QComboBox>
#include <QHBoxLayout>
#include <QPlainTextEdit>
#include <QSignalBlocker>
#include <QSlider>
#include <QVBoxLayout>

#include "ui/bridge/qt_convert.h"
#include "ui/views/train/train_parts.h"
#include "ui/widgets/card.h"

namespace attune {
namespace {
constexpr qsizetype kPromptShown = 400; // the whole of a long prompt is in its tool tip
} // namespace

SamplePanel::SamplePanel(QWidget* parent) : QWidget(parent) {
    auto* outer = new QVBoxLayout(this);
    outer->setContentsMargins(0, 0, 0, 0);
    m_card = new Card(tr("Sample answers"), {}, this);
    outer->addWidget(m_card);
    m_empty =
        makeLabel(tr("Fixed prompts are answered at each checkpoint; the first answers appear with the first one."),
                  "muted", m_card);
    m_card->body()->addWidget(m_empty);

    m_content = new QWidget(m_card);
    auto* column = new QVBoxLayout(m_content);
    column->setContentsMargins(0, 0, 0, 0);
    column->setSpacing(8);
    m_slider = new QSlider(Qt::Horizontal, m_content);
    m_slider->setAccessibleName(tr("Checkpoint whose answers are shown"));
    m_slider->setPageStep(1);
    m_slider->setMinimumHeight(22);
    m_which = new QComboBox(m_content);
    m_which->setAccessibleName(tr("Which prompt"));
    m_prompt = makeLabel({}, "muted", m_content);
    m_expected = makeLabel({}, "note", m_content);
    m_answer = new QPlainTextEdit(m_content);
    m_answer->setReadOnly(true);
    m_answer->setProperty("flat", true);
    beginAtEdge(*m_answer);
    m_answer->setFont(Theme::current().monospaceFont());
    m_answer->setAccessibleName(tr("Answer of the model at this checkpoint"));
    takeLeftRoom(*m_answer, 96); // the page scrolls rather than squeeze the answer to a line
    m_match = new Chip({}, Tone::Neutral, m_content);
    column->addWidget(m_slider);
    column->addWidget(m_which);
    column->addWidget(m_prompt);
    column->addWidget(m_answer, 1);
    column->addWidget(m_match, 0, Qt::AlignLeft);
    column->addWidget(m_expected);
    m_card->body()->addWidget(m_content, 1);
    m_card->body()->addStretch(0);
    connect(m_slider, &QSlider::valueChanged, this, &SamplePanel::showAnswer);
    connect(m_which, &QComboBox::currentIndexChanged, this, &SamplePanel::showAnswer);
    clear();
}

void SamplePanel::clear() {
    m_byStep.clear();
    m_slider->setRange(0, 0);
    const QSignalBlocker blocker(m_which);
    m_which->clear();
    showAnswer();
}

void SamplePanel::add(const QVector<SampleGenerated>& samples) {
    const bool atEnd = m_slider->value() == m_slider->maximum();
    const QSignalBlocker sliderBlocker(m_slider), whichBlocker(m_which);
    for (const SampleGenerated& sample : samples) {
        m_byStep[sample.step][sample.index] = sample;
        if (m_which->findData(sample.index) < 0)
            m_which->addItem(tr("Prompt %1").arg(sample.index + 1), sample.index);
    }
    m_slider->setRange(0, int(m_byStep.size()) - 1);
    if (atEnd)
        m_slider->setValue(m_slider->maximum());
    showAnswer();
}

void SamplePanel::showAnswer() {
    m_content->setVisible(!m_byStep.empty());
    m_empty->setVisible(m_byStep.empty());
    m_which->setVisible(m_which->count() > 1);
    m_slider->setVisible(m_byStep.size() > 1);
    if (m_byStep.empty()) {
        m_card->setNote({});
        return;
    }
    const auto place =
        std::next(m_byStep.begin(), std::min<std::ptrdiff_t>(m_slider->value(), std::ptrdiff_t(m_byStep.size()) - 1));
    m_card->setNote(place->first == 0 ? tr("base model, step 0") : tr("checkpoint %1").arg(number(place->first)));
    const auto sample = place->second.find(m_which->currentData().toInt());
    if (sample == place->second.end()) {
        m_answer->setPlainText(tr("This prompt was not answered at this checkpoint."));
        m_match->hide();
        return;
    }
    const QString prompt = qstr(sample->second.prompt).trimmed(), expected = qstr(sample->second.expected).trimmed();
    const QString answer = qstr(sample->second.completion).trimmed();
    m_prompt->setText(QStringLiteral("“%1”").arg(
        prompt.size() > kPromptShown ? prompt.left(kPromptShown) + QStringLiteral("…") : prompt));
    m_prompt->setToolTip("<p>" + prompt.toHtmlEscaped() + "</p>");
    m_answer->setPlainText(answer.isEmpty() ? tr("(empty answer)") : answer);
    const bool same = answer == expected;
    m_expected->setVisible(!expected.isEmpty() && !same);
    m_expected->setText(tr("expected: %1").arg(expected.left(kPromptShown)));
    m_match->setVisible(!expected.isEmpty());
    m_match->setText(same ? tr("✓ as expected") : tr("differs from the expected answer"));
    m_match->setTone(same ? Tone::Good : Tone::Neutral);
}

} // namespace attune
