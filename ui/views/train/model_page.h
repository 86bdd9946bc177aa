// The model station inside Train: a folder or GGUF file by drop or chooser, what it is, its licence and template, what this
// computer can do with it, what is wrong with the next step, and a prompt to try it. Everything is read in the background.
// GUI thread.
#pragma once

#include <optional>

#include <QPointer>
#include <QWidget>

#include "core/model_report/model_report.h"
#include "ui/bridge/task.h"
#include "ui/services.h"

class QGridLayout;
class QLabel;
class QPlainTextEdit;
class QVBoxLayout;

namespace attune {

class Card;
class MessageArea;
class ModelTrial;
class ProgressStrip;

class ModelPage final : public QWidget {
    Q_OBJECT
public:
    ModelPage(Services& services, MessageArea& messages, QWidget* parent);

    /// Whether a dropped path is for this page: a folder with a config.json, or a file of weights (also of a kind that is
    /// refused, so that the refusal says what to do).
    static bool isModelPath(const QString& path);
    /// Reads the model at `path` and shows it.
    void read(const QString& path);
    void clear();
    bool hasModel() const { return !m_path.isEmpty(); }
    bool isReading() const { return m_task != nullptr; }
    QString path() const { return m_path; }
    const std::optional<ModelReport>& report() const { return m_report; }
    ModelTrial& trial() const { return *m_trial; }

Q_SIGNALS:
    void changed(); ///< another model was read, or is being read

private:
    QWidget* makeChooser();
    Card* makeFacts();
    Card* makeProblems();
    Card* makeComputer();
    Card* makeTemplate();
    void chooseFolder();
    void chooseFile();
    void showReport(ModelReport report);
    void showFacts();
    void showProblems();
    void showComputer();

    Services& m_services;
    MessageArea& m_messages;
    QLabel* m_intro;
    QWidget* m_chooser;
    QWidget* m_empty;
    QWidget* m_scroll;
    QWidget* m_content;
    ProgressStrip* m_progress;
    Card* m_factsCard;
    QGridLayout* m_facts;
    Card* m_problemsCard;
    QVBoxLayout* m_problems;
    Card* m_computerCard;
    QGridLayout* m_computer;
    QLabel* m_computerNote;
    ModelTrial* m_trial;
    Card* m_templateCard;
    QPlainTextEdit* m_template;
    QString m_path;
    std::optional<ModelReport> m_report;
    QPointer<Task> m_task;
    quint64 m_request = 0;
};

} // namespace attune
