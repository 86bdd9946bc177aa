// From messages to tokens, the one place where it happens: a conversation becomes ids and the marks that say which of
// them are trained. Uses the model's chat template when it has one, otherwise a plain "prompt, newline, completion"
// form.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/text/chat_template.h"
#include "core/text/message.h"
#include "core/text/tokenizer.h"

namespace attune {

enum class TrainOn { Completion, AllAssistant, Everything };

/// One row ready for the engine. ids.size() == trained.size(); trained[i] says that the model learns to predict ids[i];
/// the first token follows nothing and is never trained.
struct TokenizedRow {
    std::vector<TokenId> ids;
    std::vector<bool> trained;
    std::size_t promptTokens = 0; // length of the part before the completion
    bool truncated = false;       // the completion was cut to fit
    bool endTokenTrained =
        false; // the end of turn is among the trained tokens (otherwise the model never learns to stop)
    bool controlTokensInContent = false; // some message spells a control token (it was tokenised as text)
};

class PromptFormat {
public:
    /// The format for a tokenizer: its chat template, or plain when it has none. Errors: a template that cannot be read; several
    /// named ones without a "default".
    static Result<PromptFormat> forTokenizer(std::shared_ptr<const Tokenizer> tokenizer);

    bool hasChatTemplate() const;
    const Tokenizer& tokenizer() const { return *m_tokenizer; }
    std::shared_ptr<const Tokenizer> tokenizerPointer() const { return m_tokenizer; }
    /// Hash of the templates ("plain" without one) for the record of a run.
    const std::string& hash() const { return m_hash; }

    /// The ids a model sees before it answers: all messages plus the generation prompt. BOS exactly once.
    /// Errors: InvalidArgument (no messages), what the template raises, what the tokenizer refuses.
    Result<std::vector<TokenId>> promptIds(const std::vector<Message>& messages) const;
    Result<std::string> promptText(const std::vector<Message>& messages) const;
    /// A whole conversation whose last message is the assistant's. Answers with Message::learn false are never trained, so that
    /// a row may have nothing to train. maxLength 0 = no limit; when the row is longer the
    /// end of the completion is cut; a row whose prompt alone fills maxLength is an InvalidData error that says both
    /// lengths.
    Result<TokenizedRow> trainingRow(const std::vector<Message>& messages, TrainOn trainOn,
                                     std::size_t maxLength) const;
    /// Raw text, everything trained, end token appended.
    Result<TokenizedRow> textRow(std::string_view text, std::size_t maxLength) const;
    /// The ids that end an answer (end of turn and end of text).
    const std::vector<TokenId>& stopIds() const { return m_stopIds; }
    /// Adds ids of generation_config.json.
    void addStopIds(const std::vector<TokenId>& ids);

private:
    struct Turn; // where an answer stands
    struct Row;  // a rendered conversation on its way to becoming tokens
    PromptFormat() = default;
    Result<RenderedChat> render(const std::vector<Message>& messages, bool generationPrompt) const;
    Result<RenderedChat> print(const ChatTemplate& chosen, const std::vector<Message>& messages, TemplateReads reads,
                               bool generationPrompt) const;
    void findEndOfTurn();
    /// BOS when neither the text nor the template wrote it and the tokenizer adds one.
    void addBos(std::vector<TokenId>& ids) const;
    bool isStop(TokenId id) const;
    Result<Row> split(const std::vector<Message>& messages) const;
    Result<std::vector<Turn>> assistantTurns(const std::vector<Message>& messages, const Row& row) const;
    Status markTurns(const std::vector<Message>& messages, TrainOn trainOn, Row& row) const;
    Result<TokenizedRow> finish(Row row, TrainOn trainOn, std::size_t maxLength) const;

    std::shared_ptr<const Tokenizer> m_tokenizer;
    std::shared_ptr<const ChatTemplate> m_template, m_toolTemplate; // the second only where the model has one named "tool_use"
    std::string m_hash;
    std::vector<TokenId> m_stopIds;
};

} // namespace attune
