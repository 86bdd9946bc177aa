// The table of rows: keys, column widths and sorting by its heads. It asks for changes, it makes none. GUI thread.
#pragma once

#include <vector>

#include <QTableView>

#include "core/store/dataset_store.h"

namespace attune {

class SampleTableModel;

class RowTable final : public QTableView {
    Q_OBJECT
public:
    RowTable(SampleTableModel& model, QWidget* parent);

    std::vector<RowId> selectedIds() const;
    void showSort(SampleOrder order, bool descending);
    /// Makes the row the current one without asking for it to be opened.
    void goTo(int row);

Q_SIGNALS:
    void sortWanted(attune::SampleOrder order, bool descending);
    void openWanted(bool edit); ///< the current row: looked at (click, Enter), or edited (F2)
    void deleteWanted();
    void currentRowChanged(attune::RowId row); ///< 0 = none

protected:
    void keyPressEvent(QKeyEvent* event) override;
    void resizeEvent(QResizeEvent* event) override;
    void currentChanged(const QModelIndex& current, const QModelIndex& previous) override;

private:
    void fitColumns();
    void copySelection();
    SampleTableModel& m_model;
    SampleOrder m_order = SampleOrder::Imported;
    bool m_descending = false;
};

} // namespace attune
