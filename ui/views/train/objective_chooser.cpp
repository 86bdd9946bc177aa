#include "ui/views/train/objective_chooser.h"

#include <algorithm>
#include <optional>

#include <QButtonGroup>
#include <QGridLayout>
#include <QHBoxLayout>
#include <QVBoxLayout>

#include "core/data/convert_sample.h"
#include "ui/bridge/qt_convert.h"
#include "ui/views/train/kind_words.h"
#include "ui/widgets/card.h"
#include "ui/widgets/option_button.h"

namespace attune {
namespace {

constexpr int kTwoObjectives = 560; // width from which two choices stand side by side

std::optional<SampleKind> sampleKindOf(const std::string& id) {
    for (const SampleKind kind :
         {SampleKind::Chat, SampleKind::Text, SampleKind::Preference, SampleKind::Unpaired, SampleKind::PromptOnly})
        if (id == sampleKindId(kind))
            return kind;
    return std::nullopt;
}

bool rowsCanBecome(const KindCounts& rows, const std::string& wanted) {
    const auto to = sampleKindOf(wanted);
    return to && std::any_of(rows.begin(), rows.end(), [&](const auto& entry) {
        const auto from = sampleKindOf(entry.first);
        return from && entry.second > 0 && canConvert(*from, *to);
    });
}

QString objectiveNote(const ObjectiveFit& fit) {
    const Described& description = fit.objective->description;
    QString note = qstr(description.summary);
    QStringList facts;
    if (!description.cost.empty())
        facts << ObjectiveChooser::tr("Cost: %1.").arg(qstr(description.cost));
    if (!description.quality.empty())
        facts << ObjectiveChooser::tr("Quality: %1.").arg(qstr(description.quality));
    if (fit.usableRows > 0 && fit.usableRows < fit.rows)
        facts << ObjectiveChooser::tr("Uses %1 of the %2 rows.").arg(number(qint64(fit.usableRows)), number(qint64(fit.rows)));
    return facts.isEmpty() ? note : note + QLatin1Char('\n') + facts.join(QLatin1Char('\n'));
}

} // namespace

ObjectiveChooser::ObjectiveChooser(const Catalog& catalog, QWidget* parent) : QWidget(parent), m_catalog(catalog) {
    auto* outer = new QVBoxLayout(this);
    outer->setContentsMargins(0, 0, 0, 0);
    m_card = new Card(tr("Objective"), {}, this);
    outer->addWidget(m_card);
    rebuild();
}

void ObjectiveChooser::setChosen(const std::string& id) {
    m_chosen = id;
    for (std::size_t i = 0; i < m_options.size(); ++i)
        m_options[i]->setChosen(m_ids[i] == id);
}

void ObjectiveChooser::setRows(const KindCounts& rows) {
    if (rows == m_rows)
        return;
    m_rows = rows;
    rebuild();
}

bool ObjectiveChooser::focusChosen() {
    QAbstractButton* button = m_group ? m_group->checkedButton() : nullptr;
    if (!button && !m_options.empty())
        button = m_options.front();
    if (button)
        button->setFocus(Qt::OtherFocusReason);
    return button != nullptr;
}

void ObjectiveChooser::rebuild() {
    const bool focused = m_group && m_group->checkedButton() && m_group->checkedButton()->hasFocus();
    if (m_content) {
        m_content->hide();
        m_content->deleteLater();
    }
    delete m_group;
    m_group = new QButtonGroup(this);
    m_ids.clear();
    m_options.clear();
    m_content = new QWidget(m_card);
    auto* column = new QVBoxLayout(m_content);
    column->setContentsMargins(0, 0, 0, 0);
    column->setSpacing(8);
    auto* choices = new QWidget(m_content); // siblings of one parent: arrow keys go from one to the next
    m_grid = new QGridLayout(choices);
    m_grid->setContentsMargins(0, 0, 0, 0);
    m_grid->setSpacing(8);
    column->addWidget(choices);

    const bool known = !mainKind(m_rows).empty();
    std::vector<std::pair<std::string, QStringList>> others; // by the kind they need
    for (const ObjectiveFit& fit : fitObjectives(m_catalog, m_rows)) {
        const Described& description = fit.objective->description;
        if (known && !fit.fits()) {
            const std::string& kind = fit.objective->sampleKind;
            auto found = std::find_if(others.begin(), others.end(), [&](const auto& entry) { return entry.first == kind; });
            if (found == others.end())
                found = others.insert(others.end(), {kind, {}});
            found->second << qstr(description.title);
            continue;
        }
        auto* option = new OptionButton(qstr(description.title), objectiveNote(fit), choices);
        option->setChosen(description.id == m_chosen);
        m_group->addButton(option, int(m_ids.size()));
        m_ids.push_back(description.id);
        m_options.push_back(option);
    }
    choices->setVisible(!m_options.empty());
    if (!others.empty()) {
        QLabel* title = makeLabel(m_options.empty() ? tr("No objective learns from such rows.") : tr("These need other rows"), "note", m_content);
        title->setContentsMargins(0, 4, 0, 0);
        column->addWidget(title);
        for (const auto& [kind, titles] : others)
            column->addWidget(makeOther(kind, titles));
    }
    m_card->body()->addWidget(m_content);
    connect(m_group, &QButtonGroup::idClicked, this, [this](int index) { Q_EMIT chosen(m_ids[std::size_t(index)]); });

    QStringList words;
    for (const auto& [kind, count] : m_rows)
        if (count > 0)
            words << tr("%1 %2").arg(number(qint64(count)), kindName(kind));
    m_card->setNote(words.isEmpty() ? tr("what it learns from") : tr("what it learns from · your rows: %1").arg(words.join(tr(" and "))));
    m_columns = 0;
    arrange();
    if (focused)
        focusChosen();
}

QWidget* ObjectiveChooser::makeOther(const std::string& kind, const QStringList& titles) {
    auto* row = new QFrame(m_content);
    row->setProperty("inset", true);
    auto* line = new QHBoxLayout(row);
    line->setContentsMargins(10, 8, 10, 8);
    line->setSpacing(12);
    auto* words = new QVBoxLayout;
    words->setSpacing(2);
    words->addWidget(makeLabel(titles.join(QStringLiteral(" · ")), "muted", row));
    words->addWidget(makeLabel(tr("Learn from %1: %2.").arg(kindName(kind), kindExplanation(kind)), "note", row));
    line->addLayout(words, 1);
    const bool make = rowsCanBecome(m_rows, kind);
    QPushButton* button = makeButton(make ? tr("Make %1").arg(kindName(kind)) : tr("Get %1").arg(kindName(kind)), "small", {}, row);
    button->setObjectName(QStringLiteral("rows.") + qstr(kind));
    button->setToolTip("<p>" + (make ? tr("Makes a new dataset of %1 from this version and freezes it; the rows here stay as they are.").arg(kindName(kind))
                                     : kindSource(kind))
                                   .toHtmlEscaped() +
                       "</p>");
    line->addWidget(button, 0, Qt::AlignVCenter);
    connect(button, &QPushButton::clicked, this, [this, make, kind] {
        if (make)
            Q_EMIT conversionWanted(kind);
        else
            Q_EMIT dataWanted();
    });
    return row;
}

void ObjectiveChooser::arrange() {
    const int columns = width() >= kTwoObjectives && m_options.size() > 1 ? 2 : 1;
    if (columns == m_columns)
        return;
    m_columns = columns;
    while (QLayoutItem* item = m_grid->takeAt(0))
        delete item;
    for (std::size_t i = 0; i < m_options.size(); ++i)
        m_grid->addWidget(m_options[i], int(i) / columns, int(i) % columns);
    m_grid->setColumnStretch(0, 1);
    m_grid->setColumnStretch(1, columns == 2 ? 1 : 0);
}

void ObjectiveChooser::resizeEvent(QResizeEvent* event) {
    QWidget::resizeEvent(event);
    arrange();
}

} // namespace attune
