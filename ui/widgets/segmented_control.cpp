#include "ui/widgets/segmented_control.h"

#include <QHBoxLayout>
#include <QPushButton>

#include "ui/widgets/card.h"

namespace attune {

SegmentedControl::SegmentedControl(const QStringList& labels, QWidget* parent) : QWidget(parent) {
    auto* layout = new QHBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->setSpacing(0);
    m_group.setExclusive(true);
    for (int i = 0; i < labels.size(); ++i) {
        QPushButton* button = makeButton(labels[i], "segment", {}, this);
        button->setProperty("place", i == 0 ? "first" : i + 1 == labels.size() ? "last" : "middle");
        button->setCheckable(true);
        // Room for the bold text of the chosen one, so that choosing moves nothing.
        QFont bold = Theme::current().bodyFont();
        bold.setWeight(QFont::DemiBold);
        button->setMinimumWidth(QFontMetrics(bold).horizontalAdvance(labels[i]) + 32);
        m_group.addButton(button, i);
        layout->addWidget(button);
    }
    if (!labels.isEmpty())
        m_group.button(0)->setChecked(true);
    setSizePolicy(QSizePolicy::Fixed, QSizePolicy::Fixed);
    connect(&m_group, &QButtonGroup::idClicked, this, &SegmentedControl::indexChanged);
}

void SegmentedControl::setIndex(int index) {
    if (QAbstractButton* button = m_group.button(index))
        button->setChecked(true);
}

} // namespace attune
