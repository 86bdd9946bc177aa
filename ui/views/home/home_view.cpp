#include "ui/views/home/home_view.h"

#include <QDateTime>
#include <QDir>
#include <QFileDialog>
#include <QFileInfo>
#include <QGridLayout>
#include <QLabel>
#include <QPainter>
#include <QPushButton>
#include <QToolButton>
#include <QVBoxLayout>

#include "core/store/project.h"
#include "ui/bridge/computer_facts.h"
#include "ui/bridge/current_project.h"
#include "ui/bridge/qt_convert.h"
#include "ui/settings.h"
#include "ui/views/home/computer_words.h"
#include "ui/widgets/card.h"
#include "ui/widgets/message_bar.h"
#include "ui/widgets/progress_strip.h"

namespace attune {
namespace {

constexpr int kRowButtonWidth = 92;

void clearLayout(QLayout* layout) {
    while (QLayoutItem* item = layout->takeAt(0)) {
        if (item->widget()) {
            item->widget()->hide();
            item->widget()->deleteLater();
        } else if (item->layout()) {
            clearLayout(item->layout());
        }
        delete item;
    }
}

class IconLabel final : public QWidget {
public:
    IconLabel(const QString& icon, Theme::IconColor color, int side, QWidget* parent)
        : QWidget(parent), m_icon(Theme::current().icon(icon, color)) {
        setFixedSize(side, side);
    }

protected:
    void paintEvent(QPaintEvent*) override {
        QPainter painter(this);
        m_icon.paint(&painter, rect());
    }

private:
    QIcon m_icon;
};

} // namespace

HomeView::HomeView(Services& services, QWidget* parent) : View(services, parent) {
    m_page = new ViewPage(
        tr("Home"), tr("Tune a language model on your own data, on this computer, and see whether it got better."),
        this);
    fill(*this, m_page);
    connect(m_page->addButton(tr("Open…"), "open"), &QPushButton::clicked, this, &HomeView::openProject);
    connect(m_page->addButton(tr("New project…"), "new"), &QPushButton::clicked, this, &HomeView::newProject);
    m_primary = m_page->primaryButton(tr("Try the sample project"));
    connect(m_primary, &QPushButton::clicked, this, [this] {
        if (this->services().project->isOpen())
            Q_EMIT openStation("data");
        else
            this->services().project->openSample();
    });

    auto* content = new QWidget(this);
    auto* grid = new QGridLayout(content);
    grid->setContentsMargins(0, 0, 0, 0);
    grid->setSpacing(16);
    m_recent = new Card(tr("Recent projects"), {}, content);
    m_recentList = new QVBoxLayout;
    m_recentList->setSpacing(0);
    m_recent->body()->addLayout(m_recentList);
    m_recent->body()->addStretch(1);
    m_computer = new Card(tr("This computer"), {}, content);
    m_facts = new QVBoxLayout;
    m_facts->setSpacing(12);
    m_computer->body()->addLayout(m_facts);
    m_computer->body()->addStretch(1);
    m_progress = new ProgressStrip(content);
    grid->addWidget(m_progress, 0, 0, 1, 2);
    m_sampleCard = makeSampleCard();
    grid->addWidget(m_sampleCard, 1, 0, 1, 2);
    grid->addWidget(m_recent, 2, 0);
    grid->addWidget(m_computer, 2, 1);
    grid->setColumnStretch(0, 3);
    grid->setColumnStretch(1, 2);
    grid->setRowStretch(2, 1);
    m_page->setContent(content, true);

    connect(services.settings, &Settings::recentProjectsChanged, this, &HomeView::showRecent);
    connect(services.computer, &ComputerFacts::changed, this, &HomeView::showComputer);
    connect(services.project, &CurrentProject::changed, this, &HomeView::showProject);
    connect(services.project, &CurrentProject::opening, this, [this](const QString& folder) {
        m_page->messages().remove("open");
        m_progress->showProgress(-1, tr("Opening %1").arg(QFileInfo(folder).fileName()));
        // The project's task exists only after this signal.
        QMetaObject::invokeMethod(
            this,
            [this, folder] {
                if (Task* task = this->services().project->task())
                    m_progress->follow(task, tr("Opening %1").arg(QFileInfo(folder).fileName()));
            },
            Qt::QueuedConnection);
    });
    connect(services.project, &CurrentProject::failed, this, [this](const Error& error, const QString& folder) {
        m_progress->finish();
        std::vector<MessageAction> actions;
        if (error.code == ErrorCode::NotFound)
            actions.push_back({tr("Remove from the list"), [this, folder] {
                                   this->services().settings->removeRecentProject(folder);
                                   m_page->messages().remove("open");
                               }});
        actions.push_back({tr("Open another…"), [this] { openProject(); }});
        m_page->messages().showError("open", error, actions);
        Q_EMIT stateChanged(StationState::Attention, {});
    });
    connect(services.project, &CurrentProject::copied, this, [this](const QString& folder) {
        m_page->messages().show("copy", Tone::Good, tr("Saved a copy as %1.").arg(folder));
    });
    showRecent();
    showComputer();
}

QWidget* HomeView::makeSampleCard() {
    auto* card = new Card({}, {}, this);
    auto* line = new QHBoxLayout;
    line->setSpacing(16);
    line->addWidget(new IconLabel("sample", Theme::IconColor::Accent, 36, card), 0, Qt::AlignTop);
    auto* words = new QVBoxLayout;
    words->setSpacing(4);
    words->addWidget(makeLabel(tr("New here? Watch a small model learn a real task"), "question", card));
    words->addWidget(makeLabel(tr("The sample project holds customer messages and a small starter model. Training "
                                  "takes about two minutes on a "
                                  "laptop's processor; then compare the answers before and after, and judge them "
                                  "blind. Nothing leaves this computer."),
                               "muted", card));
    auto* steps = new QHBoxLayout;
    steps->setSpacing(8);
    for (const QString& step : {tr("1  Look at the data"), tr("2  Train"), tr("3  Compare"), tr("4  Decide")})
        steps->addWidget(new Chip(step, Tone::Neutral, card));
    steps->addStretch(1);
    words->addSpacing(4);
    words->addLayout(steps);
    line->addLayout(words, 1);
    card->body()->addLayout(line);
    return card;
}

void HomeView::activated() {
    showRecent();
    showProject();
}

void HomeView::showRequest(const QVariantMap& request) {
    const QString action = request.value("action").toString();
    if (action == "new")
        newProject();
    else if (action == "open")
        openProject();
}

void HomeView::showRecent() {
    clearLayout(m_recentList);
    const QStringList recent = services().settings->recentProjects();
    const QString open = services().project->folder();
    if (recent.isEmpty()) {
        m_recentList->addWidget(
            makeLabel(tr("None yet. A project is one folder: your rows, the runs and what you found out. "
                         "Move it, copy it or back it up as a whole."),
                      "muted", m_recent));
        return;
    }
    for (const QString& folder : recent) {
        auto* row = new QWidget(m_recent);
        auto* line = new QHBoxLayout(row);
        line->setContentsMargins(0, 8, 0, 8);
        line->setSpacing(12);
        line->addWidget(new IconLabel("folder", Theme::IconColor::Muted, 20, row));
        auto* words = new QVBoxLayout;
        words->setSpacing(1);
        auto* name = new ElidedLabel(QFileInfo(folder).completeBaseName(), Qt::ElideRight, row);
        name->setProperty("role", "section");
        auto* place = new ElidedLabel(QDir::toNativeSeparators(QFileInfo(folder).path()), Qt::ElideMiddle, row);
        place->setProperty("role", "note");
        words->addWidget(name);
        words->addWidget(place);
        line->addLayout(words, 1);
        const QFileInfo database(folder + "/project.sqlite");
        const bool there = database.exists();
        if (folder == open) {
            line->addWidget(new Chip(tr("open"), Tone::Accent, row));
        } else if (!there) {
            line->addWidget(new Chip(tr("not found"), Tone::Careful, row));
        } else {
            QLabel* date =
                makeLabel(QLocale().toString(database.lastModified().date(), QLocale::ShortFormat), "note", row);
            date->setWordWrap(false);
            line->addWidget(date);
        }
        QPushButton* button = makeButton(folder == open ? tr("Continue")
                                         : there        ? tr("Open")
                                                        : tr("Remove"),
                                         "secondary", {}, row);
        button->setMinimumWidth(kRowButtonWidth); // the dates before them stand in one column
        button->setAccessibleName(button->text() + ' ' + QFileInfo(folder).completeBaseName());
        line->addWidget(button);
        connect(button, &QPushButton::clicked, this, [this, folder, there, open] {
            if (folder == open)
                Q_EMIT openStation("data");
            else if (there)
                services().project->open(folder);
            else
                services().settings->removeRecentProject(folder);
        });
        if (m_recentList->count() > 0)
            m_recentList->addWidget(makeLine(m_recent));
        m_recentList->addWidget(row);
    }
}

void HomeView::showComputer() {
    clearLayout(m_facts);
    const std::optional<Computer>& computer = services().computer->computer();
    if (!computer) {
        m_facts->addWidget(makeLabel(tr("Looking at cores, memory and disk…"), "muted", m_computer));
        return;
    }
    m_facts->addWidget(makeLabel(computerVerdict(*computer), "section", m_computer));
    for (const ComputerFact& fact : computerFacts(*computer)) {
        auto* line = new QHBoxLayout;
        line->setSpacing(12);
        line->addWidget(new IconLabel(fact.careful ? "careful" : fact.icon,
                                      fact.careful ? Theme::IconColor::Careful : Theme::IconColor::Muted, 20,
                                      m_computer),
                        0, Qt::AlignTop);
        auto* words = new QVBoxLayout;
        words->setSpacing(1);
        words->addWidget(makeLabel(fact.title, "body", m_computer));
        if (!fact.words.isEmpty())
            words->addWidget(makeLabel(fact.words, "note", m_computer));
        line->addLayout(words, 1);
        m_facts->addLayout(line);
    }
}

void HomeView::showProject() {
    m_progress->finish();
    const bool open = services().project->isOpen();
    if (open)
        m_page->messages().remove("open");
    m_primary->setText(open ? tr("Continue") : tr("Try the sample project"));
    m_primary->setVisible(open || services().project->hasSample());
    m_sampleCard->setVisible(!open);
    m_page->setTitle(open ? tr("Home · %1").arg(services().project->name()) : tr("Home"));
    Q_EMIT stateChanged(open ? StationState::Done : StationState::Nothing, {});
    showRecent();
}

void HomeView::openProject() {
    Settings& settings = *services().settings;
    const QString folder = QFileDialog::getExistingDirectory(this, tr("Open a project folder (name.attune)"),
                                                             settings.lastFolder("project"));
    if (folder.isEmpty())
        return;
    settings.setLastFolder("project", QFileInfo(folder).path());
    services().project->open(folder);
}

void HomeView::newProject() {
    Settings& settings = *services().settings;
    QString folder = QFileDialog::getSaveFileName(
        this, tr("New project"), settings.lastFolder("project") + "/" + tr("My project") + Project::kExtension,
        tr("Attune project (*.attune)"));
    if (folder.isEmpty())
        return;
    if (!folder.endsWith(QLatin1String(Project::kExtension)))
        folder += QLatin1String(Project::kExtension);
    settings.setLastFolder("project", QFileInfo(folder).path());
    services().project->create(folder);
}

} // namespace attune
