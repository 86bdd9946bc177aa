// The part of SetupPage that shows where a run learns from: the model's card and the data's card.
#include <QComboBox>
#include <QFileDialog>
#include <QHBoxLayout>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>

#include "ui/bridge/qt_convert.h"
#include "ui/settings.h"
#include "ui/views/train/setup_page.h"
#include "ui/widgets/card.h"

namespace attune {
namespace {

QString countText(std::int64_t count) {
    if (count >= 1'000'000'000)
        return SetupPage::tr("%1 B").arg(number(double(count) / 1e9, 1));
    if (count >= 1'000'000)
        return SetupPage::tr("%1 M").arg(number(double(count) / 1e6, 0));
    return number(qint64(count));
}

} // namespace

Card* SetupPage::makeModelCard() {
    auto* card = new Card(tr("Model"), tr("a folder in Hugging Face layout"), this);
    m_browse = makeButton(tr("Choose…"), "small", {}, card);
    m_browse->setAccessibleName(tr("Choose the model's folder"));
    card->tools()->addWidget(m_browse);
    m_modelName = new ElidedLabel({}, Qt::ElideMiddle, card);
    m_modelName->setProperty("role", "strong");
    m_modelFacts = makeLabel({}, "muted", card);
    card->body()->addWidget(m_modelName);
    card->body()->addWidget(m_modelFacts);
    m_startRow = new QWidget(card);
    auto* startLine = new QHBoxLayout(m_startRow);
    startLine->setContentsMargins(0, 0, 0, 0);
    startLine->setSpacing(8);
    m_startWords = makeLabel({}, "body", m_startRow);
    startLine->addWidget(m_startWords, 1);
    QPushButton* fresh = makeButton(tr("Begin anew"), "small", {}, m_startRow);
    fresh->setToolTip(tr("Begin with the model as it is"));
    startLine->addWidget(fresh, 0, Qt::AlignTop);
    card->body()->addWidget(m_startRow);
    connect(fresh, &QPushButton::clicked, this, [this] {
        m_start.clear();
        showStart();
        m_keep = true;
        touch();
    });
    showStart();
    card->body()->addStretch(1);
    connect(m_browse, &QPushButton::clicked, this, [this] {
        const QString folder = QFileDialog::getExistingDirectory(this, tr("Folder of the model"),
                                                                 m_services.settings->lastFolder("model"));
        if (folder.isEmpty())
            return;
        m_services.settings->setLastFolder("model", folder);
        chooseModel(folder);
    });
    return card;
}

Card* SetupPage::makeDataCard() {
    auto* card = new Card(tr("Data"), tr("a frozen version"), this);
    m_freeze = makeButton(tr("Freeze now"), "small", {}, card);
    m_freeze->setToolTip(tr("Keeps the newest dataset's rows and splits exactly as they are now"));
    card->tools()->addWidget(m_freeze);
    m_versions = new QComboBox(card);
    m_versions->setAccessibleName(tr("Data version"));
    m_versions->setSizeAdjustPolicy(QComboBox::AdjustToMinimumContentsLengthWithIcon);
    m_versions->setMinimumContentsLength(12);
    m_versionFacts = makeLabel({}, "muted", card);
    auto* nameLine = new QHBoxLayout;
    nameLine->setSpacing(8);
    m_name = new QLineEdit(card);
    m_name->setAccessibleName(tr("Name of the run"));
    QLabel* nameLabel = makeLabel(tr("Run name"), "muted", card);
    nameLabel->setWordWrap(false);
    nameLabel->setBuddy(m_name);
    nameLine->addWidget(nameLabel);
    nameLine->addWidget(m_name, 1);
    card->body()->addWidget(m_versions);
    card->body()->addWidget(m_versionFacts);
    card->body()->addLayout(nameLine);
    card->body()->addStretch(1);
    connect(m_freeze, &QPushButton::clicked, this, &SetupPage::freeze);
    connect(m_versions, &QComboBox::currentIndexChanged, this, [this] {
        m_wantedVersion = m_versions->currentData().toLongLong();
        readRows();
    });
    return card;
}

void SetupPage::showModel() {
    if (m_model) {
        const ModelConfig& model = m_model->config;
        m_modelName->setFullText(m_model->name);
        m_modelFacts->setText(tr("%1 · %2 parameters · context %3 tokens · %4")
                                  .arg(qstr(model.architecture), countText(model.totalParameters()),
                                       number(qint64(model.contextLength)),
                                       m_model->hasTemplate ? tr("with its own chat template")
                                                            : tr("no chat template, plain text is used")));
    } else {
        m_modelName->setFullText(m_modelFolder.isEmpty() ? tr("No model chosen") : m_modelFolder);
        m_modelFacts->setText(m_modelError ? qstr(m_modelError->message)
                              : m_modelFolder.isEmpty()
                                  ? tr("Choose the folder with config.json, the tokenizer and the weights.")
                                  : tr("Reading the model's config…"));
    }
    setStyleProperty(m_modelFacts, "tone", m_modelError ? "bad" : "");
}

void SetupPage::showStart() {
    m_startRow->setVisible(!m_start.empty());
    const QStringList parts = qstr(m_start).split(QLatin1Char('/'), Qt::SkipEmptyParts); // runs/7/checkpoints/step-000120
    const QString run = parts.size() >= 3 ? parts[parts.size() - 3] : QString(), step = parts.isEmpty() ? QString() : parts.back();
    bool fine = false;
    const qint64 steps = step.section(QLatin1Char('-'), -1).toLongLong(&fine);
    m_startWords->setText(fine && !run.isEmpty() ? tr("Begins with the weights of run %1 at step %2, not with the model as it is.").arg(run, number(steps))
                                                 : tr("Begins with the weights in %1, not with the model as it is.").arg(qstr(m_start)));
}

void SetupPage::showVersions() {
    {
        const QSignalBlocker blocker(m_versions);
        m_versions->clear();
        for (const VersionFacts& version : m_data.versions) {
            m_versions->addItem(version.label(), qlonglong(version.version.id));
            m_versions->setItemData(m_versions->count() - 1, tr("Hash %1").arg(qstr(version.version.hash)),
                                    Qt::ToolTipRole);
        }
        const int wanted = m_versions->findData(qlonglong(m_wantedVersion));
        m_versions->setCurrentIndex(wanted >= 0 ? wanted : m_versions->count() > 0 ? 0 : -1);
    }
    m_versions->setEnabled(m_versions->count() > 0);
    m_freeze->setVisible(!m_data.datasets.empty());
    if (m_data.versions.empty())
        m_versionFacts->setText(m_data.datasets.empty() ? tr("There are no rows yet: import them in Data.")
                                                        : tr("Nothing is frozen yet. Freezing keeps rows and splits as "
                                                             "they are, so that the run can name them."));
}

} // namespace attune
