#include "ui/views/train/setup_page.h"

#include <algorithm>
#include <utility>

#include <QComboBox>
#include <QFileDialog>
#include <QHBoxLayout>
#include <QLineEdit>
#include <QPushButton>
#include <QScrollArea>
#include <QVBoxLayout>

#include "core/store/convert_dataset.h"
#include "core/store/project.h"
#include "ui/bridge/computer_facts.h"
#include "ui/bridge/current_project.h"
#include "ui/bridge/qt_convert.h"
#include "ui/bridge/run_bridge.h"
#include "ui/settings.h"
#include "ui/views/train/estimate_panel.h"
#include "ui/views/train/kind_words.h"
#include "ui/views/train/method_chooser.h"
#include "ui/views/train/objective_chooser.h"
#include "ui/views/train/recipe_form.h"
#include "ui/views/train/train_parts.h"
#include "ui/widgets/card.h"
#include "ui/widgets/message_bar.h"

namespace attune {
namespace {

const char* const kModelSetting = "model.path";
const char* const kRecipeSetting = "train.recipe";
constexpr int kPanelWidth = 336, kLeastPanelWidth = 288, kLeastFormWidth = 464;

} // namespace

SetupPage::SetupPage(Services& services, MessageArea& messages, QWidget* parent)
    : QWidget(parent), m_services(services), m_messages(messages) {
    auto* columns = new QHBoxLayout(this);
    columns->setContentsMargins(0, 0, 0, 0);
    columns->setSpacing(16);

    auto* left = new QWidget(this);
    auto* column = new QVBoxLayout(left);
    column->setContentsMargins(0, 0, 6, 0); // room before the scroll bar
    column->setSpacing(16);
    auto* sources = new QHBoxLayout;
    sources->setSpacing(16);
    sources->addWidget(makeModelCard(), 1);
    sources->addWidget(makeDataCard(), 1);
    column->addLayout(sources);
    m_form = new RecipeForm(services, left);
    column->addWidget(m_form);
    column->addStretch(1);
    QScrollArea* form = makeScrolling(left);
    form->setMinimumWidth(kLeastFormWidth);
    columns->addWidget(form, 5);

    m_estimate = new EstimatePanel(this);
    QScrollArea* right = makeScrolling(m_estimate);
    right->setMinimumWidth(kLeastPanelWidth);
    right->setMaximumWidth(kPanelWidth);
    columns->addWidget(right, 3);

    m_soon.setSingleShot(true);
    m_soon.setInterval(60);
    connect(&m_soon, &QTimer::timeout, this, &SetupPage::estimate);
    connect(m_form, &RecipeForm::changed, this, [this] {
        m_keep = true;
        touch();
    });
    connect(&m_form->objectives(), &ObjectiveChooser::dataWanted, this, &SetupPage::dataWanted);
    connect(&m_form->objectives(), &ObjectiveChooser::conversionWanted, this, &SetupPage::convertRows);
    connect(m_estimate, &EstimatePanel::fieldWanted, this, &SetupPage::focusField);
    connectRewardPath();
    connect(services.project, &CurrentProject::contentChanged, this, [this](const QString& what) {
        if (what == QLatin1String("runs"))
            readRewards();
    });
    connect(m_estimate, &EstimatePanel::checkWanted, this, &SetupPage::check);
    connect(m_estimate, &EstimatePanel::fitWanted, this, &SetupPage::fit);
    connect(services.runs, &RunBridge::runStarted, this, &SetupPage::touch);
    connect(services.runs, &RunBridge::runEnded, this, &SetupPage::touch);
    connect(services.computer, &ComputerFacts::changed, this, &SetupPage::touch);
    touch();
}

void SetupPage::load() {
    m_model.reset();
    m_modelError.reset();
    m_modelFolder.clear();
    m_data = {};
    m_rows.reset();
    m_rewardModels.clear();
    m_wantedVersion = m_suitedVersion = 0;
    m_name->clear();
    m_form->setConfig({});
    m_start.clear();
    showStart();
    showModel();
    showVersions();
    const auto project = m_services.project->get();
    if (!project)
        return;
    struct Kept {
        QString model;
        RunConfig recipe;
    };
    ++m_reading;
    runTask<Kept>(
        this,
        [project, &catalog = m_services.runs->catalog()](const Progress&) -> Result<Kept> {
            Kept kept;
            ATTUNE_ASSIGN(const auto recipe, project->setting(kRecipeSetting));
            if (recipe) {
                ATTUNE_ASSIGN(kept.recipe, parseRunConfig(*recipe, catalog, "the project's recipe"));
            }
            ATTUNE_ASSIGN(const auto model, project->setting(kModelSetting));
            kept.model = qstr(model && !model->empty() ? *model : kept.recipe.model);
            return kept;
        },
        [this](Result<Kept> kept) {
            --m_reading;
            if (!kept) {
                m_messages.showError("recipe", kept.error());
                return touch();
            }
            m_form->setConfig(kept->recipe);
            m_start = kept->recipe.start;
            showStart();
            if (m_wantedVersion == 0)
                m_wantedVersion = kept->recipe.data.datasetVersion;
            if (!kept->model.isEmpty())
                readModel(kept->model, false);
            touch();
        });
    refreshFacts();
}

void SetupPage::refreshFacts() {
    const auto project = m_services.project->get();
    if (!project)
        return;
    readRewards();
    ++m_reading;
    runTask<DataFacts>(
        this, [project](const Progress&) { return readDataFacts(*project); },
        [this](Result<DataFacts> facts) {
            --m_reading;
            if (!facts)
                m_messages.showError("versions", facts.error());
            m_data = facts ? std::move(*facts) : DataFacts{};
            showVersions();
            readRows();
            Q_EMIT factsRead();
        });
}

void SetupPage::chooseModel(const QString& folder) {
    readModel(folder, true);
}

void SetupPage::readModel(const QString& folder, bool keep) {
    const quint64 request = ++m_modelRequest;
    m_modelFolder = folder;
    ++m_reading;
    runTask<ModelFacts>(
        this,
        [folder, keep, project = m_services.project->get()](const Progress&) -> Result<ModelFacts> {
            ATTUNE_ASSIGN(ModelFacts facts, readModelFacts(folder));
            if (keep && project)
                ATTUNE_CHECK(project->setSetting(kModelSetting, sstr(folder)));
            return facts;
        },
        [this, request, keep](Result<ModelFacts> facts) {
            --m_reading;
            if (request != m_modelRequest)
                return;
            m_model.reset();
            m_modelError.reset();
            if (facts)
                m_model = std::move(*facts);
            else
                m_modelError = facts.error();
            if (keep && facts)
                m_services.project->noteChange(QStringLiteral("settings"));
            showModel();
            touch();
        });
}

void SetupPage::readRows() {
    const auto project = m_services.project->get();
    const VersionFacts* chosen = version();
    const quint64 request = ++m_rowRequest;
    m_rows.reset();
    m_form->objectives().setRows({});
    touch();
    if (!project || !chosen)
        return;
    const auto& split = chosen->version.bySplit;
    m_versionFacts->setText(tr("%1 to train on, %2 to validate, %3 kept for the test.")
                                .arg(counted(qint64(split[std::size_t(Split::Train)]), tr("1 row"), tr("%1 rows")),
                                     number(qint64(split[std::size_t(Split::Validation)])),
                                     number(qint64(split[std::size_t(Split::Test)]))));
    ++m_reading;
    runTask<RowFacts>(
        this,
        [project, version = chosen->version](const Progress& progress) {
            return readRowFacts(*project, version, progress);
        },
        [this, request](Result<RowFacts> rows) {
            --m_reading;
            if (request != m_rowRequest)
                return;
            if (rows) {
                m_rows = *rows;
                takeKinds();
            } else
                m_messages.showError("rows", rows.error());
            touch();
        });
}

void SetupPage::freeze() {
    const auto project = m_services.project->get();
    if (!project || m_data.datasets.empty())
        return;
    m_freeze->setEnabled(false);
    runTask<DatasetVersion>(
        this,
        [project, dataset = m_data.datasets.front().id](const Progress&) {
            return project->datasets().freeze(dataset);
        },
        [this](Result<DatasetVersion> version) {
            m_freeze->setEnabled(true);
            if (!version)
                return m_messages.showError("freeze", version.error());
            m_wantedVersion = version->id;
            refreshFacts();
            m_services.project->noteChange(QStringLiteral("datasets"));
        });
}

// A version of another kind: the first objective that learns from such rows, unless the chosen one does.
void SetupPage::takeKinds() {
    m_form->objectives().setRows(m_rows->kinds);
    const qint64 id = version() ? version()->version.id : 0;
    if (std::exchange(m_suitedVersion, id) == id)
        return;
    const Catalog& catalog = m_services.runs->catalog();
    const std::string before = config().objective.id;
    const auto fits = fitObjectives(catalog, m_rows->kinds);
    const ObjectiveEntry* chosen = findObjectiveEntry(catalog, before);
    const bool suits = std::any_of(fits.begin(), fits.end(),
                                   [&](const ObjectiveFit& fit) { return fit.objective == chosen && fit.fits(); });
    if (suits || fits.empty() || !fits.front().fits())
        return;
    const Described& found = fits.front().objective->description;
    m_form->takeObjective(found.id);
    m_messages.show("objective", Tone::Accent,
                    tr("The objective is now “%1”: the rows are %2.").arg(qstr(found.title), kindName(mainKind(m_rows->kinds))), {},
                    {{tr("Change back"), [this, before] {
                          m_messages.remove("objective");
                          m_form->takeObjective(before);
                      }}});
}

void SetupPage::convertRows(const std::string& kind) {
    const auto project = m_services.project->get();
    const VersionFacts* chosen = version();
    if (!project || !chosen || m_conversion)
        return;
    SampleKind to = SampleKind::Chat;
    for (const SampleKind each : {SampleKind::Text, SampleKind::Preference, SampleKind::Unpaired, SampleKind::PromptOnly})
        if (kind == sampleKindId(each))
            to = each;
    const QString name = tr("%1 as %2").arg(chosen->dataset, kindName(kind));
    m_conversion = runTask<DatasetVersion>(
        this,
        [project, id = chosen->version.id, to, name](const Progress& progress) {
            return convertDataset(project->datasets(), id, to, sstr(name), progress);
        },
        [this, kind](Result<DatasetVersion> made) {
            m_conversion = nullptr;
            if (!made)
                return m_messages.showError("convert", made.error());
            m_messages.show("convert", Tone::Good, tr("Made a dataset of %1; it is chosen now.").arg(kindName(kind)));
            m_wantedVersion = made->id;
            refreshFacts();
            m_services.project->noteChange(QStringLiteral("datasets"));
        });
    Q_EMIT working(m_conversion, tr("Making %1").arg(kindName(kind)));
}

void SetupPage::chooseVersion(qint64 versionId) {
    m_wantedVersion = versionId;
    if (const int index = m_versions->findData(qlonglong(versionId)); index >= 0)
        m_versions->setCurrentIndex(index);
    else
        refreshFacts();
}

const VersionFacts* SetupPage::version() const {
    const int index = m_versions->currentIndex();
    return index >= 0 && index < int(m_data.versions.size()) ? &m_data.versions[std::size_t(index)] : nullptr;
}

bool SetupPage::hasValidationRows() const {
    const VersionFacts* chosen = version();
    return chosen && chosen->version.bySplit[std::size_t(Split::Validation)] > 0;
}

RunConfig SetupPage::config() const {
    RunConfig config;
    config.name = sstr(m_name->text().trimmed().isEmpty() ? m_suggested : m_name->text().trimmed());
    config.model = sstr(m_model ? m_model->folder : m_modelFolder);
    config.start = m_start;
    if (const VersionFacts* chosen = version())
        config.data.datasetVersion = chosen->version.id;
    return m_form->config(std::move(config));
}

void SetupPage::useConfig(const RunConfig& config) {
    m_form->setConfig(config);
    m_start = config.start;
    showStart();
    if (!config.model.empty() && qstr(config.model) != m_modelFolder)
        readModel(qstr(config.model), true);
    if (config.data.datasetVersion > 0)
        chooseVersion(config.data.datasetVersion);
    m_keep = true;
    touch();
}

void SetupPage::suggestName(const QString& name) {
    m_suggested = name;
    m_name->setPlaceholderText(name);
}

bool SetupPage::focusField(const QString& field) {
    if (field.startsWith(QLatin1String("model")))
        m_browse->setFocus(Qt::OtherFocusReason);
    else if (field.startsWith(QLatin1String("data")) && field != QLatin1String("data.general"))
        (m_versions->count() > 0 ? static_cast<QWidget*>(m_versions) : m_freeze)->setFocus(Qt::OtherFocusReason);
    else if (field == QLatin1String("name"))
        m_name->setFocus(Qt::OtherFocusReason);
    else
        return m_form->focusField(field);
    return true;
}

void SetupPage::keepRecipe() {
    m_keep = false;
    const auto project = m_services.project->get();
    if (!project)
        return;
    runTask<bool>(
        this,
        [project, text = toYaml(config())](const Progress&) -> Result<bool> {
            ATTUNE_CHECK(project->setSetting(kRecipeSetting, text));
            return true;
        },
        [this](Result<bool> kept) {
            if (!kept)
                m_messages.showError("keep", kept.error());
        });
}

} // namespace attune
