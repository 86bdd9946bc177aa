#include "ui/views/train/model_page.h"

#include <algorithm>

#include <QDir>
#include <QFileDialog>
#include <QFileInfo>
#include <QGridLayout>
#include <QHBoxLayout>
#include <QPlainTextEdit>
#include <QScrollArea>

#include "core/model_report/capabilities.h"
#include "ui/bridge/computer_facts.h"
#include "ui/bridge/qt_convert.h"
#include "ui/bridge/run_bridge.h"
#include "ui/settings.h"
#include "ui/views/train/model_trial.h"
#include "ui/widgets/card.h"
#include "ui/widgets/empty_state.h"
#include "ui/widgets/message_bar.h"
#include "ui/widgets/progress_strip.h"

namespace attune {
namespace {

constexpr int kShownHash = 12;

QString millions(double count) {
    if (count >= 1e9)
        return ModelPage::tr("%1 billion").arg(number(count / 1e9, 2));
    return count >= 1e6 ? ModelPage::tr("%1 million").arg(number(count / 1e6, 1)) : number(qint64(count));
}

void clearLayout(QLayout* layout) {
    while (QLayoutItem* item = layout->takeAt(0)) {
        if (item->widget()) {
            item->widget()->hide();
            item->widget()->deleteLater();
        }
        delete item;
    }
}

} // namespace

ModelPage::ModelPage(Services& services, MessageArea& messages, QWidget* parent) : QWidget(parent), m_services(services), m_messages(messages) {
    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(0, 0, 0, 0);
    column->setSpacing(16);
    m_chooser = makeChooser();
    column->addWidget(m_chooser);
    auto* empty = new EmptyState(QStringLiteral("model"), tr("Look at a model first"),
                                 tr("Drop a model's folder or a .gguf file on the window, or choose one. You see what it is, what this computer can do with it and "
                                    "what is wrong, before you train it. It stays where it is; nothing of it is sent anywhere."),
                                 this);
    empty->setPrimary(tr("Choose folder…"));
    empty->setSecondary(tr("Choose GGUF file…"));
    connect(empty, &EmptyState::primaryClicked, this, &ModelPage::chooseFolder);
    connect(empty, &EmptyState::secondaryClicked, this, &ModelPage::chooseFile);
    m_empty = empty;
    column->addWidget(m_empty, 1);
    m_progress = new ProgressStrip(this);
    column->addWidget(m_progress);

    m_content = new QWidget(this);
    auto* columns = new QHBoxLayout(m_content);
    columns->setContentsMargins(0, 0, 6, 0); // room before the scroll bar
    columns->setSpacing(16);
    auto* left = new QVBoxLayout;
    left->setSpacing(16);
    m_factsCard = makeFacts();
    m_problemsCard = makeProblems();
    left->addWidget(m_factsCard);
    left->addWidget(m_problemsCard);
    left->addStretch(1);
    auto* right = new QVBoxLayout;
    right->setSpacing(16);
    m_computerCard = makeComputer();
    m_templateCard = makeTemplate();
    right->addWidget(m_computerCard);
    m_trial = new ModelTrial(*services.runs, messages, m_content);
    right->addWidget(m_trial);
    right->addWidget(m_templateCard);
    right->addStretch(1);
    columns->addLayout(left, 1);
    columns->addLayout(right, 1);
    m_scroll = makeScrolling(m_content);
    column->addWidget(m_scroll, 1);
    connect(services.computer, &ComputerFacts::changed, this, &ModelPage::showComputer);
    clear();
}

QWidget* ModelPage::makeChooser() {
    auto* card = new Card({}, {}, this);
    auto* line = new QHBoxLayout;
    line->setSpacing(8);
    m_intro = makeLabel({}, "muted", card);
    line->addWidget(m_intro, 1);
    QPushButton* folder = makeButton(tr("Choose folder…"), "secondary", "folder", card);
    QPushButton* file = makeButton(tr("Choose GGUF file…"), "secondary", "open", card);
    line->addWidget(folder);
    line->addWidget(file);
    card->body()->addLayout(line);
    connect(folder, &QPushButton::clicked, this, &ModelPage::chooseFolder);
    connect(file, &QPushButton::clicked, this, &ModelPage::chooseFile);
    return card;
}

Card* ModelPage::makeFacts() {
    auto* card = new Card(tr("What it is"), {}, this);
    m_facts = new QGridLayout;
    m_facts->setHorizontalSpacing(16);
    m_facts->setVerticalSpacing(8);
    m_facts->setColumnStretch(1, 1);
    card->body()->addLayout(m_facts);
    return card;
}

Card* ModelPage::makeProblems() {
    auto* card = new Card(tr("To know before you use it"), {}, this);
    m_problems = new QVBoxLayout;
    m_problems->setSpacing(12);
    card->body()->addLayout(m_problems);
    return card;
}

Card* ModelPage::makeComputer() {
    auto* card = new Card(tr("On this computer"), tr("estimated"), this);
    m_computer = new QGridLayout;
    m_computer->setHorizontalSpacing(16);
    m_computer->setVerticalSpacing(4);
    m_computer->setColumnStretch(0, 1);
    card->body()->addLayout(m_computer);
    m_computerNote = makeLabel({}, "note", card);
    card->body()->addWidget(m_computerNote);
    return card;
}

Card* ModelPage::makeTemplate() {
    auto* card = new Card(tr("Chat template"), {}, this);
    m_template = new QPlainTextEdit(card);
    m_template->setReadOnly(true);
    m_template->setTabChangesFocus(true);
    m_template->setProperty("flat", true);
    m_template->setAccessibleName(tr("Source of the chat template"));
    m_template->setMinimumHeight(120);
    m_template->setMaximumHeight(160);
    card->body()->addWidget(m_template);
    return card;
}

bool ModelPage::isModelPath(const QString& path) {
    const QFileInfo info(path);
    if (info.isDir())
        return QFileInfo::exists(path + "/config.json") || !QDir(path).entryList({"*.gguf", "*.safetensors"}, QDir::Files).isEmpty();
    static const QStringList endings{"gguf", "safetensors", "bin", "pt", "pth", "ckpt"};
    return info.isFile() && endings.contains(info.suffix().toLower());
}

void ModelPage::chooseFolder() {
    const QString folder = QFileDialog::getExistingDirectory(this, tr("Folder of the model"), m_services.settings->lastFolder("model"));
    if (folder.isEmpty())
        return;
    m_services.settings->setLastFolder("model", folder);
    read(folder);
}

void ModelPage::chooseFile() {
    const QString file =
        QFileDialog::getOpenFileName(this, tr("Model file"), m_services.settings->lastFolder("model"), tr("GGUF models (*.gguf);;All files (*)"));
    if (file.isEmpty())
        return;
    m_services.settings->setLastFolder("model", QFileInfo(file).path());
    read(file);
}

void ModelPage::clear() {
    ++m_request;
    if (m_task)
        m_task->cancel();
    m_trial->setModel({});
    m_path.clear();
    m_report.reset();
    m_chooser->hide();
    m_scroll->hide();
    m_empty->show();
    Q_EMIT changed();
}

void ModelPage::read(const QString& path) {
    const quint64 request = ++m_request;
    m_trial->setModel({});
    m_path = path;
    m_report.reset();
    m_empty->hide();
    m_chooser->show();
    m_scroll->show();
    m_content->hide();
    m_intro->setText(tr("Reading %1").arg(QDir::toNativeSeparators(path)));
    m_task = runTask<ModelReport>(
        this, [path](const Progress& progress) { return readModelReport(fspath(QDir::cleanPath(path)), progress); },
        [this, request](Result<ModelReport> report) {
            if (request != m_request)
                return;
            m_task = nullptr;
            if (!report) {
                m_messages.showError("model", report.error());
                return clear();
            }
            showReport(std::move(*report));
        });
    m_progress->follow(m_task, tr("Reading the model"));
    Q_EMIT changed();
}

void ModelPage::showReport(ModelReport report) {
    m_report = std::move(report);
    m_intro->setText(QDir::toNativeSeparators(m_path));
    m_content->show();
    showFacts();
    showProblems();
    showComputer();
    m_templateCard->setVisible(!m_report->templateText.empty());
    m_templateCard->setNote(tr("identity %1").arg(qstr(m_report->templateHash)));
    m_template->document()->setDefaultFont(Theme::current().monospaceFont());
    m_template->setPlainText(qstr(m_report->templateText));
    m_trial->setModel(m_report->isUsable() ? m_path : QString());
    Q_EMIT changed();
}

void ModelPage::showFacts() {
    clearLayout(m_facts);
    int row = 0;
    const auto fact = [&](const QString& name, const QString& value, const QString& tip = {}) {
        QLabel* label = makeLabel(name, "muted", m_factsCard);
        label->setWordWrap(false);
        QLabel* words = makeLabel(value, "body", m_factsCard);
        words->setToolTip(tip.toHtmlEscaped());
        words->setTextInteractionFlags(Qt::TextSelectableByMouse | Qt::TextSelectableByKeyboard);
        words->setFocusPolicy(Qt::NoFocus);
        m_facts->addWidget(label, row, 0, Qt::AlignTop);
        m_facts->addWidget(words, row++, 1);
    };
    m_factsCard->setTitle(qstr(m_report->name));
    m_factsCard->setNote(m_report->gguf ? tr("a GGUF file") : tr("a folder in Hugging Face layout"));
    if (const auto& config = m_report->config) {
        fact(tr("Architecture"), tr("%1 (family %2)").arg(qstr(config->architecture), qstr(config->familyId)));
        fact(tr("Size"), tr("%1 parameters · %2 of width %3 · %4 on disk")
                             .arg(millions(double(config->totalParameters())), counted(qint64(config->layers), tr("1 layer"), tr("%1 layers")), number(qint64(config->hiddenSize)),
                                  bytesText(qint64(m_report->fileBytes))));
        if (config->experts > 0)
            fact(tr("Experts"), tr("%1 in each layer, %2 of them for each token: %3 parameters are used at a time")
                                    .arg(number(qint64(config->experts)), number(qint64(config->expertsPerToken)),
                                         millions(double(config->activeParameters()))));
        QStringList types;
        for (const auto& [type, count] : m_report->storedNumbers)
            types << qstr(type);
        fact(tr("Stored as"), types.join(QStringLiteral(", ")));
        fact(tr("Context"), tr("%1 tokens").arg(number(qint64(config->contextLength))));
    }
    fact(tr("Licence"), m_report->licence.empty() ? tr("not named in its files") : tr("%1 (from %2)").arg(qstr(m_report->licence), qstr(m_report->licenceSource)));
    if (m_report->hasTokenizer)
        fact(tr("Tokenizer"), tr("%1 tokens").arg(number(qint64(m_report->vocabulary))), qstr(m_report->tokenizerHash));
    fact(tr("Chat template"), m_report->templateText.empty() ? tr("none") : tr("identity %1").arg(qstr(m_report->templateHash).left(kShownHash)), qstr(m_report->templateHash));
    if (!m_report->hash.empty())
        fact(tr("Identity"), qstr(m_report->hash).left(kShownHash), qstr(m_report->hash));
}

void ModelPage::showProblems() {
    clearLayout(m_problems);
    if (m_report->problems.empty()) {
        m_problems->addWidget(new Chip(tr("✓ nothing is wrong with it"), Tone::Good, m_problemsCard), 0, Qt::AlignLeft);
        return;
    }
    for (const ModelProblem& problem : m_report->problems) {
        const bool error = problem.severity == ModelProblem::Severity::Error;
        auto* box = new QWidget(m_problemsCard);
        auto* words = new QVBoxLayout(box);
        words->setContentsMargins(0, 0, 0, 0);
        words->setSpacing(2);
        words->addWidget(new Chip(error ? tr("✕ cannot be used") : tr("! careful"), error ? Tone::Bad : Tone::Careful, box), 0, Qt::AlignLeft);
        words->addWidget(makeLabel(qstr(problem.message), "body", box));
        if (!problem.hint.empty())
            words->addWidget(makeLabel(qstr(problem.hint), "note", box));
        m_problems->addWidget(box);
    }
}

void ModelPage::showComputer() {
    const auto& computer = m_services.computer->computer();
    const bool known = m_report && m_report->config && computer;
    m_computerCard->setVisible(known);
    if (!known)
        return;
    clearLayout(m_computer);
    int row = 0;
    for (const ModelCapability& each : modelCapabilities(*m_report->config, sstr(m_path), m_services.runs->catalog(), *computer)) {
        using Verdict = ModelCapability::Verdict;
        auto* title = new ElidedLabel(each.id == "generate" ? tr("Answer prompts") : tr("Train with %1").arg(qstr(each.title)), Qt::ElideRight, m_computerCard);
        QString cost = tr("about %1 of memory").arg(bytesText(each.bytes));
        if (each.secondsPerThousandRows > 0)
            cost += tr(", %1 for 1,000 rows").arg(durationText(each.secondsPerThousandRows));
        auto* verdict = new Chip(each.verdict == Verdict::Fits    ? tr("✓ fits")
                                 : each.verdict == Verdict::Tight ? tr("! close other programs")
                                                                  : tr("✕ too large"),
                                 each.verdict == Verdict::Fits    ? Tone::Good
                                 : each.verdict == Verdict::Tight ? Tone::Careful
                                                                  : Tone::Bad,
                                 m_computerCard);
        m_computer->addWidget(title, row, 0);
        m_computer->addWidget(verdict, row, 1, 2, 1, Qt::AlignRight | Qt::AlignTop);
        m_computer->addWidget(makeLabel(cost, "note", m_computerCard), row + 1, 0);
        row += 2;
    }
    m_computerNote->setText(tr("Rows of up to %1 tokens, eight a step; %2 of %3 memory are free now.")
                                .arg(number(qint64(std::min<std::int64_t>(512, m_report->config->contextLength))), bytesText(computer->freeMemoryBytes),
                                     bytesText(computer->memoryBytes)));
}

} // namespace attune
