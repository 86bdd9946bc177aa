// A prompt to try a model with, as it is before any training: the likeliest words, while nothing trains. GUI thread.
#pragma once

#include <QPointer>
#include <QWidget>

class QLabel;
class QLineEdit;
class QPlainTextEdit;
class QPushButton;

namespace attune {

class Generation;
class MessageArea;
class RunBridge;

class ModelTrial final : public QWidget {
    Q_OBJECT
public:
    ModelTrial(RunBridge& runs, MessageArea& messages, QWidget* parent);

    /// The model to ask; "" = none that can be used, and nothing is shown. Ends an answer that is being written.
    void setModel(const QString& path);
    QLineEdit& prompt() const { return *m_prompt; }
    void tryPrompt(); ///< as the button: asks, or stops the answer

private:
    void refresh();

    RunBridge& m_runs;
    MessageArea& m_messages;
    QLineEdit* m_prompt;
    QPushButton* m_try;
    QLabel* m_note;
    QPlainTextEdit* m_answer;
    QString m_path;
    QPointer<Generation> m_generation;
};

} // namespace attune
