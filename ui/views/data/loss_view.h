// The loss view of a row: its tokens as the model sees them, what it learns to write in the accent, what lies beyond
// the context struck. Without a model it says how to choose one. GUI thread.
#pragma once

#include <optional>

#include <QPointer>
#include <QWidget>

#include "core/store/dataset_store.h"
#include "ui/bridge/task.h"

class QLabel;
class QStackedWidget;

namespace attune {

class ElidedLabel;
class ProjectModel;
class TokenView;

class LossView final : public QWidget {
    Q_OBJECT
public:
    LossView(ProjectModel& model, QWidget* parent);

    void showSample(const std::optional<StoredSample>& sample);

Q_SIGNALS:
    void chooseModelWanted();

private:
    void refresh();
    void say(const QString& words, bool offerModel);

    ProjectModel& m_model;
    std::optional<StoredSample> m_sample;
    QPointer<Task> m_task;
    RowId m_scrolledFor = 0; // a refresh of the same row leaves the scroll bar alone
    QLabel* m_title;
    ElidedLabel* m_note;
    QWidget* m_message;
    QLabel* m_words;
    QWidget* m_choose;
    TokenView* m_tokens;
};

} // namespace attune
