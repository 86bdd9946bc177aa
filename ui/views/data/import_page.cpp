#include "ui/views/data/import_page.h"

#include <algorithm>
#include <utility>

#include <QComboBox>
#include <QFileInfo>
#include <QGridLayout>
#include <QLabel>
#include <QScrollArea>
#include <QSignalBlocker>
#include <QVBoxLayout>

#include "core/store/project.h"
#include "ui/bridge/qt_convert.h"
#include "ui/views/data/data_words.h"
#include "ui/views/data/preview_panel.h"
#include "ui/widgets/card.h"
#include "ui/widgets/progress_strip.h"

namespace attune {
namespace {

constexpr std::size_t kLookedAt = 100; // rows that detection and preview see
constexpr std::size_t kProblemsShown = 5;
constexpr qsizetype kExampleLength = 80; // characters of a column's first value

/// The first value of a column, in one short line.
QString exampleOf(const std::string& column, const std::vector<Json>& rows) {
    for (const Json& row : rows) {
        const auto value = row.find(column);
        if (value == row.end() || value->is_null())
            continue;
        const std::string text = value->is_string() ? value->get<std::string>()
                                                    : value->dump(-1, ' ', false, Json::error_handler_t::replace);
        return qstr(std::string_view(text).substr(0, kExampleLength * 4)).simplified().left(kExampleLength);
    }
    return {};
}

void clear(QLayout* layout) {
    while (QLayoutItem* item = layout->takeAt(0)) {
        if (QWidget* widget = item->widget()) {
            widget->hide();
            widget->deleteLater();
        }
        delete item;
    }
}

} // namespace

Result<FileInspection> inspectForMapping(const fs::path& file) {
    Result<FileInspection> found = inspectFile(file, kLookedAt);
    if (found || found.error().code != ErrorCode::InvalidData)
        return found;
    const Error why = found.error();
    const auto importer = sniffImporter(file);
    if (!importer)
        return fail(why);
    FileInspection inspection;
    inspection.importer = (*importer)->description().id;
    const Status read = (*importer)->read(
        file, {},
        [&](RawRow&& row) {
            inspection.rows.push_back(std::move(row.value));
            return inspection.rows.size() < kLookedAt;
        },
        [&](const ImportProblem& problem) {
            if (inspection.problems.size() < kLookedAt)
                inspection.problems.push_back(problem);
        },
        {});
    if (!read || inspection.rows.empty())
        return fail(why);
    inspection.columns = columnsOf(inspection.rows);
    inspection.mapping.format = "prompt_completion";
    return inspection;
}

ImportPage::ImportPage(QWidget* parent) : QWidget(parent) {
    auto* page = new QVBoxLayout(this);
    page->setContentsMargins(0, 0, 0, 0);
    page->setSpacing(16);
    m_progress = new ProgressStrip(this);
    page->addWidget(m_progress);
    auto* halves = new QHBoxLayout;
    halves->setSpacing(16);
    page->addLayout(halves, 1);

    auto* left = new QWidget(this);
    auto* column = new QVBoxLayout(left);
    column->setContentsMargins(0, 0, 0, 0);
    column->setSpacing(16);

    m_columnsCard = new Card(tr("Columns"), {}, left);
    auto* formatLine = new QHBoxLayout;
    formatLine->setSpacing(8);
    QLabel* readAs = makeLabel(tr("Read as"), "muted", m_columnsCard);
    readAs->setWordWrap(false);
    m_format = new QComboBox(m_columnsCard);
    m_format->setAccessibleName(tr("Format of the rows"));
    readAs->setBuddy(m_format);
    for (const MappingFormat& format : mappingFormats()) {
        m_format->addItem(qstr(format.title), qstr(format.id));
        m_format->setItemData(m_format->count() - 1, qstr(format.summary), Qt::ToolTipRole);
    }
    formatLine->addWidget(readAs);
    formatLine->addWidget(m_format, 1);
    m_columnsCard->body()->addLayout(formatLine);
    m_summary = makeLabel({}, "note", m_columnsCard);
    m_columnsCard->body()->addWidget(m_summary);
    m_columnsCard->body()->addSpacing(4);
    m_columns = new QGridLayout;
    m_columns->setHorizontalSpacing(12);
    m_columns->setVerticalSpacing(8);
    m_columns->setColumnStretch(0, 1);
    m_columnsCard->body()->addLayout(m_columns);
    m_verdict = makeLabel({}, "strong", m_columnsCard);
    m_columnsCard->body()->addSpacing(4);
    m_columnsCard->body()->addWidget(m_verdict);
    column->addWidget(m_columnsCard);
    m_problemsCard = new Card(tr("Will be set aside"), {}, left);
    m_problems = new QVBoxLayout;
    m_problems->setSpacing(8);
    m_problemsCard->body()->addLayout(m_problems);
    column->addWidget(m_problemsCard);
    column->addStretch(1);
    m_preview = new PreviewPanel(this);
    halves->addWidget(makeScrolling(left), 5);
    halves->addWidget(m_preview, 6);
    connect(m_format, &QComboBox::activated, this, &ImportPage::chooseFormat);
}

void ImportPage::open(const QString& file, const QString& name) {
    cancel();
    m_file = file;
    m_name = name;
    m_fits = false;
    m_look = runTask<FileInspection>(
        this, [path = fspath(file)](const Progress&) { return inspectForMapping(path); },
        [this, file](Result<FileInspection> inspection) {
            if (file != m_file)
                return;
            if (!inspection) {
                Q_EMIT failed(inspection.error(), file);
                return;
            }
            m_inspection = std::move(*inspection);
            showFile();
            Q_EMIT ready();
        });
}

void ImportPage::cancel() {
    for (Task* task : {m_look.data(), m_import.data()})
        if (task)
            task->cancel();
}

void ImportPage::showFile() {
    const Importer* importer = findImporter(m_inspection.importer);
    m_columnsCard->setNote(
        QStringLiteral("%1 · %2").arg(m_name.isEmpty() ? QFileInfo(m_file).fileName() : m_name,
                                      importer ? qstr(importer->description().title) : qstr(m_inspection.importer)));
    fillColumns();
    refreshPreview();
}

void ImportPage::chooseFormat(int index) {
    const std::string format = sstr(m_format->itemData(index).toString());
    auto mapping = mappingFor(format, m_inspection.rows);
    m_inspection.mapping =
        mapping ? std::move(*mapping) : Mapping{format, {}}; // then the user gives the columns their parts
    fillColumns();
    refreshPreview();
}

void ImportPage::chooseRole(const std::string& column, const std::string& role) {
    std::vector<ColumnRole> roles;
    for (const std::string& name :
         m_inspection.columns) { // in the file's order, so that joined columns have a stable one
        if (name == column) {
            if (!role.empty())
                roles.push_back({column, role});
            continue;
        }
        for (const ColumnRole& known : m_inspection.mapping.columns)
            if (known.column == name)
                roles.push_back(known);
    }
    m_inspection.mapping.columns = std::move(roles);
    refreshPreview();
}

void ImportPage::fillColumns() {
    clear(m_columns);
    const MappingFormat* format = findMappingFormat(m_inspection.mapping.format);
    if (!format)
        return;
    m_format->setCurrentIndex(std::max(0, m_format->findData(qstr(format->id))));
    m_summary->setText(qstr(format->summary));
    std::vector<MappingRole> roles = format->roles;
    roles.insert(roles.end(), commonRoles().begin(), commonRoles().end());
    int line = 0;
    for (const std::string& column : m_inspection.columns) {
        auto* names = new QWidget(m_columnsCard);
        auto* words = new QVBoxLayout(names);
        words->setContentsMargins(0, 0, 0, 0);
        words->setSpacing(0);
        auto* name = new ElidedLabel(qstr(column), Qt::ElideRight, names);
        name->setProperty("role", "mono");
        auto* example = new ElidedLabel(exampleOf(column, m_inspection.rows), Qt::ElideRight, names);
        example->setProperty("role", "note");
        words->addWidget(name);
        words->addWidget(example);
        auto* box = new QComboBox(m_columnsCard);
        box->setAccessibleName(tr("Part of column %1").arg(qstr(column)));
        box->addItem(tr("Not used"), QString());
        for (const MappingRole& role : roles)
            box->addItem(role.required ? tr("%1 (needed)").arg(qstr(role.label)) : qstr(role.label), qstr(role.id));
        for (const ColumnRole& known : m_inspection.mapping.columns)
            if (known.column == column)
                box->setCurrentIndex(std::max(0, box->findData(qstr(known.role))));
        box->setMinimumWidth(200);
        m_columns->addWidget(names, line, 0);
        m_columns->addWidget(box, line, 1);
        ++line;
        connect(box, &QComboBox::activated, this,
                [this, box, column] { chooseRole(column, sstr(box->currentData().toString())); });
    }
}

void ImportPage::refreshPreview() {
    std::vector<ImportProblem> problems;
    m_inspection.preview = previewSamples(m_inspection.rows, m_inspection.mapping, &problems);
    // What the reader itself refused (it knows the line) has no row to map and is refused with every mapping. The
    // others are numbered among the rows that could be read: give them their place in the file.
    std::vector<ImportProblem> shown = m_inspection.problems;
    std::erase_if(shown, [](const ImportProblem& problem) { return problem.line == 0; });
    const qint64 unreadable = qint64(shown.size());
    const auto placeInFile = [&refused = std::as_const(shown), unreadable](std::int64_t number) {
        for (qint64 i = 0; i < unreadable; ++i)
            number += refused[std::size_t(i)].row <= number;
        return number;
    };
    for (ImportProblem& problem : problems)
        problem.row = placeInFile(problem.row);
    for (Sample& sample : m_inspection.preview)
        sample.sourceRow = placeInFile(sample.sourceRow);
    shown.insert(shown.end(), problems.begin(), problems.end());
    const Status complete = checkMapping(m_inspection.mapping);
    m_fits = complete.has_value() && !m_inspection.preview.empty();
    m_preview->showSamples(m_inspection.preview);
    const qint64 looked = qint64(m_inspection.rows.size()) + unreadable;
    if (!complete)
        m_verdict->setText(qstr(complete.error().message));
    else
        m_verdict->setText(
            tr("%1 of the first %2 rows fit.").arg(number(qint64(m_inspection.preview.size())), number(looked)));
    setStyleProperty(m_verdict, "tone", m_fits ? "good" : "careful");

    clear(m_problems);
    m_problemsCard->setVisible(!shown.empty());
    m_problemsCard->setNote(tr("%1 of the first %2 rows").arg(number(qint64(shown.size())), number(looked)));
    for (std::size_t i = 0; i < std::min(shown.size(), kProblemsShown); ++i)
        m_problems->addWidget(makeLabel(qstr(describe(shown[i])), "body", m_problemsCard));
    if (shown.size() > kProblemsShown)
        m_problems->addWidget(
            makeLabel(tr("and %1 more").arg(number(qint64(shown.size() - kProblemsShown))), "note", m_problemsCard));
    Q_EMIT mappingChanged();
}

void ImportPage::start(std::shared_ptr<Project> project) {
    if (!project || !canStart())
        return;
    ImportOptions options;
    options.importer = m_inspection.importer;
    options.mapping = m_inspection.mapping;
    m_import = runTask<ImportedDataset>(
        this,
        [project = std::move(project), path = fspath(m_file), name = sstr(m_name), options](const Progress& progress) {
            return importDataset(project->datasets(), path, name, options, progress);
        },
        [this, file = m_file](Result<ImportedDataset> dataset) {
            m_import = nullptr;
            if (!dataset)
                Q_EMIT failed(dataset.error(), file);
            else
                Q_EMIT imported(*dataset);
            Q_EMIT mappingChanged();
        });
    m_progress->follow(m_import, tr("Importing %1").arg(m_name.isEmpty() ? QFileInfo(m_file).fileName() : m_name));
    Q_EMIT mappingChanged();
}

} // namespace attune
