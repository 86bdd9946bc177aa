// Paints a row of the sample table: two lines of text, the answer monospaced, splits and marks as chips. GUI thread.
#pragma once

#include <QStyledItemDelegate>

namespace attune {

class RowDelegate final : public QStyledItemDelegate {
    Q_OBJECT
public:
    explicit RowDelegate(QObject* parent);
    void paint(QPainter* painter, const QStyleOptionViewItem& option, const QModelIndex& index) const override;
    static int rowHeight(); ///< two lines of the current font and their margins
};

} // namespace attune
