#include "ui/views/advisor/advisor_view.h"

#include <QDesktopServices>
#include <QFileDialog>
#include <QHBoxLayout>
#include <QMenu>
#include <QPdfWriter>
#include <QScrollArea>
#include <QTextDocument>
#include <QUrl>

#include "core/base/files.h"
#include "core/plan/advisor_report.h"
#include "core/store/project.h"
#include "ui/bridge/computer_facts.h"
#include "ui/bridge/current_project.h"
#include "ui/bridge/qt_convert.h"
#include "ui/bridge/task.h"
#include "ui/settings.h"
#include "ui/views/advisor/matrix_panel.h"
#include "ui/views/advisor/question_panel.h"
#include "ui/views/advisor/recommendation_panel.h"
#include "ui/widgets/message_bar.h"

namespace attune {
namespace {

const char* const kSetting = "advisor.input";

constexpr int kRowsLookedAt = 500; // enough to tell whether answers are JSON

/// Share of the first rows whose answer is one JSON object; nothing when there is no such row.
std::optional<double> jsonAnswerShare(DatasetStore& store, std::int64_t dataset, const Progress& progress) {
    int looked = 0, json = 0;
    SampleQuery query;
    query.datasetId = dataset;
    const Status read = store.forEach(
        query,
        [&](const StoredSample& row) {
            if (row.sample.messages.empty())
                return true;
            const Result<Json> value = parseJson(row.sample.messages.back().content, "an answer");
            json += value && value->is_object() ? 1 : 0;
            return ++looked < kRowsLookedAt;
        },
        progress);
    return read && looked > 0 ? std::optional(double(json) / looked) : std::nullopt;
}

/// What the newest dataset says about the case.
ProjectFacts factsOf(Project& project, const Progress& progress) {
    ProjectFacts facts;
    const auto datasets = project.datasets().list();
    if (!datasets || datasets->empty())
        return facts;
    const std::int64_t newest = datasets->front().id;
    if (const auto statistics = project.datasets().statistics(newest)) {
        facts.rows = statistics->rows;
        facts.duplicateRows = statistics->duplicates;
    }
    facts.jsonAnswerShare = jsonAnswerShare(project.datasets(), newest, progress);
    return facts;
}

} // namespace

AdvisorView::AdvisorView(Services& services, QWidget* parent) : View(services, parent), m_rules(decisionRules()) {
    m_page =
        new ViewPage(tr("Advisor"),
                     tr("Plain questions; the matrix shows what each answer does. Nothing is decided for you."), this);
    fill(*this, m_page);
    QPushButton* scenarios = m_page->addButton(tr("Scenarios"));
    scenarios->setProperty("menu", true);
    auto* menu = new QMenu(scenarios);
    menu->setToolTipsVisible(true);
    for (const Scenario& scenario : m_rules.scenarios) {
        QAction* action =
            menu->addAction(tr("%1: %2").arg(qstr(scenario.title), qstr(m_rules.info(scenario.recommendation).title)));
        action->setToolTip(qstr(scenario.summary));
        connect(action, &QAction::triggered, this, [this, &scenario] { useScenario(scenario); });
    }
    menu->addSeparator();
    connect(menu->addAction(tr("Start again without answers")), &QAction::triggered, this, [this] {
        m_answers.clear();
        m_byHand.clear();
        m_weights.clear();
        m_startedAnew = true;
        keep();
        learnFacts();
        refresh();
        m_questions->showQuestion(0);
    });
    scenarios->setMenu(menu);
    connect(m_page->primaryButton(tr("Save the report")), &QPushButton::clicked, this, &AdvisorView::saveReport);

    auto* content = new QWidget(this);
    auto* columns = new QHBoxLayout(content);
    columns->setContentsMargins(0, 0, 0, 0);
    columns->setSpacing(16);
    m_questions = new QuestionPanel(m_rules, content);
    m_recommendation = new RecommendationPanel(m_rules, content);
    m_matrix = new MatrixPanel(m_rules, content);
    // The reasons scroll by themselves: the question stays in sight while they are read.
    auto* evidence = new QWidget(content);
    auto* right = new QVBoxLayout(evidence);
    right->setContentsMargins(0, 0, 6, 0); // room before the scroll bar
    right->setSpacing(16);
    right->addWidget(m_recommendation);
    right->addWidget(m_matrix, 1);
    columns->addWidget(m_questions, 4);
    columns->addWidget(makeScrolling(evidence), 7);
    m_page->setContent(content);

    connect(m_questions, &QuestionPanel::answered, this,
            [this](const QString& question, const QString& choice) { answer(sstr(question), sstr(choice)); });
    connect(m_recommendation, &RecommendationPanel::approachChosen, m_matrix, &MatrixPanel::setApproach);
    connect(m_recommendation, &RecommendationPanel::stationWanted, this, [this](const QString& station) {
        Q_EMIT openStation(station == "evaluate" ? QStringLiteral("compare")
                                                 : station); // the rail's label and the view's id differ
    });
    connect(m_matrix, &MatrixPanel::weightChanged, this, [this](const QString& criterion, double weight) {
        m_weights[sstr(criterion)] = weight;
        keep();
        refresh();
    });
    connect(m_matrix, &MatrixPanel::weightsReset, this, [this] {
        m_weights.clear();
        keep();
        refresh();
    });
    connect(services.project, &CurrentProject::changed, this, &AdvisorView::load);
    connect(services.project, &CurrentProject::contentChanged, this, [this](const QString& what) {
        if (what == "datasets")
            learnFacts();
    });
    connect(services.computer, &ComputerFacts::changed, this, &AdvisorView::learnFacts);
    refresh();
    load();
}

void AdvisorView::activated() {
    learnFacts();
}

void AdvisorView::showRequest(const QVariantMap& request) {
    const std::string wanted = sstr(request.value("scenario").toString());
    for (const Scenario& scenario : m_rules.scenarios)
        if (scenario.id == wanted)
            useScenario(scenario);
    const QVariantMap answers = request.value("answers").toMap();
    for (auto entry = answers.begin(); entry != answers.end(); ++entry)
        answer(sstr(entry.key()), sstr(entry.value().toString()));
    m_questions->showFirstOpen();
}

void AdvisorView::load() {
    m_answers.clear();
    m_weights.clear();
    m_facts.clear();
    m_byHand.clear();
    m_startedAnew = false;
    const quint64 request = ++m_request;
    m_page->messages().clear();
    refresh();
    const std::shared_ptr<Project> project = services().project->get();
    if (!project) {
        learnFacts();
        return;
    }
    runTask<AdvisorInput>(
        this,
        [project](const Progress&) -> Result<AdvisorInput> {
            ATTUNE_ASSIGN(const std::optional<std::string> text, project->setting(kSetting));
            if (!text)
                return AdvisorInput{};
            ATTUNE_ASSIGN(const Json json, parseJson(*text, "the Advisor's answers in the project"));
            return readAdvisorInput(json);
        },
        [this, request](Result<AdvisorInput> input) {
            if (request != m_request)
                return; // another project is open
            if (input && !m_startedAnew) {
                // What was answered while the project was read stays; what was kept of the other questions joins it.
                const bool meanwhile = !m_byHand.empty() || !m_weights.empty();
                for (const auto& [question, choice] : input->answers)
                    if (m_byHand.try_emplace(question, true).second)
                        m_answers[question] = choice;
                m_weights.insert(input->weights.begin(), input->weights.end());
                if (meanwhile)
                    keep();
            } else if (!input) {
                m_page->messages().showError("load", {input.error().code,
                                                      sstr(tr("The answers stored in this project are damaged.")),
                                                      sstr(tr("Answer again; the first answer replaces them."))});
            }
            refresh();
            m_questions->showFirstOpen();
            learnFacts();
        });
}

void AdvisorView::keep() {
    const std::shared_ptr<Project> project = services().project->get();
    if (!project)
        return;
    Json json = Json::object();
    for (const auto& [question, choice] : m_answers)
        json[question] = choice;
    for (const auto& [criterion, weight] : m_weights)
        json["weights"][criterion] = weight;
    runWrite<bool>(
        this,
        [project, text = json.dump()]() -> Result<bool> {
            ATTUNE_CHECK(project->setSetting(kSetting, text));
            return true;
        },
        [this](Result<bool> kept) {
            if (!kept)
                m_page->messages().showError("keep", kept.error());
        });
}

void AdvisorView::learnFacts() {
    const std::shared_ptr<Project> project = services().project->get();
    runTask<ProjectFacts>(
        this,
        [project, computer = services().computer->computer()](const Progress& progress) -> Result<ProjectFacts> {
            ProjectFacts facts = project ? factsOf(*project, progress) : ProjectFacts{};
            facts.computer = computer;
            return facts;
        },
        [this, request = m_request](Result<ProjectFacts> facts) {
            if (facts && request == m_request)
                takeFacts(*facts);
        });
}

void AdvisorView::takeFacts(const ProjectFacts& facts) {
    for (const auto& fact : m_facts) // a fact that no longer holds takes its answer with it
        if (!m_byHand.contains(fact.first))
            m_answers.erase(fact.first);
    m_facts.clear();
    for (const FactAnswer& fact : answersFromFacts(facts)) {
        m_facts[fact.question] = fact;
        if (!m_byHand.contains(fact.question))
            m_answers[fact.question] = fact.choice;
    }
    refresh();
}

void AdvisorView::answer(const std::string& question, const std::string& choice) {
    m_byHand[question] = true;
    if (choice.empty())
        m_answers.erase(question);
    else
        m_answers[question] = choice;
    keep();
    refresh();
}

void AdvisorView::useScenario(const Scenario& scenario) {
    m_startedAnew = true;
    m_answers = scenario.answers;
    m_byHand.clear();
    for (const auto& given : m_answers)
        m_byHand[given.first] = true;
    keep();
    refresh();
    m_page->messages().show("scenario", Tone::Accent, tr("Answered as in “%1”.").arg(qstr(scenario.title)),
                            qstr(scenario.summary));
}

void AdvisorView::refresh() {
    const Result<Advice> advice = advise(m_answers, m_weights, m_rules);
    if (!advice) {
        m_page->messages().showError("advise", advice.error(), {{tr("Start again"), [this] {
                                                                     m_answers.clear();
                                                                     m_weights.clear();
                                                                     m_byHand.clear();
                                                                     m_startedAnew = true;
                                                                     m_page->messages().remove("advise");
                                                                     keep();
                                                                     refresh();
                                                                 }}});
        Q_EMIT stateChanged(StationState::Attention, {});
        return;
    }
    const bool winnerMoved = !m_hasAdvice || advice->winner() != m_advice.winner();
    m_advice = *advice;
    m_hasAdvice = true;
    m_questions->setAnswers(m_answers, m_facts);
    m_recommendation->setAdvice(m_advice);
    m_matrix->setAdvice(m_advice);
    if (winnerMoved)
        m_matrix->setApproach(m_advice.winner());
    m_page->primaryButton(tr("Save the report"))->setEnabled(m_advice.enoughAnswers);
    const std::size_t all = m_rules.questions.size(), given = m_answers.size();
    if (given == 0)
        Q_EMIT stateChanged(StationState::Nothing, {});
    else if (given >= all)
        Q_EMIT stateChanged(StationState::Done, {});
    else
        Q_EMIT stateChanged(StationState::InProgress, QStringLiteral("%1 / %2").arg(given).arg(all));
}

void AdvisorView::saveReport() {
    if (services().project->isOpen())
        return writeReport(services().project->folder() + "/reports");
    Settings& settings = *services().settings;
    const QString folder =
        QFileDialog::getExistingDirectory(this, tr("Folder for the report"), settings.lastFolder("report"));
    if (folder.isEmpty())
        return;
    settings.setLastFolder("report", folder);
    writeReport(folder);
}

void AdvisorView::writeReport(const QString& folder) {
    std::vector<FactAnswer> facts;
    for (const auto& fact : m_facts)
        facts.push_back(fact.second);
    runTask<QString>(
        this,
        [folder = fspath(folder), advice = m_advice, facts](const Progress&) -> Result<QString> {
            std::error_code error;
            fs::create_directories(folder, error);
            if (error)
                return fail(ErrorCode::Io, "Cannot make the folder " + folder.string() + ": " + error.message() + ".",
                            "Choose a folder you may write to.");
            const std::string html = adviceHtml(advice, facts);
            ATTUNE_CHECK(writeFileAtomic(folder / "advisor.html", html));
            ATTUNE_CHECK(writeFileAtomic(folder / "advisor.md", adviceMarkdown(advice, facts)));
            QTextDocument page;
            page.setHtml(qstr(html));
            QPdfWriter pdf(qpath(folder / "advisor.pdf"));
            pdf.setPageSize(QPageSize(QPageSize::A4));
            pdf.setTitle("Attune Advisor");
            page.print(&pdf);
            return qpath(folder / "advisor.pdf");
        },
        [this, folder](Result<QString> file) {
            if (!file)
                return m_page->messages().showError("report", file.error());
            const QString html = folder + "/advisor.html";
            m_page->messages().show("report", Tone::Good, tr("The report is saved."),
                                    tr("%1 and the same as PDF and Markdown.").arg(html),
                                    {{tr("Open"), [html] { QDesktopServices::openUrl(QUrl::fromLocalFile(html)); }}});
        });
}

} // namespace attune
