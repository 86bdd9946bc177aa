// Turns in the spellings that datasets use (role/content, from/value, content parts, tool calls) to Messages. Pure
// functions.
#pragma once

#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "core/base/json.h"
#include "core/data/import_problem.h"
#include "core/text/prompt_format.h"

namespace attune {

template <class T>
using RowResult = tl::expected<T, ImportProblem>;

inline tl::unexpected<ImportProblem> rowProblem(std::string field, std::string reason) {
    return tl::unexpected<ImportProblem>(ImportProblem{0, 0, std::move(field), std::move(reason)});
}

/// "system", "user", "assistant", "tool", or "" for an unknown spelling.
std::string canonicalRole(const std::string& role);
/// The answer with its reasoning before it, between <think> and </think>: the spelling that templates of reasoning models look for
/// in the content (Qwen 3, DeepSeek R1, SmolLM 3). A reasoning that is blank, or that the answer holds already, changes nothing.
std::string withReasoning(const std::string& reasoning, std::string answer);
/// One turn; `field` names it in problems. Reasoning in a key of its own becomes part of the content, see withReasoning().
RowResult<Message> readTurn(const Json& turn, const std::string& field);
/// Puts the functions a model may call (a list in the form of OpenAI's API or of bare functions, also as JSON inside a text) before the
/// turns, see Message::role. What is not such a list stays as it was written, see toolFault();
/// models then see it as text behind the system message.
void addTools(std::vector<Message>& messages, const Json& tools);
/// A list of turns (also as JSON inside a text, as CSV files have it).
RowResult<std::vector<Message>> readTurns(const Json& turns, const std::string& field);
/// "\n\nHuman: ...\n\nAssistant: ..." as turns; empty when the text is not of that form.
std::vector<Message> readHumanAssistantText(const std::string& text);

} // namespace attune
