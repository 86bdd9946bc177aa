#include "ui/views/ship/ship_view.h"

#include <QComboBox>
#include <QDateTime>
#include <QDesktopServices>
#include <QDir>
#include <QFileDialog>
#include <QFormLayout>
#include <QHeaderView>
#include <QLineEdit>
#include <QPushButton>
#include <QStackedWidget>
#include <QTableWidget>
#include <QUrl>
#include <QVBoxLayout>

#include "core/eval/run_evidence.h"
#include "core/run/engine.h"
#include "core/store/project.h"
#include "ui/bridge/current_project.h"
#include "ui/bridge/qt_convert.h"
#include "ui/bridge/run_bridge.h"
#include "ui/models/finished_runs.h"
#include "ui/models/run_evidence.h"
#include "ui/settings.h"
#include "ui/views/ship/evidence_card.h"
#include "ui/views/ship/export_log.h"
#include "ui/widgets/card.h"
#include "ui/widgets/empty_state.h"
#include "ui/widgets/message_bar.h"
#include "ui/widgets/option_button.h"
#include "ui/widgets/param_form.h"
#include "ui/widgets/progress_strip.h"
#include "ui/widgets/reason_list.h"

namespace attune {

namespace {
constexpr int kFolderColumn = 6; // of the list of exports

QString evidenceWords(const ExportEntry& entry) {
    if (entry.verdict == QLatin1String(gateVerdictId(GateVerdict::Accepted)))
        return verdictWords(GateVerdict::Accepted);
    return entry.person.isEmpty() ? ShipView::tr("not asked for") : ShipView::tr("overridden by %1: %2").arg(entry.person, entry.reason);
}
} // namespace

ShipView::ShipView(Services& services, QWidget* parent) : View(services, parent) {
    m_page = new ViewPage(tr("Ship"), tr("Write the tuned model for other programs. What is written is loaded again and compared."), this);
    m_export = m_page->primaryButton(tr("Export"));
    connect(m_export, &QPushButton::clicked, this, &ShipView::startExport);

    auto* empty = new EmptyState(QStringLiteral("ship"), tr("Nothing to ship yet"),
                                 tr("When a run has finished, its adapter or the merged model can be written here, ready for other programs."),
                                 this);
    empty->setPrimary(tr("Go to Train"));
    connect(empty, &EmptyState::primaryClicked, this, [this] { Q_EMIT openStation(QStringLiteral("train")); });
    if (services.project->hasSample()) {
        empty->setSecondary(tr("Try with the sample"));
        connect(empty, &EmptyState::secondaryClicked, this, [this] { this->services().project->openSample(); });
    }

    auto* content = new QWidget(this);
    auto* column = new QVBoxLayout(content);
    column->setContentsMargins(0, 0, 0, 0);
    column->setSpacing(16);
    m_progress = new ProgressStrip(content);
    column->addWidget(m_progress);
    column->addWidget(buildForm());
    m_evidence = new EvidenceCard(content);
    connect(m_evidence, &EvidenceCard::measureWanted, this, [this] {
        Q_EMIT openStation(QStringLiteral("compare"), {{QStringLiteral("run"), m_run->currentData()}});
    });
    connect(m_evidence, &EvidenceCard::limitsWanted, this, &ShipView::takeLimits);
    connect(m_evidence, &EvidenceCard::changed, this, [this] { m_export->setEnabled(m_evidence->result() && !m_task); });
    column->addWidget(m_evidence);
    column->addWidget(buildHistory(), 1);

    m_stack = new QStackedWidget(this);
    m_stack->addWidget(empty);
    m_stack->addWidget(makeScrolling(content));
    m_page->setContent(m_stack);
    fill(*this, m_page);

    connect(services.project, &CurrentProject::changed, this, &ShipView::refresh);
    connect(services.project, &CurrentProject::contentChanged, this, [this](const QString& what) {
        if (what == QLatin1String("runs"))
            refresh();
        else if (what == QLatin1String("scores"))
            readEvidence();
    });
    connect(services.runs, &RunBridge::runEnded, this, &ShipView::refresh);
    refresh();
}

QWidget* ShipView::buildForm() {
    auto* card = new Card(tr("Export"), tr("one run, one format, one folder"), this);
    auto* form = new QFormLayout;
    form->setFieldGrowthPolicy(QFormLayout::AllNonFixedFieldsGrow);
    form->setHorizontalSpacing(16);
    form->setVerticalSpacing(12);

    m_run = new QComboBox(card);
    m_run->setAccessibleName(tr("Run to export"));
    form->addRow(makeFieldLabel(tr("Run"), card), m_run);
    connect(m_run, &QComboBox::currentIndexChanged, this, [this] {
        suggestFolder();
        readEvidence();
    });

    auto* formats = new QWidget(card);
    m_formats = new QVBoxLayout(formats);
    m_formats->setContentsMargins(0, 0, 0, 0);
    m_formats->setSpacing(8);
    for (const Described& exporter : services().runs->catalog().exporters) {
        auto* choice = new OptionButton(qstr(exporter.title), qstr(exporter.summary), formats);
        choice->setObjectName(qstr(exporter.id));
        choice->setChosen(m_formats->count() == 0);
        m_formats->addWidget(choice);
        connect(choice, &OptionButton::toggled, this, [this](bool chosen) {
            if (!chosen)
                return;
            showOptions();
            suggestFolder();
        });
    }
    form->addRow(makeFieldLabel(tr("Format"), card), formats);

    m_options = new ParamForm(card);
    m_options->setDepth(Depth::Expert);
    m_optionsLabel = makeFieldLabel(tr("Settings"), card);
    form->addRow(m_optionsLabel, m_options);
    showOptions();

    auto* folderRow = new QHBoxLayout;
    folderRow->setSpacing(8);
    m_folder = new QLineEdit(card);
    m_folder->setAccessibleName(tr("Folder to write"));
    m_folder->setPlaceholderText(tr("A new or empty folder"));
    auto* browse = makeButton(tr("Browse…"), QStringLiteral("secondary"), QStringLiteral("folder"), card);
    folderRow->addWidget(m_folder, 1);
    folderRow->addWidget(browse);
    form->addRow(makeFieldLabel(tr("Folder"), card), folderRow);
    connect(m_folder, &QLineEdit::textEdited, this, [this] { m_folderEdited = true; });
    connect(browse, &QPushButton::clicked, this, [this] {
        const QString chosen = QFileDialog::getExistingDirectory(this, tr("Folder to write the export to"),
                                                                 services().settings->lastFolder(QStringLiteral("export")));
        if (chosen.isEmpty())
            return;
        services().settings->setLastFolder(QStringLiteral("export"), chosen);
        m_folder->setText(QDir::toNativeSeparators(chosen));
        m_folderEdited = true;
    });
    card->body()->addLayout(form);
    return card;
}

QWidget* ShipView::buildHistory() {
    auto* card =
        new Card(tr("Exports of this project"),
                 tr("each was reloaded and compared with its checkpoint · double-click opens the folder"), this);
    m_history = new QTableWidget(0, kFolderColumn + 1, card);
    m_history->setMinimumHeight(120);
    m_history->setHorizontalHeaderLabels(
        {tr("When"), tr("Run"), tr("Format"), tr("Size"), tr("Tokens that agree"), tr("Evidence"), tr("Folder")});
    m_history->verticalHeader()->hide();
    m_history->verticalHeader()->setDefaultSectionSize(30);
    m_history->horizontalHeader()->setStretchLastSection(true);
    m_history->horizontalHeader()->setDefaultAlignment(Qt::AlignLeft | Qt::AlignVCenter);
    m_history->setEditTriggers(QAbstractItemView::NoEditTriggers);
    m_history->setSelectionBehavior(QAbstractItemView::SelectRows);
    m_history->setShowGrid(false);
    m_history->setTextElideMode(Qt::ElideMiddle);
    m_history->setAccessibleName(tr("Exports"));
    connect(m_history, &QTableWidget::cellActivated, this, [this](int row, int) {
        QDesktopServices::openUrl(QUrl::fromLocalFile(m_history->item(row, kFolderColumn)->text()));
    });
    m_noHistory = makeLabel(tr("Nothing has been exported yet."), QStringLiteral("muted"), card);
    card->body()->addWidget(m_noHistory);
    card->body()->addWidget(m_history, 1);
    card->body()->addStretch(0); // without a table the words stand at the top
    return card;
}

void ShipView::activated() { refresh(); }

void ShipView::showRequest(const QVariantMap& request) {
    refresh();
    const int index = m_run->findData(request.value(QStringLiteral("run")));
    if (index >= 0)
        m_run->setCurrentIndex(index);
}

bool ShipView::canClose(QString& reason) {
    if (!m_task)
        return true;
    reason = tr("An export is being written. Leaving now ends it; the folder will be incomplete.");
    return false;
}

void ShipView::refresh() {
    const auto project = services().project->get();
    const QVariant selected = m_run->currentData();
    const QSignalBlocker blocker(m_run);
    m_run->clear();
    if (project) {
        const auto runs = finishedRuns(*project, services().runs->catalog());
        if (!runs)
            m_page->messages().showError(QStringLiteral("runs"), runs.error());
        m_runs = runs.value_or(std::vector<FinishedRun>{});
        for (const FinishedRun& run : m_runs)
            m_run->addItem(run.label(), QVariant::fromValue<qlonglong>(run.id));
        if (const int index = m_run->findData(selected); index >= 0)
            m_run->setCurrentIndex(index);
    }
    readEvidence();
    const bool any = m_run->count() > 0;
    m_stack->setCurrentIndex(any ? 1 : 0);
    m_export->setVisible(any);
    if (!any) {
        Q_EMIT stateChanged(StationState::Nothing, {});
        return;
    }
    suggestFolder();
    showHistory();
}

QString ShipView::formatTitle(const QString& id) const {
    for (const Described& exporter : services().runs->catalog().exporters)
        if (exporter.id == sstr(id))
            return qstr(exporter.title);
    return id; // of another version of the program
}

void ShipView::showOptions() {
    const std::string id = sstr(selectedFormat());
    std::vector<ParamSpec> specs;
    for (const Described& exporter : services().runs->catalog().exporters)
        if (exporter.id == id)
            specs = exporter.params;
    m_options->setSpecs(specs);
    m_options->setVisible(!specs.empty());
    m_optionsLabel->setVisible(!specs.empty());
}

QString ShipView::selectedFormat() const {
    for (int i = 0; i < m_formats->count(); ++i) {
        if (auto* choice = qobject_cast<OptionButton*>(m_formats->itemAt(i)->widget()); choice && choice->isChecked())
            return choice->objectName();
    }
    return {};
}

void ShipView::suggestFolder() {
    const auto project = services().project->get();
    if (!project || m_folderEdited || m_run->currentIndex() < 0)
        return;
    const QString base = qpath(project->exportsFolder()) + QLatin1Char('/') +
                         QStringLiteral("run-%1-%2").arg(m_run->currentData().toLongLong()).arg(selectedFormat());
    QString folder = base;
    for (int i = 2; QDir(folder).exists() && !QDir(folder).isEmpty(); ++i)
        folder = base + QStringLiteral("-%1").arg(i);
    m_folder->setText(folder);
}

const FinishedRun* ShipView::run() const {
    const int index = m_run->currentIndex();
    return index >= 0 && index < int(m_runs.size()) ? &m_runs[std::size_t(index)] : nullptr;
}

// Reads the run's whole record, so it is done in the background.
void ShipView::readEvidence() {
    const auto project = services().project->get();
    const FinishedRun* chosen = run();
    const quint64 request = ++m_evidenceRequest;
    m_evidence->showReading();
    if (!project || !chosen)
        return;
    runTask<RunEvidence>(
        this, [project, run = *chosen](const Progress&) -> Result<RunEvidence> { return readRunEvidence(*project, run); },
        [this, request](Result<RunEvidence> evidence) {
            if (request != m_evidenceRequest)
                return;
            if (!evidence)
                return m_page->messages().showError(QStringLiteral("evidence"), evidence.error());
            m_evidence->showEvidence(judgeRun(*evidence), evidence->asked.limits);
        });
}

void ShipView::takeLimits(const AcceptanceLimits& limits) {
    const auto project = services().project->get();
    const FinishedRun* chosen = run();
    if (!project || !chosen)
        return;
    runWrite<bool>(
        this,
        [project, run = *chosen, limits]() -> Result<bool> {
            ATTUNE_CHECK(changeLimits(*project, run, limits));
            return true;
        },
        [this](Result<bool> kept) {
            if (!kept)
                m_page->messages().showError(QStringLiteral("limits"), kept.error());
            services().project->noteChange(QStringLiteral("scores")); // the evidence is read again wherever it stands
        });
}

void ShipView::showHistory() {
    const auto project = services().project->get();
    const auto entries = project ? readExportLog(*project) : std::vector<ExportEntry>{};
    m_history->setRowCount(int(entries.size()));
    for (int row = 0; row < int(entries.size()); ++row) {
        const ExportEntry& entry = entries[std::size_t(row)];
        const QStringList cells{
            QLocale().toString(QDateTime::fromMSecsSinceEpoch(entry.time), QLocale::ShortFormat),
            entry.run,
            formatTitle(entry.format),
            bytesText(entry.bytes),
            tr("%1 % of %2").arg(number(100 * entry.tokenAgreement, 1), number(entry.comparedTokens)),
            evidenceWords(entry),
            entry.folder};
        for (int column = 0; column < cells.size(); ++column) {
            auto* item = new QTableWidgetItem(cells[column]);
            item->setToolTip(cells[column]);
            m_history->setItem(row, column, item);
        }
    }
    m_history->resizeColumnsToContents();
    m_history->setVisible(!entries.empty());
    m_noHistory->setVisible(entries.empty());
    Q_EMIT stateChanged(entries.empty() ? StationState::Nothing : StationState::Done, {});
}

} // namespace attune
