// Above the table: search, split, kind, the rows that were set aside, and, when a finding is shown, what it is and its
// fix. GUI thread.
#pragma once

#include <functional>
#include <optional>

#include <QTimer>
#include <QWidget>

#include "core/store/dataset_store.h"

class QComboBox;
class QFrame;
class QLabel;
class QLineEdit;
class QPushButton;

namespace attune {

class FilterBar final : public QWidget {
    Q_OBJECT
public:
    explicit FilterBar(QWidget* parent);

    /// Writes text, split and kind into `query`.
    void apply(SampleQuery& query) const;
    bool isFiltering() const;
    void clearFilters(); ///< without changed()
    void setSearch(const QString& text);
    void setSplit(Split split); ///< without changed()
    void focusSearch();
    void showStatistics(const DatasetStatistics& statistics);
    /// `fix` may be empty. An empty text hides the strip.
    void showFinding(const QString& text, const QString& fix);

Q_SIGNALS:
    void changed();
    void problemsClicked();
    void findingClosed();
    void fixClicked();

private:
    QLineEdit* m_search;
    QComboBox* m_split;
    QComboBox* m_kind;
    QPushButton* m_problems;
    QFrame* m_finding;
    QLabel* m_findingText;
    QPushButton* m_fix;
    QTimer m_debounce;
};

} // namespace attune
