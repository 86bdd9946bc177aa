// One choice of a few, side by side ("Guided | Standard | Expert"). Arrow keys move, as in any radio group. GUI thread.
#pragma once

#include <QButtonGroup>
#include <QStringList>
#include <QWidget>

namespace attune {

class SegmentedControl final : public QWidget {
    Q_OBJECT
public:
    explicit SegmentedControl(const QStringList& labels, QWidget* parent = nullptr);
    int index() const { return m_group.checkedId(); }
    void setIndex(int index); ///< does not emit

Q_SIGNALS:
    void indexChanged(int index); // by the user

private:
    QButtonGroup m_group;
};

} // namespace attune
