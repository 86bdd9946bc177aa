#include "ui/views/data/project_model.h"

#include <QDir>
#include <QFileInfo>

#include "core/families/model_family.h"
#include "core/plan/run_config.h"
#include "core/store/project.h"
#include "ui/bridge/current_project.h"
#include "ui/bridge/qt_convert.h"
#include "ui/bridge/run_bridge.h"

namespace attune {
namespace {

const char* const kModelSetting = "model.path";
const char* const kRecipeSetting = "train.recipe";

/// "" when the project names no model.
QString chosenFolder(Project& project, const Catalog& catalog) {
    if (const auto path = project.setting(kModelSetting); path && *path && !(*path)->empty())
        return qstr(**path);
    if (const auto recipe = project.setting(kRecipeSetting); recipe && *recipe)
        if (const auto config = parseRunConfig(**recipe, catalog, "the project's recipe"))
            return qstr(config->model);
    return {};
}

} // namespace

ProjectModel::ProjectModel(Services& services, QObject* parent) : QObject(parent), m_services(services) {}

Result<ProjectModel::Loaded> ProjectModel::load(const QString& folder) {
    Loaded loaded;
    loaded.folder = folder;
    loaded.name = QFileInfo(QDir::cleanPath(folder)).fileName();
    ATTUNE_ASSIGN(auto tokenizer, Tokenizer::load(fspath(folder)));
    ATTUNE_ASSIGN(PromptFormat format, PromptFormat::forTokenizer(std::move(tokenizer)));
    loaded.format = std::make_shared<const PromptFormat>(std::move(format));
    // A folder with a tokenizer alone is enough to count; the length is then not known.
    if (const auto source = ModelSource::open(fspath(folder)))
        if (const auto config = readModelConfig(*source))
            loaded.contextLength = config->contextLength;
    return loaded;
}

void ProjectModel::refresh() {
    const auto project = m_services.project->get();
    const quint64 request = ++m_request;
    m_task = nullptr;
    if (!project)
        return take(Loaded{});
    m_task = runTask<Loaded>(
        this,
        [project, &catalog = m_services.runs->catalog(), known = m_loaded](const Progress&) -> Result<Loaded> {
            const QString folder = chosenFolder(*project, catalog);
            if (folder.isEmpty())
                return Loaded{};
            return folder == known.folder && known.format ? Result<Loaded>(known) : load(folder);
        },
        [this, request](Result<Loaded> loaded) {
            if (request == m_request)
                take(std::move(loaded));
        });
}

void ProjectModel::choose(const QString& folder) {
    const auto project = m_services.project->get();
    if (!project)
        return;
    const quint64 request = ++m_request;
    m_task = runTask<Loaded>(
        this,
        [project, folder](const Progress&) -> Result<Loaded> {
            ATTUNE_ASSIGN(Loaded loaded, load(folder));
            ATTUNE_CHECK(project->setSetting(kModelSetting, sstr(folder)));
            return loaded;
        },
        [this, request](Result<Loaded> loaded) {
            if (request != m_request)
                return;
            if (!loaded) { // the former choice stays
                m_task = nullptr;
                Q_EMIT failed(loaded.error());
                Q_EMIT settled();
                return;
            }
            take(std::move(loaded));
            m_services.project->noteChange(QStringLiteral("settings"));
        });
}

void ProjectModel::take(Result<Loaded> loaded) {
    m_task = nullptr;
    if (!loaded)
        Q_EMIT failed(loaded.error());
    Loaded now = loaded ? std::move(*loaded) : Loaded{};
    const bool same = now.folder == m_loaded.folder && now.format == m_loaded.format;
    m_loaded = std::move(now);
    if (!same)
        Q_EMIT changed();
    Q_EMIT settled();
}

} // namespace attune
