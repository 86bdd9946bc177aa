#include "ui/views/review/review_view.h"

#include <QComboBox>
#include <QLabel>
#include <QLineEdit>
#include <QPlainTextEdit>
#include <QProgressBar>
#include <QPushButton>
#include <QRandomGenerator>
#include <QSpinBox>
#include <QStackedWidget>
#include <QVBoxLayout>

#include "core/run/engine.h"
#include "core/store/project.h"
#include "ui/bridge/current_project.h"
#include "ui/bridge/qt_convert.h"
#include "ui/bridge/run_bridge.h"
#include "ui/settings.h"
#include "ui/widgets/card.h"
#include "ui/widgets/empty_state.h"
#include "ui/widgets/message_bar.h"
#include "ui/widgets/progress_strip.h"

namespace attune {

namespace {

constexpr int kEmptyPage = 0, kStartPage = 1, kPairPage = 2;
constexpr std::int64_t kMaxAnswerTokens = 256;

} // namespace

ReviewView::ReviewView(Services& services, QWidget* parent) : View(services, parent) {
    m_page = new ViewPage(tr("Review"), tr("Judge pairs of answers without knowing which model wrote which."), this);
    m_export = m_page->addButton(tr("Export votes…"), QStringLiteral("export"));
    m_new = m_page->addButton(tr("Other review"), QStringLiteral("review"));
    m_begin = m_page->primaryButton(tr("Prepare review"));
    connect(m_begin, &QPushButton::clicked, this, &ReviewView::prepare);
    connect(m_export, &QPushButton::clicked, this, &ReviewView::exportCsv);
    connect(m_new, &QPushButton::clicked, this, [this] {
        m_review.reset();
        refresh();
    });

    auto* empty = new EmptyState(QStringLiteral("review"), tr("Nothing to review yet"),
                                 tr("When a run has finished, you judge its answers to test rows against the base model's, blind."), this);
    empty->setPrimary(tr("Go to Train"));
    connect(empty, &EmptyState::primaryClicked, this, [this] { Q_EMIT openStation(QStringLiteral("train")); });
    if (services.project->hasSample()) {
        empty->setSecondary(tr("Try with the sample"));
        connect(empty, &EmptyState::secondaryClicked, this, [this] { this->services().project->openSample(); });
    }

    m_stack = new QStackedWidget(this);
    m_stack->addWidget(empty);
    m_stack->addWidget(buildStart());
    m_stack->addWidget(buildPair());
    m_page->setContent(m_stack, true);
    fill(*this, m_page);

    connect(services.project, &CurrentProject::changed, this, [this] {
        m_review.reset();
        refresh();
    });
    connect(services.project, &CurrentProject::contentChanged, this, [this](const QString& what) {
        if (what == QLatin1String("runs") && !m_review)
            refresh();
    });
    connect(services.runs, &RunBridge::runEnded, this, [this] {
        if (!m_review)
            refresh();
    });
    refresh();
}

void ReviewView::activated() {
    if (!m_review)
        return refresh();
    m_shown.restart();
    m_pair->setFocus(); // the keys judge at once
}

void ReviewView::showRequest(const QVariantMap& request) {
    m_review.reset();
    refresh();
    if (const int index = m_run->findData(request.value(QStringLiteral("run"))); index >= 0)
        m_run->setCurrentIndex(index);
}

bool ReviewView::canClose(QString& reason) {
    if (!m_task)
        return true; // every verdict is on its way to the disk, and the program's end waits for it
    reason = tr("The review is still being prepared. Leaving now ends that.");
    return false;
}

void ReviewView::refresh() {
    const auto project = services().project->get();
    m_runs.clear();
    m_run->clear();
    m_stored->clear();
    if (project) {
        if (auto runs = finishedRuns(*project, services().runs->catalog()))
            m_runs = std::move(*runs);
        else
            m_page->messages().showError(QStringLiteral("runs"), runs.error());
        for (const FinishedRun& run : m_runs)
            m_run->addItem(run.label(), QVariant::fromValue<qlonglong>(run.id));
        const auto reviews = project->reviews().list();
        if (!reviews)
            m_page->messages().showError(QStringLiteral("reviews"), reviews.error());
        for (const ReviewInfo& review : reviews.value_or(std::vector<ReviewInfo>{}))
            m_stored->addItem(tr("%1 · %2 of %3 judged").arg(qstr(review.name)).arg(review.votes).arg(review.items),
                              QVariant::fromValue<qlonglong>(review.id));
    }
    m_stored->parentWidget()->setVisible(m_stored->count() > 0);
    m_begin->setEnabled(!m_runs.empty() && !m_task);
    const bool nothing = m_runs.empty() && m_stored->count() == 0;
    m_stack->setCurrentIndex(m_review ? kPairPage : nothing ? kEmptyPage : kStartPage);
    showButtons();
    publishState();
}

void ReviewView::prepare() {
    const auto project = services().project->get();
    const int chosen = m_run->currentIndex();
    if (!project || chosen < 0 || m_task)
        return;
    m_page->messages().clear();
    const FinishedRun run = m_runs[std::size_t(chosen)];
    const auto count = std::size_t(m_count->value());
    const std::uint64_t seed = QRandomGenerator::system()->bounded(1u << 30);
    m_begin->setEnabled(false);
    m_task = services().runs->engineTask<std::int64_t>(
        this,
        [project, run, count, seed](Engine& engine, std::stop_token stop) -> Result<std::int64_t> {
            BeforeAfterRequest request;
            request.model = sstr(run.model);
            request.adapter = sstr(run.folder);
            request.maxTokens = kMaxAnswerTokens;
            ATTUNE_ASSIGN(request.rows, heldOutRows(*project, run, count));
            ATTUNE_ASSIGN(const BeforeAfter answers, evaluateBeforeAfter(engine, request, stop, [](double, const char*) {}));
            return StoredReview::create(*project, run.id, sstr(run.name), seed, request.rows, answers).map([](const StoredReview& review) {
                return review.info().id;
            });
        },
        [this](Result<std::int64_t> id) {
            m_begin->setEnabled(true);
            if (!id)
                return m_page->messages().showError(QStringLiteral("prepare"), id.error());
            services().project->noteChange(QStringLiteral("reviews"));
            openReview(*id);
        });
    m_progress->follow(m_task, tr("Both models answer the test rows"));
}

void ReviewView::openReview(std::int64_t id) {
    const auto project = services().project->get();
    if (!project)
        return;
    auto review = StoredReview::open(*project, id);
    if (!review)
        return m_page->messages().showError(QStringLiteral("open"), review.error());
    m_review = std::move(*review);
    m_result = {};
    m_stack->setCurrentIndex(kPairPage);
    showButtons();
    showNext();
    m_pair->setFocus(); // the keys judge; no verdict is marked beforehand
}

void ReviewView::showButtons() {
    m_export->setVisible(m_review.has_value());
    m_new->setVisible(m_review.has_value());
    m_begin->setVisible(m_stack->currentIndex() == kStartPage);
}

void ReviewView::showNext() {
    const auto next = m_review->queue().nextUnreviewed(m_index);
    if (!next)
        m_page->messages().show(QStringLiteral("done"), Tone::Good, counted(qint64(m_review->queue().size()), tr("The one pair is judged."), tr("All %1 pairs are judged.")),
                                tr("Export the votes, or go on to Ship."),
                                {{tr("Go to Ship"), [this] { Q_EMIT openStation(QStringLiteral("ship")); }}});
    else
        m_page->messages().remove(QStringLiteral("done"));
    showItem(next.value_or(std::min(m_index, m_review->queue().size() - 1)));
}

void ReviewView::showItem(std::size_t index) {
    m_index = index;
    const ReviewQueue& queue = m_review->queue();
    const PairItem& item = queue.item(index);
    const BlindPair pair = queue.pair(index);
    m_prompt->setText(qstr(item.prompt));
    m_expected->setText(item.expected.empty() ? QString() : tr("Expected: %1").arg(qstr(item.expected)));
    m_expected->setVisible(!item.expected.empty());
    m_left->setPlainText(qstr(pair.left));
    m_right->setPlainText(qstr(pair.right));
    m_note->setText(queue.vote(index) ? qstr(queue.vote(index)->note) : QString());
    m_bar->setRange(0, int(queue.size()));
    m_bar->setValue(int(queue.reviewed()));
    m_done->setText(tr("Pair %1 of %2").arg(index + 1).arg(queue.size()));
    m_shown.start();
    showStats();
}

void ReviewView::judge(SideVerdict verdict) {
    const auto project = services().project->get();
    if (!project || !m_review || m_undo)
        return;
    const Vote vote =
        m_review->record(m_index, verdict, sstr(m_note->text().trimmed()), double(m_shown.elapsed()) / 1000.0);
    runWrite<bool>(
        this,
        [project, vote]() -> Result<bool> {
            ATTUNE_CHECK(project->reviews().vote(vote));
            return true;
        },
        [this, project, review = m_review->info().id](Result<bool> stored) {
            if (!stored && project == services().project->get())
                takeLostVote(review, stored.error());
        });
    showNext();
}

/// What is shown must be what is stored: the pair comes again.
void ReviewView::takeLostVote(std::int64_t review, const Error& error) {
    if (m_review && m_review->info().id == review)
        openReview(review);
    m_page->messages().showError(QStringLiteral("vote"), error);
}

void ReviewView::undo() {
    const auto project = services().project->get();
    if (!project || !m_review || m_undo)
        return;
    struct Undone {
        StoredReview review;
        std::optional<std::size_t> index;
    };
    m_undo = runWrite<Undone>(
        this,
        [project, review = *m_review]() mutable -> Result<Undone> {
            ATTUNE_ASSIGN(const auto index, review.undo(*project));
            return Undone{std::move(review), index};
        },
        [this, project](Result<Undone> undone) {
            m_undo = nullptr;
            if (project != services().project->get() || !m_review)
                return;
            if (!undone)
                return m_page->messages().showError(QStringLiteral("vote"), undone.error());
            if (!undone->index || undone->review.info().id != m_review->info().id)
                return;
            m_review = std::move(undone->review);
            m_page->messages().remove(QStringLiteral("done"));
            showItem(*undone->index);
        });
}

void ReviewView::publishState() {
    if (!m_review) {
        Q_EMIT stateChanged(StationState::Nothing, {});
        return;
    }
    const ReviewQueue& queue = m_review->queue();
    const bool done = queue.reviewed() == queue.size();
    Q_EMIT stateChanged(done ? StationState::Done : StationState::InProgress,
                        done ? QString() : tr("%1 / %2").arg(queue.reviewed()).arg(queue.size()));
}

} // namespace attune
