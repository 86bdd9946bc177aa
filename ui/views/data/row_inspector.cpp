#include "ui/views/data/row_inspector.h"

#include <QComboBox>
#include <QGridLayout>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QScrollArea>
#include <QSignalBlocker>
#include <QVBoxLayout>

#include "core/store/project.h"
#include "ui/bridge/qt_convert.h"
#include "ui/models/sample_table_model.h"
#include "ui/views/data/bubble.h"
#include "ui/views/data/data_words.h"
#include "ui/views/data/dataset_editor.h"
#include "ui/widgets/card.h"

namespace attune {
namespace {

constexpr std::size_t kBubbles = 60; // of a very long conversation

bool looksLikeData(const std::string& text) {
    const auto first = text.find_first_not_of(" \t\r\n");
    return first != std::string::npos && (text[first] == '{' || text[first] == '[' || text[first] == '<');
}

bool sameTexts(const Sample& a, const Sample& b) {
    return a.kind == b.kind && a.messages == b.messages && a.text == b.text && a.chosen == b.chosen &&
           a.rejected == b.rejected && a.label == b.label && a.chosenCalls == b.chosenCalls && a.rejectedCalls == b.rejectedCalls;
}

} // namespace

RowInspector::RowInspector(DatasetEditor& editor, QWidget* parent) : QWidget(parent), m_editor(editor) {
    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(0, 0, 0, 0);
    column->setSpacing(8);
    m_nothing = makeLabel(tr("Choose a row in the table to read and edit it here."), "muted", this);
    column->addWidget(m_nothing);
    m_details = new QWidget(this);
    auto* details = new QVBoxLayout(m_details);
    details->setContentsMargins(0, 0, 0, 0);
    details->setSpacing(8);

    auto* head = new QHBoxLayout;
    head->setSpacing(8);
    auto* words = new QVBoxLayout;
    words->setSpacing(0);
    m_title = makeLabel({}, "section", m_details);
    m_facts = makeLabel({}, "note", m_details);
    words->addWidget(m_title);
    words->addWidget(m_facts);
    head->addLayout(words, 1);
    m_delete = makeButton(tr("Delete"), "secondary", "trash", m_details);
    m_delete->setToolTip(tr("Move this row to the trash (Del in the table). Undo brings it back."));
    head->addWidget(m_delete, 0, Qt::AlignTop);
    details->addLayout(head);

    auto* turns = new QWidget(m_details);
    m_bubbles = new QVBoxLayout(turns);
    m_bubbles->setContentsMargins(0, 0, 4, 0);
    m_bubbles->setSpacing(8);
    details->addWidget(makeScrolling(turns), 1);

    auto* form = new QGridLayout;
    form->setHorizontalSpacing(8);
    form->setVerticalSpacing(8);
    form->setColumnStretch(1, 1);
    m_split = new QComboBox(m_details);
    for (const Split split : {Split::None, Split::Train, Split::Validation, Split::Test})
        m_split->addItem(SampleTableModel::splitLabel(split), int(split));
    m_tags = new QLineEdit(m_details);
    m_tags->setPlaceholderText(tr("customer-17, urgent"));
    m_tags->setToolTip(tr("Separated by commas. The first tag can keep rows together when you split."));
    const auto addField = [&](int row, const QString& name, QWidget* field) {
        QLabel* label = makeLabel(name, "muted", m_details);
        label->setWordWrap(false);
        label->setBuddy(field);
        field->setAccessibleName(name);
        form->addWidget(label, row, 0);
        form->addWidget(field, row, 1);
    };
    addField(0, tr("Split"), m_split);
    addField(1, tr("Tags"), m_tags);
    details->addLayout(form);
    column->addWidget(m_details, 1);
    column->addStretch(0);
    m_details->hide();

    connect(m_delete, &QPushButton::clicked, this, [this] { Q_EMIT deleteWanted(m_row); });
    connect(m_split, &QComboBox::activated, this, [this] {
        const auto split = static_cast<Split>(m_split->currentData().toInt());
        if (m_sample && split != m_sample->sample.split)
            m_editor.assignSplits({{m_row, split}}, tr("Move row to %1").arg(SampleTableModel::splitLabel(split)));
    });
    connect(m_tags, &QLineEdit::editingFinished, this, [this] {
        std::vector<std::string> tags;
        for (const QString& tag : m_tags->text().split(QLatin1Char(','), Qt::SkipEmptyParts))
            if (!tag.trimmed().isEmpty())
                tags.push_back(sstr(tag.trimmed()));
        if (m_sample && tags != m_sample->sample.tags) {
            m_sample->sample.tags = tags;
            m_editor.setTags(m_row, tags);
        }
    });
}

void RowInspector::setProject(std::shared_ptr<Project> project) {
    m_project = std::move(project);
    m_row = 0;
    m_sample.reset();
    rebuild();
}

void RowInspector::showRow(RowId row) {
    if (row == m_row)
        return;
    keepFocusedEdit();
    m_row = row;
    m_editSoon = false;
    if (row == 0) {
        m_sample.reset();
        rebuild();
        Q_EMIT sampleShown();
        return;
    }
    read();
}

void RowInspector::refresh() {
    if (m_row != 0)
        read();
}

void RowInspector::startEditing() {
    m_editSoon = m_task != nullptr || !m_sample || m_sample->rowId != m_row;
    if (m_editSoon)
        return;
    if (auto* first = m_details->findChild<BubbleEdit*>()) {
        first->setFocus(Qt::ShortcutFocusReason);
        first->moveCursor(QTextCursor::End);
    }
}

void RowInspector::keepFocusedEdit() {
    for (BubbleEdit* edit : m_details->findChildren<BubbleEdit*>())
        if (edit->hasFocus())
            Q_EMIT edit->leave(true);
}

void RowInspector::read() {
    if (!m_project)
        return;
    if (m_task)
        m_task->cancel();
    m_task = runTask<StoredSample>(
        this, [project = m_project, row = m_row](const Progress&) { return project->datasets().sample(row); },
        [this, row = m_row](Result<StoredSample> sample) {
            if (row != m_row)
                return;
            if (!sample) {
                Q_EMIT failed(sample.error());
                return;
            }
            const bool same = m_sample && m_sample->rowId == row && sameTexts(m_sample->sample, sample->sample);
            m_sample = std::move(*sample);
            if (same)
                showFacts(); // the bubbles stay: the cursor may be in one of them
            else
                rebuild();
            Q_EMIT sampleShown();
            m_task = nullptr;
            if (m_editSoon)
                startEditing();
        });
}

void RowInspector::clearBubbles() {
    while (QLayoutItem* item = m_bubbles->takeAt(0)) {
        if (QWidget* widget = item->widget()) {
            widget->blockSignals(true);
            widget->hide();
            widget->deleteLater();
            widget->setParent(nullptr);
        }
        delete item;
    }
}

void RowInspector::addBubble(const QString& title, const std::string& text, bool learned, bool monospaced,
                             std::function<void(Sample&, std::string)> put) {
    auto* bubble = new Bubble(title, qstr(text), learned, monospaced, true, this);
    connect(bubble, &Bubble::edited, this, [this, put = std::move(put), title](const QString& now) {
        if (!m_sample)
            return;
        put(m_sample->sample, sstr(now));
        m_editor.updateSample(m_sample->rowId, m_sample->sample,
                              tr("Edit %1 of row %2").arg(title).arg(m_sample->sample.sourceRow));
    });
    m_bubbles->addWidget(bubble);
}

void RowInspector::rebuild() {
    clearBubbles();
    m_details->setVisible(m_sample.has_value());
    m_nothing->setVisible(!m_sample);
    if (!m_sample)
        return;
    const Sample& sample = m_sample->sample;
    for (std::size_t i = 0; i < std::min(sample.messages.size(), kBubbles); ++i) {
        const Message& message = sample.messages[i];
        const bool last = i + 1 == sample.messages.size();
        addBubble(roleWords(message.role), message.content, sample.kind == SampleKind::Chat && last,
                  looksLikeData(message.content),
                  [i](Sample& edited, std::string text) { edited.messages[i].content = std::move(text); });
    }
    if (sample.messages.size() > kBubbles)
        m_bubbles->addWidget(
            makeLabel(counted(qint64(sample.messages.size() - kBubbles), tr("1 more turn is not shown."), tr("%1 more turns are not shown.")), "note", this));
    if (sample.kind == SampleKind::Text)
        addBubble(tr("Text"), sample.text, true, looksLikeData(sample.text),
                  [](Sample& edited, std::string text) { edited.text = std::move(text); });
    if (sample.kind == SampleKind::Preference || sample.kind == SampleKind::Unpaired)
        addBubble(sample.kind == SampleKind::Preference ? tr("Better answer")
                  : sample.label                        ? tr("Answer marked good")
                                                        : tr("Answer marked bad"),
                  sample.chosen, true, looksLikeData(sample.chosen),
                  [](Sample& edited, std::string text) { edited.chosen = std::move(text); });
    if (sample.kind == SampleKind::Preference)
        addBubble(tr("Worse answer"), sample.rejected, false, looksLikeData(sample.rejected),
                  [](Sample& edited, std::string text) { edited.rejected = std::move(text); });
    m_bubbles->addStretch(1);
    showFacts();
}

void RowInspector::showFacts() {
    const Sample& sample = m_sample->sample;
    m_title->setText(tr("Row %1").arg(number(qint64(sample.sourceRow))));
    QStringList facts;
    if (m_sample->tokenCount)
        facts << counted(qint64(*m_sample->tokenCount), tr("1 token"), tr("%1 tokens"));
    facts << bytesText(m_sample->length);
    if (m_sample->edited)
        facts << tr("edited");
    m_facts->setText(facts.join(QStringLiteral(" · ")));
    const QSignalBlocker blocker(m_split);
    m_split->setCurrentIndex(std::max(0, m_split->findData(int(sample.split))));
    if (!m_tags->hasFocus()) {
        QStringList tags;
        for (const std::string& tag : sample.tags)
            tags << qstr(tag);
        m_tags->setText(tags.join(QStringLiteral(", ")));
    }
}

} // namespace attune
