#include "ui/views/train/general_data_row.h"

#include <QFileDialog>
#include <QFileInfo>
#include <QHBoxLayout>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QVBoxLayout>

#include "ui/widgets/card.h"

namespace attune {

GeneralDataRow::GeneralDataRow(QWidget* parent) : QWidget(parent), m_path(new QLineEdit(this)) {
    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(0, 0, 0, 0);
    column->setSpacing(4);
    auto* label = makeLabel(tr("General data"), "body", this);
    label->setBuddy(m_path);
    column->addWidget(label);
    auto* line = new QHBoxLayout;
    line->setSpacing(8);
    m_path->setPlaceholderText(tr("none: what the model forgets is not measured"));
    m_path->setAccessibleName(tr("General data"));
    line->addWidget(m_path, 1);
    QPushButton* choose = makeButton(tr("Choose…"), "small", {}, this);
    choose->setAccessibleName(tr("Choose a file with general data"));
    line->addWidget(choose);
    column->addLayout(line);
    column->addWidget(makeLabel(tr("A file or folder with texts and conversations from outside the task. A fixed fifth shows in every run what "
                                   "the model forgets; some protections mix the rest in."),
                                "note", this));
    connect(m_path, &QLineEdit::textEdited, this, &GeneralDataRow::changed);
    connect(choose, &QPushButton::clicked, this, [this] {
        const QString file = QFileDialog::getOpenFileName(this, tr("General data"), QFileInfo(path()).path(),
                                                          tr("Texts and conversations (*.jsonl *.json *.csv *.tsv *.txt *.md)"));
        if (file.isEmpty())
            return;
        m_path->setText(file);
        Q_EMIT changed();
    });
}

QString GeneralDataRow::path() const {
    return m_path->text().trimmed();
}

void GeneralDataRow::setPath(const QString& path) {
    if (path != this->path())
        m_path->setText(path);
}

void GeneralDataRow::focusPath() {
    m_path->setFocus(Qt::OtherFocusReason);
}

} // namespace attune
