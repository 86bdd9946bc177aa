#include "ui/views/data/workspace.h"

#include <algorithm>
#include <set>
#include <utility>

#include <QLabel>
#include <QScrollArea>
#include <QSplitter>
#include <QStackedWidget>
#include <QVBoxLayout>

#include "core/store/project.h"
#include "ui/bridge/qt_convert.h"
#include "ui/models/sample_table_model.h"
#include "ui/views/data/filter_bar.h"
#include "ui/views/data/loss_view.h"
#include "ui/views/data/problems_panel.h"
#include "ui/views/data/project_model.h"
#include "ui/views/data/row_inspector.h"
#include "ui/views/data/row_table.h"
#include "ui/views/data/split_panel.h"
#include "ui/views/data/versions_card.h"
#include "ui/widgets/card.h"
#include "ui/widgets/segmented_control.h"

namespace attune {
namespace {

constexpr int kCheckDelayMilliseconds = 1200; // after the last edit
constexpr qint64 kCheckBySelf = 200'000;      // rows; a larger dataset is checked again on request
constexpr int kSideWidth = 328, kLossHeight = 152;

struct Facts {
    DatasetStatistics statistics;
    std::vector<DatasetVersion> versions;
};

} // namespace

Workspace::Workspace(DatasetEditor& editor, ProjectModel& model, QWidget* parent)
    : QWidget(parent), m_editor(editor), m_model(model) {
    m_rows = new SampleTableModel(this);
    auto* layout = new QHBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 0);
    auto* halves = new QSplitter(Qt::Horizontal, this);
    halves->setHandleWidth(16);
    halves->setChildrenCollapsible(false);
    halves->addWidget(makeLeft());
    halves->addWidget(makeSide());
    halves->setStretchFactor(0, 1);
    halves->setStretchFactor(1, 0);
    layout->addWidget(halves);

    m_checkSoon.setSingleShot(true);
    m_checkSoon.setInterval(kCheckDelayMilliseconds);
    connect(&m_checkSoon, &QTimer::timeout, this, &Workspace::check);
    connect(&m_editor, &DatasetEditor::changed, this, &Workspace::takeEdit);
    connect(&m_model, &ProjectModel::changed, this, [this] {
        m_rows->setContextLength(m_model.contextLength());
        m_checkWhenSettled = true;
    });
    connect(&m_model, &ProjectModel::settled, this, [this] {
        if (std::exchange(m_checkWhenSettled, false))
            check();
    });
}

