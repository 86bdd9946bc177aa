#include "ui/views/compare/compare_view.h"

#include <QCheckBox>
#include <QComboBox>
#include <QDoubleSpinBox>
#include <QHBoxLayout>
#include <QLabel>
#include <QPlainTextEdit>
#include <QPushButton>
#include <QShortcut>
#include <QSpinBox>
#include <QStackedWidget>
#include <QTableWidget>
#include <QVBoxLayout>

#include <algorithm>

#include "core/run/engine.h"
#include "core/store/project.h"
#include "ui/bridge/current_project.h"
#include "ui/bridge/qt_convert.h"
#include "ui/bridge/run_bridge.h"
#include "ui/views/compare/answer_pane.h"
#include "ui/views/compare/integrity_strip.h"
#include "ui/views/compare/score_table.h"
#include "ui/widgets/card.h"
#include "ui/widgets/empty_state.h"
#include "ui/widgets/flow_layout.h"
#include "ui/widgets/message_bar.h"
#include "ui/widgets/progress_strip.h"
#include "ui/widgets/segmented_control.h"

namespace attune {

CompareView::CompareView(Services& services, QWidget* parent) : View(services, parent) {
    m_page = new ViewPage(tr("Compare & Evaluate"),
                          tr("The base model and the tuned one answer the same question, with the same seed."), this);
    m_primary = m_page->primaryButton(tr("Answer"));
    connect(m_primary, &QPushButton::clicked, this, [this] { m_mode->index() == 0 ? answer() : measure(); });

    auto* empty = new EmptyState(QStringLiteral("compare"), tr("Nothing to compare yet"),
                                 tr("When a run has finished, the base model's and the tuned model's answers stand here side by side."), this);
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
    column->addWidget(buildControls());
    m_progress = new ProgressStrip(content);
    column->addWidget(m_progress);
    m_pages = new QStackedWidget(content);
    m_pages->addWidget(buildPrompt());
    m_pages->addWidget(buildRows());
    column->addWidget(m_pages, 1);

    m_stack = new QStackedWidget(this);
    m_stack->addWidget(empty);
    m_stack->addWidget(content);
    m_page->setContent(m_stack);
    fill(*this, m_page);

    auto* go = new QShortcut(QKeySequence(Qt::CTRL | Qt::Key_Return), this);
    connect(go, &QShortcut::activated, m_primary, &QPushButton::click);
    connect(m_progress, &ProgressStrip::cancelClicked, this, [this] {
        if (m_generation)
            m_generation->cancel();
    });
    connect(services.project, &CurrentProject::changed, this, &CompareView::refresh);
    connect(services.project, &CurrentProject::contentChanged, this, [this](const QString& what) {
        if (what == QLatin1String("runs"))
            refresh();
        else if (what == QLatin1String("scores") || what == QLatin1String("reviews"))
            readMeasured();
    });
    connect(services.runs, &RunBridge::runEnded, this, &CompareView::refresh);
    refresh();
}

QWidget* CompareView::buildControls() {
    auto* controls = new QWidget(this);
    auto* column = new QVBoxLayout(controls);
    column->setContentsMargins(0, 0, 0, 0);
    column->setSpacing(8);
    auto* row = new QHBoxLayout;
    row->setSpacing(16);
    m_mode = new SegmentedControl({tr("One prompt"), tr("Test rows")}, controls);
    connect(m_mode, &SegmentedControl::indexChanged, this, [this](int index) {
        m_pages->setCurrentIndex(index);
        m_primary->setText(index == 0 ? tr("Answer") : tr("Measure"));
    });
    m_run = new QComboBox(controls);
    m_run->setAccessibleName(tr("Tuned run"));
    m_run->setSizeAdjustPolicy(QComboBox::AdjustToMinimumContentsLengthWithIcon);
    m_run->setMinimumContentsLength(24);
    connect(m_run, &QComboBox::currentIndexChanged, this, &CompareView::runChanged);
    row->addWidget(m_mode);
    row->addWidget(makeLabel(tr("Tuned run"), QStringLiteral("muted"), controls));
    row->addWidget(m_run, 1);
    column->addLayout(row);
    m_integrity = new IntegrityStrip(*services().runs, controls);
    connect(m_integrity, &IntegrityStrip::failed, this,
            [this](const Error& error) { m_page->messages().showError(QStringLiteral("proof"), error); });
    connect(m_integrity, &IntegrityStrip::proved, this, [this](double difference) {
        if (difference > 0)
            return;
        m_page->messages().show(QStringLiteral("proof"), Tone::Bad, tr("This run's weights give exactly the base model's answers."),
                                tr("A comparison would say nothing. Train longer or with a higher learning rate, or choose another run."));
        m_primary->setEnabled(false);
    });
    column->addWidget(m_integrity);
    return controls;
}

QWidget* CompareView::buildPrompt() {
    auto* page = new QWidget(this);
    auto* column = new QVBoxLayout(page);
    column->setContentsMargins(0, 0, 0, 0);
    column->setSpacing(16);

    auto* card = new Card(tr("Prompt"), {}, page);
    m_prompt = new QPlainTextEdit(card);
    m_prompt->setPlaceholderText(tr("Write what a user would write, or take a test row."));
    m_prompt->setAccessibleName(tr("Prompt"));
    m_prompt->setTabChangesFocus(true);
    m_prompt->setMaximumHeight(120);
    card->body()->addWidget(m_prompt);
    m_expected = makeLabel({}, QStringLiteral("muted"), card);
    m_expected->hide();
    card->body()->addWidget(m_expected);

    m_row = new QSpinBox(card);
    m_row->setAccessibleName(tr("Test row"));
    m_row->setSpecialValueText(tr("own text"));
    connect(m_row, &QSpinBox::valueChanged, this, &CompareView::showRow);
    connect(m_prompt, &QPlainTextEdit::textChanged, this, [this] {
        if (!m_prompt->hasFocus())
            return;
        const QSignalBlocker blocker(m_row);
        m_row->setValue(0); // edited by hand: no longer that row
        m_expected->hide();
    });
    m_temperature = new QDoubleSpinBox(card);
    m_temperature->setRange(0, 2);
    m_temperature->setSingleStep(0.1);
    m_temperature->setAccessibleName(tr("Temperature"));
    m_temperature->setToolTip(tr("0 always takes the likeliest word; higher values vary more."));
    m_maxTokens = new QSpinBox(card);
    m_maxTokens->setRange(1, 8192);
    m_maxTokens->setValue(256);
    m_maxTokens->setAccessibleName(tr("Longest answer in tokens"));
    m_seed = new QSpinBox(card);
    m_seed->setRange(0, 999999);
    m_seed->setValue(42);
    m_seed->setAccessibleName(tr("Seed"));
    m_compare = new QCheckBox(tr("Mark differences"), card);
    m_compare->setChecked(true);
    connect(m_compare, &QCheckBox::toggled, this, &CompareView::showDifference);
    auto* knobs = new QWidget(card);
    auto* flow = new FlowLayout(knobs, 16);
    const auto add = [&](const QString& label, QWidget* field) {
        auto* pair = new QWidget(knobs); // a label stays with its field in a narrow window
        auto* line = new QHBoxLayout(pair);
        line->setContentsMargins(0, 0, 0, 0);
        line->setSpacing(8);
        QLabel* words = makeLabel(label, QStringLiteral("note"), pair);
        words->setWordWrap(false);
        line->addWidget(words);
        line->addWidget(field);
        flow->addWidget(pair);
    };
    add(tr("Test row"), m_row);
    add(tr("Temperature"), m_temperature);
    add(tr("Longest answer"), m_maxTokens);
    add(tr("Seed"), m_seed);
    QLabel* marks = makeLabel(tr("Marks: struck through = only the base model, underlined = only the tuned one"), QStringLiteral("note"), knobs);
    marks->setWordWrap(false);
    flow->addWidget(marks);
    connect(m_compare, &QCheckBox::toggled, marks, &QWidget::setVisible);
    card->tools()->addWidget(m_compare);
    card->body()->addWidget(knobs);
    column->addWidget(card);

    auto* panes = new QHBoxLayout;
    panes->setSpacing(16);
    m_base = new AnswerPane(tr("Base model"), true, page);
    m_tuned = new AnswerPane(tr("Tuned model"), false, page);
    panes->addWidget(m_base, 1);
    panes->addWidget(m_tuned, 1);
    column->addLayout(panes, 1);
    return page;
}

const FinishedRun* CompareView::run() const {
    const int index = m_run->currentIndex();
    return index >= 0 && index < int(m_runs.size()) ? &m_runs[std::size_t(index)] : nullptr;
}

void CompareView::activated() {
    if (const FinishedRun* chosen = run(); chosen && m_integrity->difference() < 0)
        m_integrity->prove(chosen->model, chosen->folder);
}

void CompareView::showRequest(const QVariantMap& request) {
    refresh();
    for (std::size_t i = 0; i < m_runs.size(); ++i) {
        if (m_runs[i].id == request.value(QStringLiteral("run")).toLongLong())
            m_run->setCurrentIndex(int(i));
    }
}

bool CompareView::canClose(QString& reason) {
    if (!m_generation && !m_task)
        return true;
    reason = tr("The models are still answering. Leaving now ends that; nothing else is lost.");
    return false;
}

void CompareView::refresh() {
    const auto project = services().project->get();
    const qint64 before = run() ? run()->id : 0;
    m_runs.clear();
    if (project) {
        auto runs = finishedRuns(*project, services().runs->catalog());
        if (runs)
            m_runs = std::move(*runs);
        else
            m_page->messages().showError(QStringLiteral("runs"), runs.error());
    }
    {
        const QSignalBlocker blocker(m_run);
        m_run->clear();
        for (std::size_t i = 0; i < m_runs.size(); ++i) {
            m_run->addItem(m_runs[i].label());
            if (m_runs[i].id == before)
                m_run->setCurrentIndex(int(i));
        }
    }
    m_stack->setCurrentIndex(m_runs.empty() ? 0 : 1);
    m_primary->setVisible(!m_runs.empty());
    if (!run() || run()->id != before)
        runChanged();
}

void CompareView::runChanged() {
    m_page->messages().clear();
    m_primary->setEnabled(true);
    ++m_selection;
    if (m_task)
        m_task->cancel();
    if (m_generation) { // the project was changed meanwhile
        delete m_generation;
        generationEnded(nullptr);
    }
    m_measured = {};
    showEvaluation();
    showJudgement({});
    for (AnswerPane* pane : {m_base, m_tuned})
        pane->setText({}); // those words were another run's
    m_rows.clear();
    if (!run()) {
        m_integrity->prove({}, {});
        Q_EMIT stateChanged(StationState::Nothing, {});
        return;
    }
    if (isVisible())
        m_integrity->prove(run()->model, run()->folder);
    loadRows();
    readMeasured();
}

void CompareView::loadRows() {
    const auto project = services().project->get();
    runTask<std::vector<Sample>>(
        this, [project, chosen = *run()](const Progress&) { return heldOutRows(*project, chosen, kMostRows); },
        [this, selection = m_selection](Result<std::vector<Sample>> rows) {
            if (selection != m_selection)
                return;
            if (!rows)
                m_page->messages().show(QStringLiteral("rows"), Tone::Careful, qstr(rows.error().message), qstr(rows.error().hint));
            else
                m_rows = std::move(*rows);
            m_row->setRange(0, int(m_rows.size()));
            if (!m_rows.empty() && m_prompt->toPlainText().isEmpty())
                m_row->setValue(1);
        });
}

void CompareView::showRow(int row) {
    if (row < 1 || row > int(m_rows.size()))
        return m_expected->hide();
    const Sample& sample = m_rows[std::size_t(row - 1)];
    m_prompt->setPlainText(qstr(sample.messages[sample.messages.size() - 2].content));
    m_expected->setText(tr("Expected: %1").arg(qstr(expectedAnswer(sample))));
    m_expected->show();
    m_base->setText({});
    m_tuned->setText({});
}

void CompareView::setBusy(bool busy) {
    m_primary->setEnabled(!busy && m_integrity->difference() != 0); // identical weights are not compared
    m_run->setEnabled(!busy);
    Q_EMIT stateChanged(busy ? StationState::InProgress : StationState::Done, busy ? tr("answering") : QString());
}

void CompareView::answer() {
    const FinishedRun* chosen = run();
    if (!chosen || m_generation)
        return;
    m_page->messages().remove(QStringLiteral("answer"));
    const int row = m_row->value();
    Prompt prompt;
    if (row > 0 && row <= int(m_rows.size()))
        prompt = promptOf(m_rows[std::size_t(row - 1)]);
    else if (!m_prompt->toPlainText().trimmed().isEmpty())
        prompt.messages = {{"user", sstr(m_prompt->toPlainText())}};
    else
        return m_page->messages().show(QStringLiteral("answer"), Tone::Careful, tr("Write a prompt first, or choose a test row."));

    GenerateRequest request;
    request.model = sstr(chosen->model);
    request.prompts = {prompt};
    request.sampling.temperature = m_temperature->value();
    request.sampling.maxTokens = m_maxTokens->value();
    request.sampling.seed = std::uint64_t(m_seed->value());
    m_base->begin();
    m_tuned->begin();
    setBusy(true);
    m_progress->showProgress(-1, tr("The base model answers"));
    // One after the other: they share the processor, and the second starts from the same seed.
    m_generation = services().runs->generate(request, this);
    connect(m_generation, &Generation::textGenerated, this, [this](const QVector<TextGenerated>& pieces) {
        for (const TextGenerated& piece : pieces)
            m_base->add(piece);
    });
    connect(m_generation, &Generation::failed, this, [this](const Error& error) { generationEnded(&error); });
    connect(m_generation, &Generation::finished, this, [this, request, folder = chosen->folder](const std::vector<GeneratedText>& texts) mutable {
        if (std::any_of(texts.begin(), texts.end(), [](const GeneratedText& text) { return text.finish == "cancelled"; }))
            return generationEnded(nullptr);
        request.adapter = sstr(folder);
        request.pane = 1;
        m_progress->showProgress(-1, tr("The tuned model answers"));
        m_generation = services().runs->generate(request, this);
        connect(m_generation, &Generation::textGenerated, this, [this](const QVector<TextGenerated>& pieces) {
            for (const TextGenerated& piece : pieces)
                m_tuned->add(piece);
        });
        connect(m_generation, &Generation::failed, this, [this](const Error& error) { generationEnded(&error); });
        connect(m_generation, &Generation::finished, this, [this] { generationEnded(nullptr); });
    });
}

void CompareView::generationEnded(const Error* error) {
    m_generation = nullptr;
    m_progress->finish();
    setBusy(false);
    if (error)
        return m_page->messages().showError(QStringLiteral("answer"), *error);
    showDifference();
}

void CompareView::showDifference() {
    if (!m_base->isFinished() || !m_tuned->isFinished())
        return;
    const bool compare = m_compare->isChecked() && !m_base->text().isEmpty() && !m_tuned->text().isEmpty();
    m_base->showAgainst(m_tuned->text(), compare);
    m_tuned->showAgainst(m_base->text(), compare);
}

} // namespace attune
