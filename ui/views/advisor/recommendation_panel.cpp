#include "ui/views/advisor/recommendation_panel.h"

#include <QVBoxLayout>

#include "ui/bridge/qt_convert.h"
#include "ui/views/advisor/score_bar.h"
#include "ui/widgets/flow_layout.h"

namespace attune {
namespace {

constexpr std::size_t kShownFlips = 2;

} // namespace

RecommendationPanel::RecommendationPanel(const DecisionRules& rules, QWidget* parent)
    : QWidget(parent), m_rules(rules) {
    auto* outer = new QVBoxLayout(this);
    outer->setContentsMargins(0, 0, 0, 0);
    m_card = new Card(tr("Recommendation so far"), {}, this);
    outer->addWidget(m_card);
    auto* bars = new QVBoxLayout;
    bars->setSpacing(2);
    for (std::size_t i = 0; i < kApproachCount; ++i) {
        const ApproachInfo& info = m_rules.approaches[i];
        m_bars[i] = new ScoreBar(qstr(info.title), m_card);
        m_bars[i]->setToolTip(qstr(info.summary).toHtmlEscaped());
        bars->addWidget(m_bars[i]);
        connect(m_bars[i], &ScoreBar::clicked, this,
                [this, approach = info.approach] { Q_EMIT approachChosen(approach); });
    }
    m_card->body()->addLayout(bars);
    m_verdict = makeLabel({}, "body", m_card);
    m_flips = makeLabel({}, "muted", m_card);
    m_card->body()->addWidget(m_verdict);
    m_card->body()->addWidget(m_flips);
    m_costs = new QWidget(m_card);
    auto* costs = new QHBoxLayout(m_costs);
    costs->setContentsMargins(0, 4, 0, 0);
    costs->setSpacing(24);
    const QString captions[] = {tr("Time"), tr("Memory"), tr("Money")};
    for (int i = 0; i < 3; ++i) {
        auto* part = new QVBoxLayout;
        part->setSpacing(1);
        part->addWidget(makeLabel(captions[i], "note", m_costs));
        m_cost[i] = makeLabel({}, "body", m_costs);
        part->addWidget(m_cost[i]);
        part->addStretch(1);
        costs->addLayout(part, 1);
    }
    m_card->body()->addWidget(m_costs);
    m_steps = new QWidget(m_card);
    m_stepButtons = new FlowLayout(m_steps, 8);
    m_card->body()->addWidget(m_steps);
}

QString RecommendationPanel::verdict(const Advice& advice) const {
    const int open = int(m_rules.questions.size() - advice.answers.size());
    if (!advice.enoughAnswers)
        return tr("Answer at least %1 questions for a recommendation; the bars already show where your answers point.")
            .arg(kFewAnswers);
    const QString winner = qstr(m_rules.info(advice.winner()).title),
                  second = qstr(m_rules.info(advice.runnerUp()).title);
    QString text = advice.close
                       ? tr("%1, but only just: %2 is %3 points behind. Measure both before you decide.")
                             .arg(winner, second)
                             .arg(std::lround(advice.margin))
                       : tr("%1, ahead of %2 by %3 points.").arg(winner, second).arg(std::lround(advice.margin));
    if (advice.nearest)
        for (const Scenario& scenario : m_rules.scenarios)
            if (scenario.id == advice.nearest->id)
                text += QLatin1Char(' ') + tr("Closest scenario: %1 (%2 of %3 answers agree).")
                                               .arg(qstr(scenario.title))
                                               .arg(advice.nearest->agreeing)
                                               .arg(advice.nearest->compared);
    if (open > 0)
        text += QLatin1Char(' ') + (open == 1 ? tr("1 question is open.") : tr("%1 questions are open.").arg(open));
    return text;
}

QString RecommendationPanel::flips(const Advice& advice) const {
    if (!advice.enoughAnswers)
        return {};
    if (advice.flips.empty())
        return tr("No single other answer would change this.");
    QStringList lines;
    for (std::size_t i = 0; i < std::min(kShownFlips, advice.flips.size()); ++i) {
        const AnswerFlip& flip = advice.flips[i];
        const Question* question = m_rules.question(flip.question);
        if (!question)
            continue;
        QString choice;
        for (const AnswerChoice& option : question->choices)
            if (option.id == flip.to)
                choice = qstr(option.text);
        lines << tr("It would become %1 with “%2” to “%3”")
                         .arg(qstr(m_rules.info(flip.winner).title), choice, qstr(question->text)) +
                     QLatin1Char('.');
    }
    if (advice.flips.size() > kShownFlips)
        lines << tr("Other single answers that would change it: %1.").arg(advice.flips.size() - kShownFlips);
    return lines.join(QLatin1Char('\n'));
}

void RecommendationPanel::setAdvice(const Advice& advice) {
    for (std::size_t i = 0; i < kApproachCount; ++i)
        m_bars[i]->setScore(advice.options[i].bar, advice.enoughAnswers && std::size_t(advice.winner()) == i,
                            advice.enoughAnswers);
    const bool complete = advice.answers.size() == m_rules.questions.size();
    m_card->setTitle(complete ? tr("Recommendation") : tr("Recommendation so far"));
    m_card->setNote(!advice.enoughAnswers ? tr("too few answers yet")
                    : advice.close        ? tr("close: measure it")
                    : complete            ? tr("every question answered")
                                          : tr("more answers make it firmer"));
    m_verdict->setText(verdict(advice));
    const QString changes = flips(advice);
    m_flips->setText(changes);
    m_flips->setVisible(!changes.isEmpty());
    m_costs->setVisible(advice.enoughAnswers);
    m_steps->setVisible(advice.enoughAnswers);
    while (QLayoutItem* item = m_stepButtons->takeAt(0)) {
        item->widget()->hide();
        item->widget()->deleteLater();
        delete item;
    }
    if (!advice.enoughAnswers)
        return;
    const ApproachInfo& info = m_rules.info(advice.winner());
    const std::string* costs[] = {&info.time, &info.memory, &info.money};
    for (int i = 0; i < 3; ++i)
        m_cost[i]->setText(qstr(*costs[i]));
    for (std::size_t i = 0; i < info.nextSteps.size(); ++i) {
        const std::string station = i < info.stationIds.size() ? info.stationIds[i] : std::string();
        QString words = qstr(info.nextSteps[i]);
        if (words.endsWith(QLatin1Char('.'))) // a sentence in the report, a label here
            words.chop(1);
        QPushButton* step = makeButton(words, "small", {}, m_steps);
        step->setEnabled(!station.empty());
        m_stepButtons->addWidget(step);
        step->show();
        connect(step, &QPushButton::clicked, this, [this, station] { Q_EMIT stationWanted(qstr(station)); });
    }
}

} // namespace attune
