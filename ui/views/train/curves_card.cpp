#include "ui/views/train/curves_card.h"

#include <algorithm>
#include <map>

#include <QLabel>
#include <QPushButton>
#include <QStackedWidget>
#include <QVBoxLayout>

#include "core/store/project.h"
#include "ui/bridge/current_project.h"
#include "ui/bridge/qt_convert.h"
#include "ui/bridge/run_bridge.h"
#include "ui/bridge/task.h"
#include "ui/charts/loss_chart.h"
#include "ui/charts/scatter_chart.h"
#include "ui/widgets/card.h"
#include "ui/widgets/chart_support.h"
#include "ui/widgets/message_bar.h"
#include "ui/widgets/segmented_control.h"

namespace attune {

CurvesCard::CurvesCard(Services& services, MessageArea& messages, QWidget* parent)
    : QWidget(parent), m_services(services), m_messages(messages) {
    auto* outer = new QVBoxLayout(this);
    outer->setContentsMargins(0, 0, 0, 0);
    m_card = new Card({}, {}, this);
    outer->addWidget(m_card);
    m_which = new SegmentedControl({tr("Loss"), tr("Gained and lost")}, m_card);
    m_which->setAccessibleName(tr("What is shown of the runs"));
    m_card->body()->addWidget(m_which, 0, Qt::AlignLeft);
    m_stack = new QStackedWidget(m_card);
    m_chart = new LossChart(m_stack);
    m_chart->setMinimumHeight(150);
    m_chart->setAutomaticSmoothing();
    followTheme(*m_chart);
    m_stack->addWidget(m_chart);
    auto* points = new QWidget(m_stack);
    auto* column = new QVBoxLayout(points);
    column->setContentsMargins(0, 0, 0, 0);
    column->setSpacing(4);
    m_scatter = new ScatterChart(points);
    m_scatter->setMinimumHeight(150);
    m_scatter->setAccessibleName(tr("Gained of the task against lost of the general data, a point a run"));
    m_scatter->setAxisTitles(tr("general data: loss rose by, nats a token"), tr("task: validation loss fell by, nats"));
    m_scatter->setColumns(tr("general loss rose by"), tr("validation loss fell by"));
    followTheme(*m_scatter);
    column->addWidget(m_scatter, 1);
    m_left = makeLabel({}, "note", points);
    column->addWidget(m_left);
    m_stack->addWidget(points);
    m_none = makeLabel({}, "muted", m_stack);
    m_none->setAlignment(Qt::AlignTop | Qt::AlignLeft);
    m_stack->addWidget(m_none);
    m_card->body()->addWidget(m_stack, 1);
    m_saveLosses = addSaveButton(*m_card, *m_chart, QStringLiteral("runs"), messages);
    m_savePoints = addSaveButton(*m_card, *m_scatter, QStringLiteral("gained-and-lost"), messages);
    connect(m_which, &SegmentedControl::indexChanged, this, [this](int index) { showPage(Page(index)); });
    showPage(Losses);
}

void CurvesCard::setRuns(const std::vector<Run>& runs) {
    m_runs = runs;
    read();
}

void CurvesCard::showPage(Page page) {
    m_which->setIndex(page);
    m_card->setTitle(page == Losses ? tr("Loss") : tr("Gained and lost"));
    m_card->setNote(page == Losses ? tr("training smoothed, validation as points") : tr("best is top left: much gained, little lost"));
    m_saveLosses->setVisible(page == Losses);
    m_savePoints->setVisible(page == GainedAndLost);
    m_stack->setCurrentIndex(page);
    read();
}

void CurvesCard::read() {
    if (m_which->index() == Losses)
        readLosses();
    else
        readTradeOff();
}

void CurvesCard::readLosses() {
    const auto project = m_services.project->get();
    const quint64 request = ++m_request;
    if (!project || m_runs.empty()) {
        m_chart->clear();
        m_chart->setOverlays({});
        return;
    }
    runTask<std::vector<LossChart::Overlay>>(
        this,
        [project, runs = m_runs](const Progress& progress) -> Result<std::vector<LossChart::Overlay>> {
            std::vector<LossChart::Overlay> curves;
            for (const Run& run : runs) {
                if (progress.cancelled())
                    break;
                LossChart::Overlay curve{run.name, {}, {}};
                ATTUNE_ASSIGN(const auto training, project->runs().curve(run.id, "loss"));
                for (const CurvePoint& point : training)
                    curve.training.append({double(point.step), point.value});
                ATTUNE_ASSIGN(const auto validation, project->runs().curve(run.id, "validation_loss"));
                for (const CurvePoint& point : validation)
                    curve.validation.append({double(point.step), point.value});
                curves.push_back(std::move(curve));
            }
            return curves;
        },
        [this, request](Result<std::vector<LossChart::Overlay>> curves) {
            if (request != m_request)
                return;
            if (!curves)
                return m_messages.showError("curves", curves.error());
            if (curves->empty())
                return;
            LossChart::Overlay newest = std::move(curves->back());
            curves->pop_back();
            m_chart->clear();
            m_chart->setNames(newest.name, tr("%1, validation").arg(newest.name));
            m_chart->append(newest.training);
            m_chart->appendValidation(newest.validation);
            m_chart->setOverlays(*curves);
            m_chart->resetZoom();
        });
}

void CurvesCard::readTradeOff() {
    const auto project = m_services.project->get();
    const quint64 request = ++m_request;
    if (!project)
        return showTradeOffs({});
    runTask<TradeOffs>(
        this,
        [project, reference = m_runs.empty() ? 0 : m_runs.back().id, &catalog = m_services.runs->catalog()](const Progress&) {
            return readTradeOffs(*project, reference, catalog);
        },
        [this, request](Result<TradeOffs> found) {
            if (request != m_request)
                return;
            if (!found)
                return m_messages.showError("curves", found.error());
            showTradeOffs(*found);
        });
}

void CurvesCard::showTradeOffs(const TradeOffs& found) {
    std::map<QString, std::size_t> places; // by protection
    std::vector<ScatterChart::Group> groups;
    for (const TradeOff& run : found.runs) {
        const auto [place, isNew] = places.try_emplace(run.protection, groups.size());
        if (isNew)
            groups.push_back({run.protection, {}});
        const bool chosen = std::any_of(m_runs.begin(), m_runs.end(), [&](const Run& each) { return each.id == run.run; });
        groups[place->second].points.push_back({run.name, run.lost, run.gained, chosen});
    }
    QStringList left;
    if (!found.about.isEmpty())
        left << tr("Runs of the same model, data and objective (%1), each at the checkpoint it keeps.").arg(found.about);
    if (found.unmeasured > 0)
        left << counted(found.unmeasured, tr("1 run did not measure both."), tr("%1 runs did not measure both."));
    if (found.others > 0)
        left << counted(found.others, tr("1 run on other data or with another objective is left out: its figures do not compare."),
                        tr("%1 runs on other data or with other objectives are left out: their figures do not compare."));
    m_left->setText(left.join(QLatin1Char(' ')));
    m_none->setText(tr("No run like the selected one has measured both. A run does when its data has rows to validate on and its recipe names "
                       "general data (New run, Against forgetting). Then each run is a point here: what it gained of the task against what it "
                       "lost of the general data.") +
                    (found.others > 0 ? QLatin1Char(' ') + left.last() : QString()));
    m_scatter->setGroups(std::move(groups));
    m_scatter->resetZoom();
    m_stack->setCurrentIndex(found.runs.empty() ? 2 : int(GainedAndLost));
}

} // namespace attune
