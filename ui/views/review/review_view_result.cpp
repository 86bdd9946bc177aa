// The part of ReviewView that shows what the verdicts say so far and writes them to a file.
#include <QFileDialog>
#include <QHBoxLayout>

#include "core/base/files.h"
#include "core/review/review_csv.h"
#include "ui/bridge/qt_convert.h"
#include "ui/bridge/task.h"
#include "ui/settings.h"
#include "ui/views/review/review_view.h"
#include "ui/widgets/card.h"
#include "ui/widgets/message_bar.h"

namespace attune {
namespace {
constexpr std::int64_t kForeseeable = 1000; // more verdicts than that nobody gives; the exact number would be noise
} // namespace

QWidget* ReviewView::buildResults() {
    auto* card = new Card(tr("So far"), {}, this);
    m_resultCard = card;
    auto* figures = new QHBoxLayout;
    figures->setSpacing(32);
    m_votes = new FigureLabel(tr("judged"), card);
    m_winRate = new FigureLabel(tr("tuned model preferred"), card);
    m_more = new FigureLabel(tr("to settle it"), card);
    for (FigureLabel* figure : {m_votes, m_winRate, m_more})
        figures->addWidget(figure);
    figures->addStretch(1);
    card->body()->addLayout(figures);
    m_bias = makeLabel({}, QStringLiteral("note"), card);
    card->body()->addWidget(m_bias);
    return card;
}

void ReviewView::showStats() {
    m_result.update(m_review->queue());
    const PreferenceStats now = preferenceStats(m_review->queue());
    m_votes->setFigure(tr("%1 of %2").arg(now.all.votes()).arg(m_review->queue().size()));
    showResult();
    const std::int64_t sides = now.leftChosen + now.rightChosen;
    m_bias->setText(tr("%1 ties, %2 both bad · left chosen %3 times, right %4%5")
                        .arg(now.all.tie)
                        .arg(now.all.bothBad)
                        .arg(now.leftChosen)
                        .arg(now.rightChosen)
                        .arg(sides >= 20 && (now.leftChosen * 4 > sides * 3 || now.rightChosen * 4 > sides * 3)
                                 ? tr(": one side is chosen strikingly often")
                                 : QString()));
    publishState();
}

void ReviewView::showResult() {
    const bool done = m_review->queue().reviewed() == m_review->queue().size();
    m_resultCard->setTitle(done ? tr("Result") : tr("So far"));
    m_resultCard->setNote(done ? tr("ties and “both bad” count for neither side")
                               : tr("brought up to date every %1 verdicts, so that it does not give the sides away")
                                     .arg(InterimResult::kEvery));
    const std::optional<PreferenceStats>& stats = m_result.stats();
    m_more->setVisible(stats.has_value());
    if (!stats) {
        m_winRate->setFigure(tr("hidden"));
        m_winRate->setCaption(tr("tuned model preferred, shown from %1 verdicts on").arg(InterimResult::kFirst));
        return;
    }
    const bool any = stats->all.decided() > 0;
    m_winRate->setFigure(any ? tr("%1 %  (%2 – %3)")
                                   .arg(number(100 * stats->all.winRate, 0), number(100 * stats->all.interval.low, 0),
                                        number(100 * stats->all.interval.high, 0))
                             : tr("not measured"));
    m_winRate->setCaption(any ? tr("tuned model preferred, n = %1, 95 % interval, after %2 verdicts")
                                    .arg(stats->all.decided())
                                    .arg(m_result.judged())
                              : tr("tuned model preferred, after %1 verdicts").arg(m_result.judged()));
    const SequentialState& test = stats->sequential;
    m_more->setFigure(test.verdict != SequentialState::Verdict::Undecided ? tr("settled")
                      : test.expectedMore < 0                             ? tr("open")
                      : test.expectedMore > kForeseeable ? tr("over %1 more").arg(number(qint64(kForeseeable)))
                                                         : tr("about %1 more").arg(number(qint64(test.expectedMore))));
}

void ReviewView::exportCsv() {
    if (!m_review)
        return;
    const QString file = QFileDialog::getSaveFileName(this, tr("Export the votes"),
                                                      services().settings->lastFolder(QStringLiteral("export")) + QStringLiteral("/votes.csv"),
                                                      tr("CSV (*.csv)"));
    if (file.isEmpty())
        return;
    runWrite<bool>(
        this,
        [path = fspath(file), text = reviewCsv(m_review->queue())]() -> Result<bool> {
            ATTUNE_CHECK(writeFileAtomic(path, text));
            return true;
        },
        [this, file](Result<bool> written) {
            if (!written)
                m_page->messages().showError(QStringLiteral("export"), written.error());
            else
                m_page->messages().show(QStringLiteral("export"), Tone::Good,
                                        tr("The votes were written to %1.").arg(file));
        });
}

} // namespace attune