QWidget* Workspace::makeLeft() {
    auto* card = new Card({}, {}, this);
    card->setFlush();
    card->setMinimumWidth(380);
    m_tableStack = new QStackedWidget(card);
    auto* rows = new QWidget(m_tableStack);
    auto* column = new QVBoxLayout(rows);
    column->setContentsMargins(0, 0, 0, 0);
    column->setSpacing(8);
    m_filters = new FilterBar(rows);
    m_table = new RowTable(*m_rows, rows);
    m_noRows = makeLabel({}, "muted", rows);
    m_noRows->setAlignment(Qt::AlignHCenter | Qt::AlignTop);
    m_noRows->setContentsMargins(24, 24, 24, 24);
    m_loss = new LossView(m_model, rows);
    column->addWidget(m_filters);
    column->addWidget(m_noRows, 1);
    auto* parts = new QSplitter(Qt::Vertical, rows);
    parts->setHandleWidth(5);
    parts->setChildrenCollapsible(false);
    auto* below = new QWidget(parts);
    auto* belowLayout = new QVBoxLayout(below);
    belowLayout->setContentsMargins(0, 0, 0, 0);
    belowLayout->setSpacing(0);
    belowLayout->addWidget(makeLine(below));
    belowLayout->addWidget(m_loss);
    m_table->setMinimumHeight(120);
    m_loss->setMinimumHeight(96);
    parts->addWidget(m_table);
    parts->addWidget(below);
    parts->setStretchFactor(0, 1);
    parts->setStretchFactor(1, 0);
    parts->setSizes({10'000, kLossHeight});
    column->addWidget(parts, 100);
    m_noRows->hide();
    m_problems = new ProblemsPanel(m_tableStack);
    m_tableStack->addWidget(rows);
    m_tableStack->addWidget(m_problems);
    card->body()->addWidget(m_tableStack);

    connect(m_filters, &FilterBar::changed, this, &Workspace::readRows);
    connect(m_filters, &FilterBar::problemsClicked, this, &Workspace::showProblems);
    connect(m_filters, &FilterBar::findingClosed, this, &Workspace::closeFinding);
    connect(m_filters, &FilterBar::fixClicked, this, &Workspace::fixFinding);
    connect(m_problems, &ProblemsPanel::closed, this, [this] {
        m_tableStack->setCurrentIndex(0);
        m_table->setFocus(Qt::OtherFocusReason);
    });
    connect(m_problems, &ProblemsPanel::failed, this, &Workspace::failed);
    connect(m_table, &RowTable::sortWanted, this, [this](SampleOrder order, bool descending) {
        m_order = order;
        m_descending = descending;
        readRows();
    });
    connect(m_table, &RowTable::openWanted, this, &Workspace::openRow);
    connect(m_table, &RowTable::deleteWanted, this, [this] { deleteRows(m_table->selectedIds()); });
    connect(m_rows, &SampleTableModel::failed, this, &Workspace::failed);
    connect(m_loss, &LossView::chooseModelWanted, this, &Workspace::chooseModelWanted);
    return card;
}

QWidget* Workspace::makeSide() {
    auto* side = new QWidget(this);
    side->setMinimumWidth(288);
    side->resize(kSideWidth, 100);
    auto* column = new QVBoxLayout(side);
    column->setContentsMargins(0, 0, 0, 0);
    column->setSpacing(12);
    m_tabs = new SegmentedControl({tr("Overview"), tr("Row")}, side);
    m_tabs->setAccessibleName(tr("What is shown beside the table"));
    column->addWidget(m_tabs);
    m_side = new QStackedWidget(side);
    auto* overview = new QWidget(m_side);
    auto* cards = new QVBoxLayout(overview);
    cards->setContentsMargins(0, 0, 6, 0); // beside the scroll bar
    cards->setSpacing(16);
    m_healthPanel = new HealthPanel(overview);
    m_splits = new SplitPanel(overview);
    m_versionsCard = new VersionsCard(overview);
    cards->addWidget(m_healthPanel);
    cards->addWidget(m_splits);
    cards->addWidget(m_versionsCard);
    cards->addStretch(1);
    QScrollArea* area = makeScrolling(overview);
    area->setFocusPolicy(Qt::NoFocus);
    auto* rowCard = new Card({}, {}, m_side);
    m_inspector = new RowInspector(m_editor, rowCard);
    rowCard->body()->addWidget(m_inspector);
    m_side->addWidget(area);
    m_side->addWidget(rowCard);
    column->addWidget(m_side, 1);

    connect(m_tabs, &SegmentedControl::indexChanged, this, [this](int index) { showSide(static_cast<Side>(index)); });
    connect(m_healthPanel, &HealthPanel::findingClicked, this, &Workspace::showFinding);
    connect(m_healthPanel, &HealthPanel::checkWanted, this, &Workspace::check);
    connect(m_healthPanel, &HealthPanel::chooseModelWanted, this, &Workspace::chooseModelWanted);
    connect(m_splits, &SplitPanel::failed, this, &Workspace::failed);
    connect(m_splits, &SplitPanel::divided, this,
            [this](const std::vector<SplitAssignment>& splits, const QString& what) {
                m_editor.assignSplits(splits, what);
            });
    connect(m_splits, &SplitPanel::splitClicked, this, [this](Split split) {
        closeFinding();
        m_filters->clearFilters();
        m_filters->setSplit(split);
        readRows();
    });
    connect(m_versionsCard, &VersionsCard::trainWanted, this, &Workspace::trainWanted);
    connect(m_table, &RowTable::currentRowChanged, this, [this](RowId row) { m_inspector->showRow(row); });
    connect(m_inspector, &RowInspector::sampleShown, this, [this] { m_loss->showSample(m_inspector->sample()); });
    connect(m_inspector, &RowInspector::deleteWanted, this, [this](RowId row) { deleteRows({row}); });
    connect(m_inspector, &RowInspector::failed, this, &Workspace::failed);
    return side;
}

void Workspace::setDataset(std::shared_ptr<Project> project, qint64 datasetId) {
    const bool same = project == m_project && datasetId == m_dataset;
    if (!same) {
        if (m_healthTask)
            m_healthTask->cancel();
        m_project = project;
        m_dataset = datasetId;
        m_health.reset();
        m_finding.reset();
        m_statistics = {};
        m_versions.clear();
        m_filters->clearFilters();
        m_filters->showFinding({}, {});
        m_rows->setProject(project);
        m_inspector->setProject(project);
        m_loss->showSample({});
        m_tableStack->setCurrentIndex(0);
        showSide(Overview);
    }
    m_splits->setDataset(std::move(project), datasetId);
    if (m_dataset == 0)
        return;
    reload();
    if (!same)
        check();
}

void Workspace::reload() {
    readRows();
    readFacts();
}

void Workspace::focusSearch() {
    m_tableStack->setCurrentIndex(0);
    m_filters->focusSearch();
}

void Workspace::openSplit() {
    showSide(Overview);
    m_splits->openForm();
    if (auto* area = qobject_cast<QScrollArea*>(m_side->widget(Overview)))
        QTimer::singleShot(0, area, [area, this] { area->ensureWidgetVisible(m_splits, 0, 0); });
}

void Workspace::showProblems() {
    m_problems->load(m_project, m_dataset);
    m_tableStack->setCurrentIndex(1);
}

void Workspace::showSide(Side side) {
    m_side->setCurrentIndex(side);
    m_tabs->setIndex(side);
}

SampleQuery Workspace::query() const {
    SampleQuery query;
    query.datasetId = m_dataset;
    query.order = m_order;
    query.descending = m_descending;
    m_filters->apply(query);
    if (m_finding == HealthFinding::TooLong && m_health)
        query.minTokens = m_health->contextLength + 1;
    return query;
}

void Workspace::readRows() {
    if (!m_project || m_dataset == 0)
        return;
    if (m_idsTask)
        m_idsTask->cancel();
    std::optional<std::vector<RowId>> only; // the rows of a finding that no query can say
    if (m_finding && m_finding != HealthFinding::TooLong && m_health) {
        const QualityReport& quality = m_health->quality;
        only = m_finding == HealthFinding::Empty        ? quality.emptyRows
               : m_finding == HealthFinding::Duplicates ? quality.duplicateRows
               : m_finding == HealthFinding::Leaks      ? quality.leakedRows
                                                        : quality.controlTokenRows;
    }
    m_idsTask = runTask<std::vector<RowId>>(
        this,
        [project = m_project, query = query(), only](const Progress& progress) -> Result<std::vector<RowId>> {
            ATTUNE_ASSIGN(std::vector<RowId> ids, project->datasets().ids(query, progress));
            if (only) {
                const std::set<RowId> wanted(only->begin(), only->end());
                std::erase_if(ids, [&wanted](RowId id) { return !wanted.contains(id); });
            }
            return ids;
        },
        [this, project = m_project, dataset = m_dataset](Result<std::vector<RowId>> ids) {
            if (project != m_project || dataset != m_dataset)
                return;
            if (!ids) {
                if (ids.error().code != ErrorCode::Cancelled)
                    Q_EMIT failed(ids.error());
                return;
            }
            m_idsTask = nullptr;
            const RowId current = m_inspector->row();
            const int place = m_table->currentIndex().row();
            if (*ids == m_rows->rows()) {
                m_rows->refresh();
            } else {
                m_rows->setRows(std::move(*ids));
                const int known = current == 0 ? -1 : m_rows->rowOf(current);
                const int count = m_rows->rowCount();
                if (known < 0 && count == 0)
                    m_inspector->showRow(0);
                else
                    m_table->goTo(known >= 0 ? known : std::clamp(place, 0, count - 1));
            }
            m_inspector->refresh();
            showEmptyWords();
        });
}

void Workspace::showEmptyWords() {
    const bool none = m_rows->rows().empty();
    m_noRows->setVisible(none);
    m_table->parentWidget()->setVisible(!none);
    if (none)
        m_noRows->setText(m_finding                  ? tr("Nothing left to settle here.")
                          : m_filters->isFiltering() ? tr("No row fits. Search for fewer words or show all splits.")
                                                     : tr("All rows were deleted. Undo (Ctrl+Z) brings them back."));
}

void Workspace::readFacts() {
    if (!m_project || m_dataset == 0)
        return;
    if (m_factsTask)
        m_factsTask->cancel();
    m_factsTask = runTask<Facts>(
        this,
        [project = m_project, dataset = m_dataset](const Progress&) -> Result<Facts> {
            Facts facts;
            ATTUNE_ASSIGN(facts.statistics, project->datasets().statistics(dataset));
            ATTUNE_ASSIGN(facts.versions, project->datasets().versions(dataset));
            return facts;
        },
        [this, project = m_project, dataset = m_dataset](Result<Facts> facts) {
            if (project != m_project || dataset != m_dataset)
                return;
            m_factsTask = nullptr;
            if (!facts) {
                Q_EMIT failed(facts.error());
                return;
            }
            m_statistics = facts->statistics;
            m_versions = std::move(facts->versions);
            m_filters->showStatistics(m_statistics);
            m_splits->showStatistics(m_statistics);
            m_versionsCard->showVersions(m_versions);
            Q_EMIT factsChanged();
        });
}

void Workspace::takeEdit(DatasetEditor::Touches touches) {
    if (m_dataset == 0)
        return;
    if (touches == DatasetEditor::Touches::Rows) {
        readRows();
    } else {
        m_rows->refresh();
        m_inspector->refresh();
    }
    readFacts();
    if (m_statistics.rows <= kCheckBySelf)
        m_checkSoon.start();
    else
        m_healthPanel->setOutdated();
}

void Workspace::openRow(bool edit) {
    showSide(Row);
    if (edit)
        m_inspector->startEditing();
}

void Workspace::deleteRows(const std::vector<RowId>& rows) {
    if (!rows.empty())
        m_editor.deleteRows(rows);
}

} // namespace attune
