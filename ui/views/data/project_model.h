// The model the project works with, as far as the Data station needs it: its name, its tokenizer and its context
// length. Loaded in the background from the setting "model.path", or from the project's recipe. GUI thread.
#pragma once

#include <memory>

#include <QObject>
#include <QPointer>
#include <QString>

#include "core/base/result.h"
#include "core/text/prompt_format.h"
#include "ui/bridge/task.h"
#include "ui/services.h"

namespace attune {

class ProjectModel final : public QObject {
    Q_OBJECT
public:
    ProjectModel(Services& services, QObject* parent);

    /// Reads the choice again; changed() follows when it is another one.
    void refresh();
    /// Makes `folder` the project's model, if its tokenizer can be read; otherwise failed().
    void choose(const QString& folder);
    bool isLoading() const { return m_task != nullptr; }

    /// Null when no model is chosen or its tokenizer cannot be read.
    std::shared_ptr<const PromptFormat> format() const { return m_loaded.format; }
    qint64 contextLength() const { return m_loaded.contextLength; } ///< tokens a row may have, 0 = not known
    QString name() const { return m_loaded.name; }

Q_SIGNALS:
    void changed();
    void settled(); ///< after every refresh() and choose(), also when nothing changed
    void failed(const attune::Error& error);

private:
    struct Loaded {
        QString folder, name;
        std::shared_ptr<const PromptFormat> format;
        qint64 contextLength = 0;
    };
    static Result<Loaded> load(const QString& folder);
    void take(Result<Loaded> loaded);

    Services& m_services;
    Loaded m_loaded;
    QPointer<Task> m_task;
    quint64 m_request = 0; // an answer to an older one is not taken
};

} // namespace attune
