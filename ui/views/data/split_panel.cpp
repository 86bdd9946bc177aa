#include "ui/views/data/split_panel.h"

#include <cmath>
#include <limits>

#include <QComboBox>
#include <QDoubleSpinBox>
#include <QGridLayout>
#include <QLabel>
#include <QPushButton>
#include <QSpinBox>
#include <QVBoxLayout>

#include "core/store/project.h"
#include "ui/bridge/qt_convert.h"
#include "ui/views/data/health_line.h"
#include "ui/widgets/card.h"
#include "ui/widgets/segmented_control.h"

namespace attune {
namespace {

constexpr Split kShown[] = {Split::Train, Split::Validation, Split::Test, Split::None};

Result<std::vector<SplitAssignment>> divide(Project& project, qint64 dataset, const SplitOptions& options,
                                            const Progress& progress) {
    SampleQuery query;
    query.datasetId = dataset;
    std::vector<SplitKey> keys;
    std::vector<SplitAssignment> splits;
    ATTUNE_CHECK(project.datasets().forEach(
        query,
        [&](const StoredSample& stored) {
            keys.push_back(splitKey(stored.sample, options));
            splits.push_back({stored.rowId, Split::None});
            return !progress.cancelled();
        },
        progress));
    if (progress.cancelled())
        return fail(ErrorCode::Cancelled, "The split was cancelled.");
    ATTUNE_ASSIGN(const std::vector<Split> made, makeSplit(keys, options));
    for (std::size_t i = 0; i < made.size(); ++i)
        splits[i].split = made[i];
    return splits;
}

} // namespace

SplitPanel::SplitPanel(QWidget* parent) : QWidget(parent) {
    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(0, 0, 0, 0);
    m_card = new Card(tr("Splits"), {}, this);
    m_open = makeButton(tr("Split again…"), "small", {}, m_card);
    m_card->tools()->addWidget(m_open);
    m_counts = makeCounts();
    m_form = makeForm();
    m_card->body()->addWidget(m_counts);
    m_card->body()->addWidget(m_form);
    m_form->hide();
    column->addWidget(m_card);
    connect(m_open, &QPushButton::clicked, this, &SplitPanel::openForm);
}

QWidget* SplitPanel::makeCounts() {
    auto* counts = new QWidget(m_card);
    auto* column = new QVBoxLayout(counts);
    column->setContentsMargins(0, 0, 0, 0);
    column->setSpacing(0);
    const QString names[] = {tr("Train"), tr("Validation"), tr("Test (untouched)"), tr("Without a split")};
    for (int i = 0; i < 4; ++i) {
        m_lines[i] = new HealthLine(names[i], counts);
        column->addWidget(m_lines[i]);
        connect(m_lines[i], &QAbstractButton::clicked, this, [this, i] { Q_EMIT splitClicked(kShown[i]); });
    }
    return counts;
}

QWidget* SplitPanel::makeForm() {
    auto* form = new QWidget(m_card);
    auto* grid = new QGridLayout(form);
    grid->setContentsMargins(0, 0, 0, 0);
    grid->setHorizontalSpacing(8);
    grid->setVerticalSpacing(8);
    grid->setColumnStretch(1, 1);
    m_unit = new SegmentedControl({tr("Shares"), tr("Row counts")}, form);
    grid->addWidget(m_unit, 0, 0, 1, 2, Qt::AlignLeft);
    const auto add = [&](int row, const QString& name, const QString& tip, std::initializer_list<QWidget*> fields) {
        QLabel* label = makeLabel(name, "muted", form);
        label->setWordWrap(false);
        label->setBuddy(*fields.begin());
        grid->addWidget(label, row, 0);
        for (QWidget* field : fields) {
            field->setAccessibleName(name);
            field->setToolTip(tip);
            grid->addWidget(field, row, 1);
        }
    };
    const auto share = [form] {
        auto* box = new QDoubleSpinBox(form);
        box->setRange(0, 90);
        box->setDecimals(1);
        box->setValue(10);
        box->setSuffix(QStringLiteral(" %"));
        return box;
    };
    const auto count = [form](int value) {
        auto* box = new QSpinBox(form);
        box->setRange(0, 100'000'000);
        box->setValue(value);
        box->setSuffix(tr(" rows"));
        box->hide();
        return box;
    };
    m_validation = share();
    m_test = share();
    m_validationRows = count(150);
    m_testRows = count(150);
    add(1, tr("Validation"), tr("Watched while training, to stop in time"), {m_validation, m_validationRows});
    add(2, tr("Test"), tr("Never shown to training; the verdict is made on these rows"), {m_test, m_testRows});
    m_group = new QComboBox(form);
    m_group->addItems({tr("equal rows"), tr("same prompt"), tr("same first tag")});
    m_stratify = new QComboBox(form);
    m_stratify->addItems({tr("nothing"), tr("each answer"), tr("each first tag")});
    add(3, tr("Together"),
        tr("Rows that must be on the same side: equal ones, those with the same prompt, or those of one client or "
           "patient (first tag)"),
        {m_group});
    add(4, tr("Balanced by"), tr("Each answer (class) or tag gets the same shares in every part"), {m_stratify});
    m_seed = new QSpinBox(form);
    m_seed->setRange(0, std::numeric_limits<int>::max());
    m_seed->setValue(42);
    add(5, tr("Seed"), tr("The same seed divides the same rows in the same way"), {m_seed});
    m_foretold = makeLabel({}, "note", form);
    grid->addWidget(m_foretold, 6, 0, 1, 2);
    auto* buttons = new QHBoxLayout;
    buttons->setSpacing(8);
    m_apply = makeButton(tr("Split the rows"), "secondary", "split", form);
    auto* cancel = makeButton(tr("Cancel"), "quiet", {}, form);
    buttons->addWidget(m_apply);
    buttons->addWidget(cancel);
    buttons->addStretch(1);
    grid->addLayout(buttons, 7, 0, 1, 2);
    connect(m_apply, &QPushButton::clicked, this, &SplitPanel::apply);
    connect(cancel, &QPushButton::clicked, this, &SplitPanel::closeForm);
    connect(m_unit, &SegmentedControl::indexChanged, this, [this](int unit) {
        for (QWidget* field : {static_cast<QWidget*>(m_validation), static_cast<QWidget*>(m_test)})
            field->setVisible(unit == 0);
        for (QWidget* field : {static_cast<QWidget*>(m_validationRows), static_cast<QWidget*>(m_testRows)})
            field->setVisible(unit == 1);
        foretell();
    });
    for (QDoubleSpinBox* box : {m_validation, m_test})
        connect(box, &QDoubleSpinBox::valueChanged, this, &SplitPanel::foretell);
    for (QSpinBox* box : {m_validationRows, m_testRows})
        connect(box, &QSpinBox::valueChanged, this, &SplitPanel::foretell);
    return form;
}

void SplitPanel::setDataset(std::shared_ptr<Project> project, qint64 datasetId) {
    if (datasetId != m_dataset || project != m_project)
        closeForm();
    m_project = std::move(project);
    m_dataset = datasetId;
}

void SplitPanel::showStatistics(const DatasetStatistics& statistics) {
    m_rows = statistics.rows;
    for (int i = 0; i < 4; ++i) {
        const qint64 rows = statistics.bySplit[std::size_t(kShown[i])];
        m_lines[i]->setState(number(rows), {}, Tone::Neutral, rows > 0);
    }
    const qint64 without = statistics.bySplit[std::size_t(Split::None)];
    m_lines[3]->setVisible(without > 0);
    m_open->setText(without == m_rows ? tr("Split…") : tr("Split again…"));
    foretell();
}

bool SplitPanel::isFormOpen() const {
    return m_form->isVisibleTo(this);
}

void SplitPanel::openForm() {
    m_counts->hide();
    m_open->hide();
    m_form->show();
    m_card->setNote(tr("undo brings the former one back"));
    foretell();
    (m_unit->index() == 0 ? static_cast<QWidget*>(m_validation) : m_validationRows)->setFocus(Qt::OtherFocusReason);
}

void SplitPanel::closeForm() {
    m_form->hide();
    m_counts->show();
    m_open->show();
    m_card->setNote({});
}

SplitOptions SplitPanel::options() const {
    SplitOptions options;
    options.validation = m_validation->value() / 100;
    options.test = m_test->value() / 100;
    if (m_unit->index() == 1) {
        options.validationRows = m_validationRows->value();
        options.testRows = m_testRows->value();
    }
    options.seed = std::uint64_t(m_seed->value());
    options.group = static_cast<GroupRows>(m_group->currentIndex());
    options.stratify = static_cast<Stratify>(m_stratify->currentIndex());
    return options;
}

void SplitPanel::foretell() {
    const SplitOptions wanted = options();
    const qint64 validation = wanted.validationRows.value_or(std::llround(double(m_rows) * wanted.validation));
    const qint64 test = wanted.testRows.value_or(std::llround(double(m_rows) * wanted.test));
    const qint64 train = m_rows - validation - test;
    m_apply->setEnabled(train > 0 && m_rows > 0);
    m_foretold->setText(train > 0 ? tr("About %1 train, %2 validation, %3 test. Equal rows are never on both sides.")
                                        .arg(number(train), number(validation), number(test))
                                  : tr("Nothing would be left to train on."));
}

void SplitPanel::apply() {
    if (!m_project || m_task)
        return;
    m_apply->setEnabled(false);
    m_task = runTask<std::vector<SplitAssignment>>(
        this,
        [project = m_project, dataset = m_dataset, options = options()](const Progress& progress) {
            return divide(*project, dataset, options, progress);
        },
        [this](Result<std::vector<SplitAssignment>> splits) {
            m_apply->setEnabled(true);
            m_task = nullptr;
            if (!splits) {
                Q_EMIT failed(splits.error());
                return;
            }
            closeForm();
            Q_EMIT divided(*splits, counted(qint64(splits->size()), tr("Split 1 row"), tr("Split %1 rows")));
        });
}

} // namespace attune
