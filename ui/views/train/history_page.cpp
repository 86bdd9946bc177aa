#include "ui/views/train/history_page.h"

#include <algorithm>

#include <QHBoxLayout>
#include <QHeaderView>
#include <QPlainTextEdit>
#include <QSignalBlocker>
#include <QTableView>
#include <QUndoCommand>
#include <QUndoGroup>
#include <QVBoxLayout>

#include "core/store/project.h"
#include "ui/bridge/current_project.h"
#include "ui/bridge/qt_convert.h"
#include "ui/views/train/curves_card.h"
#include "ui/widgets/card.h"
#include "ui/widgets/message_bar.h"
#include "ui/widgets/text_diff_view.h"

namespace attune {

/// One change of a run's notes; writes on redo and undo.
class NotesCommand final : public QUndoCommand {
public:
    NotesCommand(HistoryPage& page, qint64 run, const QString& name, QString before, QString after)
        : QUndoCommand(HistoryPage::tr("Notes of %1").arg(name)), m_page(page), m_run(run), m_before(std::move(before)),
          m_after(std::move(after)) {}
    void redo() override { m_page.writeNotes(m_run, m_after); }
    void undo() override { m_page.writeNotes(m_run, m_before); }

private:
    HistoryPage& m_page;
    qint64 m_run;
    QString m_before, m_after;
};

HistoryPage::HistoryPage(Services& services, MessageArea& messages, QWidget* parent)
    : QWidget(parent), m_services(services), m_messages(messages) {
    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(0, 0, 0, 0);
    column->setSpacing(16);
    column->addWidget(makeTable(), 2);
    column->addWidget(makeDetails(), 3);
    if (services.undo)
        services.undo->addStack(&m_undo);
    // Notes are kept shortly after the last letter, so that nothing is lost and an undo takes back a thought, not a
    // letter.
    m_notesTimer.setSingleShot(true);
    m_notesTimer.setInterval(900);
    connect(&m_notesTimer, &QTimer::timeout, this, &HistoryPage::commitNotes);
    showSelection();
}

HistoryPage::~HistoryPage() {
    commitNotes(); // what was typed just before the window closed
    m_undo.clear();
}

QWidget* HistoryPage::makeTable() {
    auto* card = new Card(tr("Runs"), tr("select several to lay their curves over each other"), this);
    card->setFlush();
    const auto button = [&](const QString& text) {
        QPushButton* made = makeButton(text, "small", {}, card);
        card->tools()->addWidget(made);
        return made;
    };
    m_reuse = button(tr("Use its recipe"));
    m_compare = button(tr("Compare answers"));
    m_continue = button(tr("Continue"));
    m_open = button(tr("Open"));
    const auto ask = [this](QPushButton* source, void (HistoryPage::*signal)(qint64)) {
        connect(source, &QPushButton::clicked, this, [this, signal] {
            if (const QList<qint64> runs = selected(); runs.size() == 1)
                Q_EMIT(this->*signal)(runs.front());
        });
    };
    ask(m_open, &HistoryPage::openWanted);
    ask(m_continue, &HistoryPage::continueWanted);
    ask(m_compare, &HistoryPage::compareWanted);
    ask(m_reuse, &HistoryPage::recipeWanted);
    m_table = new QTableView(card);
    m_table->setModel(&m_model);
    m_table->setAccessibleName(tr("Runs of this project"));
    m_table->setSelectionBehavior(QAbstractItemView::SelectRows);
    m_table->setSelectionMode(QAbstractItemView::ExtendedSelection);
    m_table->setShowGrid(false);
    m_table->setWordWrap(false);
    m_table->setTabKeyNavigation(false);
    m_table->verticalHeader()->hide();
    m_table->verticalHeader()->setDefaultSectionSize(30);
    m_table->horizontalHeader()->setStretchLastSection(true);
    m_table->horizontalHeader()->setHighlightSections(false);
    const int widths[] = {200, 120, 130, 150, 70, 180};
    for (int i = 0; i < int(std::size(widths)); ++i)
        m_table->setColumnWidth(i, widths[i]);
    connect(m_table->selectionModel(), &QItemSelectionModel::selectionChanged, this, &HistoryPage::showSelection);
    connect(m_table, &QTableView::activated, this, [this](const QModelIndex& index) {
        if (const RunRow* row = m_model.row(index.row()))
            Q_EMIT openWanted(row->record.id);
    });
    card->body()->addWidget(m_table, 1);
    return card;
}

QWidget* HistoryPage::makeDetails() {
    auto* box = new QWidget(this);
    auto* line = new QHBoxLayout(box);
    line->setContentsMargins(0, 0, 0, 0);
    line->setSpacing(16);
    m_curves = new CurvesCard(m_services, m_messages, box);
    line->addWidget(m_curves, 3);

    auto* right = new QVBoxLayout;
    right->setSpacing(16);
    m_notesCard = new Card(tr("Notes"), {}, box);
    m_notes = new QPlainTextEdit(m_notesCard);
    m_notes->setAccessibleName(tr("Notes of the selected run"));
    m_notes->setPlaceholderText(tr("What you tried, and why"));
    m_notes->setUndoRedoEnabled(false); // Edit > Undo takes notes back as a whole
    m_notes->setTabChangesFocus(true);
    m_notes->setMinimumHeight(64);
    connect(m_notes, &QPlainTextEdit::textChanged, &m_notesTimer, qOverload<>(&QTimer::start));
    m_notesCard->body()->addWidget(m_notes, 1);
    m_diffCard = new Card(tr("Recipes"), tr("struck: only in the older run"), box);
    m_diff = new TextDiffView(TextDiffView::Side::Inline, m_diffCard);
    m_diff->setMonospaced(true);
    m_diff->setProperty("flat", true);
    m_diff->setAccessibleName(tr("Difference of the two recipes"));
    m_diffCard->body()->addWidget(m_diff, 1);
    right->addWidget(m_notesCard, 1);
    right->addWidget(m_diffCard, 2);
    line->addLayout(right, 2);
    return box;
}

void HistoryPage::setRuns(std::shared_ptr<Project> project, std::vector<RunRow> runs) {
    commitNotes();
    if (m_project.lock() != project) { // the other project has runs of the same numbers
        m_undo.clear();
        m_unwritten.clear();
        m_project = project;
    }
    for (RunRow& run : runs)
        if (const auto own = m_unwritten.find(run.record.id); own != m_unwritten.end())
            run.record.notes = sstr(own->second);
    const QList<qint64> before = selected();
    m_notesRun = 0; // the editor still shows the former rows
    const QSignalBlocker blocker(m_table->selectionModel());
    m_model.setRows(std::move(runs));
    select(before.isEmpty() && m_model.rowCount() > 0 ? QList<qint64>{m_model.row(0)->record.id} : before);
    showSelection();
}

void HistoryPage::setBusy(bool busy) {
    m_busy = busy;
    showSelection();
}

void HistoryPage::select(const QList<qint64>& runIds) {
    QItemSelection selection;
    for (const qint64 id : runIds)
        if (const int row = m_model.indexOf(id); row >= 0)
            selection.select(m_model.index(row, 0), m_model.index(row, RunTableModel::ColumnCount - 1));
    m_table->selectionModel()->select(selection, QItemSelectionModel::ClearAndSelect);
    m_table->viewport()->update();
}

QList<qint64> HistoryPage::selected() const {
    QList<qint64> runs;
    for (const QModelIndex& index : m_table->selectionModel()->selectedRows())
        if (const RunRow* row = m_model.row(index.row()))
            runs.append(row->record.id);
    std::sort(runs.begin(), runs.end());
    return runs;
}

void HistoryPage::showSelection() {
    commitNotes();
    const QList<qint64> runs = selected();
    const RunRow* one = runs.size() == 1 ? m_model.row(m_model.indexOf(runs.front())) : nullptr;
    m_open->setEnabled(one);
    m_reuse->setEnabled(one);
    m_continue->setEnabled(one && one->canContinue() && !m_busy);
    m_compare->setEnabled(one && one->record.state == "finished");
    m_notesRun = one ? one->record.id : 0;
    m_notesCard->setVisible(runs.size() != 2);
    m_notesCard->setNote(one ? qstr(one->record.name) : tr("select one run"));
    m_notes->setEnabled(one);
    {
        const QSignalBlocker blocker(m_notes);
        m_notes->setPlainText(one ? qstr(one->record.notes) : QString());
    }
    m_diffCard->setVisible(runs.size() == 2 || one);
    if (runs.size() == 2) {
        const RunRow* older = m_model.row(m_model.indexOf(runs.front()));
        const RunRow* newer = m_model.row(m_model.indexOf(runs.back()));
        m_diffCard->setTitle(tr("Recipes: what differs"));
        m_diffCard->setNote(tr("struck: %1 · marked: %2").arg(qstr(older->record.name), qstr(newer->record.name)));
        m_diff->setTexts(qstr(older->record.recipe), qstr(newer->record.recipe));
    } else if (one) {
        m_diffCard->setTitle(tr("Recipe"));
        m_diffCard->setNote(tr("select two runs to see what differs"));
        m_diff->setPlain(qstr(one->record.recipe));
    }
    std::vector<CurvesCard::Run> shown;
    for (const qint64 id : runs)
        shown.push_back({id, qstr(m_model.row(m_model.indexOf(id))->record.name)});
    m_curves->setRuns(shown);
}

void HistoryPage::commitNotes() {
    m_notesTimer.stop();
    const int index = m_model.indexOf(m_notesRun);
    if (index < 0)
        return;
    const RunRecord& record = m_model.row(index)->record;
    const QString now = m_notes->toPlainText(), before = qstr(record.notes);
    if (now != before)
        m_undo.push(new NotesCommand(*this, m_notesRun, qstr(record.name), before, now));
}

void HistoryPage::writeNotes(qint64 runId, const QString& notes) {
    const auto project = m_project.lock();
    if (!project)
        return;
    m_model.setNotes(runId, notes);
    m_unwritten[runId] = notes;
    if (m_notesRun == runId && m_notes->toPlainText() != notes) {
        const QSignalBlocker blocker(m_notes);
        m_notes->setPlainText(notes);
    }
    runWrite<bool>(
        this,
        [project, runId, text = sstr(notes)]() -> Result<bool> {
            ATTUNE_ASSIGN(const std::string before, project->runs().setNotes(runId, text));
            return before != text;
        },
        [this, runId, notes](Result<bool> written) {
            if (const auto own = m_unwritten.find(runId); own != m_unwritten.end() && own->second == notes)
                m_unwritten.erase(own);
            if (!written)
                m_messages.showError("notes", written.error());
        });
}

} // namespace attune
