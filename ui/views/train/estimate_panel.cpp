#include "ui/views/train/estimate_panel.h"

#include <algorithm>

#include <QGridLayout>
#include <QHBoxLayout>
#include <QLabel>
#include <QPushButton>
#include <QVBoxLayout>

#include "ui/bridge/qt_convert.h"
#include "ui/widgets/card.h"
#include "ui/widgets/stacked_bar.h"

namespace attune {

EstimatePanel::EstimatePanel(QWidget* parent) : QWidget(parent) {
    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(0, 0, 0, 0);
    column->setSpacing(16);

    auto* card = m_costCard = new Card(tr("What this run needs"), tr("estimated"), this);
    m_missing = makeLabel({}, "muted", card);
    card->body()->addWidget(m_missing);
    m_figures = new QWidget(card);
    auto* inner = new QVBoxLayout(m_figures);
    inner->setContentsMargins(0, 0, 0, 0);
    inner->setSpacing(12);
    auto* grid = new QGridLayout;
    grid->setHorizontalSpacing(24);
    grid->setVerticalSpacing(12);
    m_time = new FigureLabel(tr("training time"), m_figures);
    m_steps = new FigureLabel(tr("steps"), m_figures);
    m_trainable = new FigureLabel(tr("trained parameters"), m_figures);
    grid->addWidget(m_time, 0, 0);
    grid->addWidget(m_steps, 0, 1);
    grid->addWidget(m_trainable, 1, 0, 1, 2);
    grid->setColumnStretch(1, 1);
    inner->addLayout(grid);
    inner->addWidget(makeLabel(tr("Memory"), "section", m_figures));
    m_bar = new StackedBar(m_figures);
    m_bar->setAccessibleName(tr("Memory the run needs"));
    inner->addWidget(m_bar);
    m_measured = makeLabel({}, "body", m_figures);
    m_measured->setObjectName(QStringLiteral("measured"));
    inner->addWidget(m_measured);
    m_note = makeLabel({}, "note", m_figures);
    inner->addWidget(m_note);
    auto* buttons = new QHBoxLayout;
    buttons->setSpacing(8);
    m_check = makeButton(tr("Check"), "small", {}, m_figures);
    m_check->setToolTip("<p>" + tr("Takes two real steps over the longest rows and measures memory and time. Nothing of it is kept.").toHtmlEscaped() + "</p>");
    m_check->setAccessibleDescription(tr("Two real steps over the longest rows"));
    m_fit = makeButton(tr("Fit"), "small", {}, m_figures);
    m_fit->setToolTip("<p>" + tr("Changes as little as possible so that the run fits into this computer's free memory, and says what.").toHtmlEscaped() + "</p>");
    m_fit->setAccessibleDescription(tr("Make the run fit into the free memory"));
    buttons->addWidget(m_check);
    buttons->addWidget(m_fit);
    buttons->addStretch(1);
    inner->addLayout(buttons);
    card->body()->addWidget(m_figures);
    column->addWidget(card);

    m_complaintCard = new Card(tr("Before you start"), {}, this);
    m_complaints = new QVBoxLayout;
    m_complaints->setSpacing(12);
    m_complaintCard->body()->addLayout(m_complaints);
    column->addWidget(m_complaintCard);
    column->addStretch(1);
    m_figures->hide();
    showMeasured({});
    showComplaints({});
    connect(m_check, &QPushButton::clicked, this, &EstimatePanel::checkWanted);
    connect(m_fit, &QPushButton::clicked, this, &EstimatePanel::fitWanted);
}

void EstimatePanel::setCheckable(bool check, bool fit, const QString& why) {
    m_check->setEnabled(check);
    m_fit->setEnabled(fit);
    m_check->setStatusTip(why);
    if (!check && !why.isEmpty())
        m_check->setAccessibleDescription(why);
}

void EstimatePanel::showMeasured(const std::optional<StepMeasurement>& measured) {
    m_measured->setVisible(measured.has_value());
    m_costCard->setNote(measured ? tr("measured") : tr("estimated"));
    m_time->setCaption(measured ? tr("training time, measured") : tr("training time"));
    if (!measured)
        return;
    const qint64 program = std::clamp<qint64>(measured->beforeBytes, 0, measured->peakBytes);
    const auto part = [](const QString& label, qint64 bytes) { return StackedBar::Part{label, double(bytes), bytesText(bytes)}; };
    m_bar->setParts({part(tr("this run, measured"), measured->peakBytes - program), part(tr("program"), program)}, m_memoryBytes,
                    tr("%1 in this computer").arg(bytesText(qint64(m_memoryBytes))));
    m_time->setFigure(durationText(measured->runSeconds));
    m_steps->setFigure(number(qint64(measured->runSteps)));
    m_measured->setText(tr("Measured over the longest rows (%1 tokens): %2 at most (estimated %3), %4 s a step, %5 tokens a second, in %6.")
                            .arg(number(qint64(measured->longestTokens)), bytesText(measured->peakBytes),
                                 bytesText(measured->predictedPeakBytes), number(measured->secondsPerStep, measured->secondsPerStep < 10 ? 2 : 0),
                                 number(qint64(measured->tokensPerSecond)), qstr(measured->precision)));
    m_note->setText(measured->otherLoad < 0 ? tr("Whether other programs were busy meanwhile could not be told.")
                    : measured->otherLoad >= kBusyComputer
                        ? tr("Other programs took %1 % of the processors meanwhile: these times are too long. Check again when the computer is quiet.")
                              .arg(number(100 * measured->otherLoad, 0))
                        : tr("The computer was quiet: other programs took %1 % of the processors.").arg(number(100 * measured->otherLoad, 0)));
}

void EstimatePanel::showMissing(const QString& why) {
    m_missing->setText(why);
    m_missing->show();
    m_figures->hide();
}

void EstimatePanel::showEstimate(const RunEstimate& estimate, const Computer& computer) {
    m_missing->hide();
    m_figures->show();
    const MemoryEstimate& memory = estimate.memory;
    const auto part = [](const QString& label, std::int64_t bytes) {
        return StackedBar::Part{label, double(bytes), bytesText(qint64(bytes))};
    };
    std::vector<StackedBar::Part> parts{part(tr("weights"), memory.weights), part(tr("gradients"), memory.gradients),
                                        part(tr("optimizer"), memory.optimizer), part(tr("activations"), memory.activations)};
    if (memory.protection > 0)
        parts.push_back(part(tr("protection"), memory.protection));
    parts.push_back(part(tr("program"), memory.overhead));
    m_memoryBytes = double(computer.memoryBytes);
    m_bar->setParts(std::move(parts),
                    double(computer.memoryBytes), tr("%1 in this computer").arg(bytesText(computer.memoryBytes)));
    m_time->setFigure(estimate.time.seconds > 0 ? durationText(estimate.time.seconds) : tr("–"));
    m_steps->setFigure(number(qint64(estimate.time.steps)));
    const double share = estimate.parameters > 0 ? 100.0 * double(estimate.trainable) / double(estimate.parameters) : 0;
    m_trainable->setFigure(number(estimate.trainable));
    m_trainable->setCaption(tr("trained parameters, %1 % of the model").arg(number(share, share < 10 ? 2 : 0)));
    QString note = tr("%1 of %2 together, computed in %3; about %4 tokens a second.")
                       .arg(bytesText(memory.total()), bytesText(computer.memoryBytes), qstr(estimate.precision),
                            number(qint64(estimate.time.tokensPerSecond)));
    if (estimate.tokensEstimated)
        note +=
            QLatin1Char(' ') + tr("Tokens are estimated from the length of the texts: they have not been counted yet.");
    m_note->setText(note);
}

void EstimatePanel::showComplaints(const std::vector<Complaint>& complaints) {
    while (QLayoutItem* item = m_complaints->takeAt(0)) {
        if (item->widget()) {
            item->widget()->hide();
            item->widget()->deleteLater();
        }
        delete item;
    }
    m_complaintCard->setNote(complaints.empty()       ? tr("all checked")
                             : complaints.size() == 1 ? tr("one thing to look at")
                                                      : tr("%1 things to look at").arg(complaints.size()));
    if (complaints.empty()) {
        auto* fine = new Chip(tr("✓ Ready to start"), Tone::Good, m_complaintCard);
        m_complaints->addWidget(fine, 0, Qt::AlignLeft);
        return;
    }
    for (const Complaint& complaint : complaints) {
        const bool error = complaint.severity == Complaint::Severity::Error;
        auto* row = new QWidget(m_complaintCard);
        auto* line = new QHBoxLayout(row);
        line->setContentsMargins(0, 0, 0, 0);
        line->setSpacing(8);
        auto* words = new QVBoxLayout;
        words->setSpacing(2);
        words->addWidget(
            new Chip(error ? tr("✕ must change") : tr("! careful"), error ? Tone::Bad : Tone::Careful, row), 0,
            Qt::AlignLeft);
        words->addWidget(makeLabel(qstr(complaint.message), "body", row));
        if (!complaint.hint.empty())
            words->addWidget(makeLabel(qstr(complaint.hint), "note", row));
        line->addLayout(words, 1);
        if (!complaint.field.empty()) {
            QPushButton* jump = makeButton(tr("Show"), "small", {}, row);
            jump->setAccessibleName(tr("Show the field: %1").arg(qstr(complaint.message)));
            line->addWidget(jump, 0, Qt::AlignTop);
            connect(jump, &QPushButton::clicked, this,
                    [this, field = qstr(complaint.field)] { Q_EMIT fieldWanted(field); });
        }
        m_complaints->addWidget(row);
    }
}

} // namespace attune
