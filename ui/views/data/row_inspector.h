// One row in full at the right of the table: its turns as bubbles that are edited in place, its split, its tags. It
// asks for changes through DatasetEditor and reads the row in the background. GUI thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include <QPointer>
#include <QWidget>

#include "core/store/dataset_store.h"
#include "ui/bridge/task.h"

class QComboBox;
class QLabel;
class QLineEdit;
class QPushButton;
class QVBoxLayout;

namespace attune {

class DatasetEditor;
class Project;

class RowInspector final : public QWidget {
    Q_OBJECT
public:
    RowInspector(DatasetEditor& editor, QWidget* parent);

    void setProject(std::shared_ptr<Project> project);
    /// 0 = none. What is being edited is kept first.
    void showRow(RowId row);
    /// Reads the row again, for it was changed elsewhere (undo, another view).
    void refresh();
    RowId row() const { return m_row; }
    const std::optional<StoredSample>& sample() const { return m_sample; }
    /// Puts the cursor into the first text, as soon as it is there.
    void startEditing();

Q_SIGNALS:
    void sampleShown(); ///< the row was read; sample() is its content
    void deleteWanted(attune::RowId row);
    void failed(const attune::Error& error);

private:
    void read();
    void rebuild();
    void showFacts();
    void addBubble(const QString& title, const std::string& text, bool learned, bool monospaced,
                   std::function<void(Sample&, std::string)> put);
    void keepFocusedEdit();
    void clearBubbles();

    DatasetEditor& m_editor;
    std::shared_ptr<Project> m_project;
    RowId m_row = 0;
    std::optional<StoredSample> m_sample;
    QPointer<Task> m_task;
    bool m_editSoon = false;
    QLabel* m_title;
    QLabel* m_facts;
    QComboBox* m_split;
    QLineEdit* m_tags;
    QPushButton* m_delete;
    QWidget* m_details;
    QLabel* m_nothing;
    QVBoxLayout* m_bubbles;
};

} // namespace attune
