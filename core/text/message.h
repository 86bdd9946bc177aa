// One message of a conversation, and what a chat template sees of it. Value types and pure functions.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/base/json.h"

namespace attune {

struct Message {
    // "system", "user", "assistant", "tool" (what a function returned), or "tools": the functions the model may call, a JSON list in
    // the form of OpenAI's API, always the first message. People read and edit it as text like any other message.
    std::string role;
    std::string content;
    int toolCalls = 0; // the last so many lines of the content are calls, {"name": ..., "arguments": {...}} each
    bool learn = true; // false: an answer that is only context and never trained ("weight": 0 in OpenAI's format)
    bool operator==(const Message&) const = default;
};

/// What a template reads besides role and content.
struct TemplateReads {
    bool tools = false, toolCalls = false;
    bool argumentsAsText = false; // the arguments of a call as JSON text, as OpenAI's API has them, not as an object
};

/// The variables "messages" and "tools" as Hugging Face passes them: calls as tool_calls with "type", "id" and "function", tool
/// messages with the id and the name of the call they answer (ids are counted: call00001). What the template does not read, or
/// what somebody's edit made unreadable, stays text: calls in the content, tools in the system message.
OrderedJson chatVariables(const std::vector<Message>& messages, TemplateReads reads);

/// What is wrong with the functions or calls of a conversation, so that templates see them as plain text.
struct ToolFault {
    std::string field;  // "tools" or "messages[3]", counted without the tools
    std::string reason; // one plain sentence without the field
};
/// The first one, if any: tools that are no list of functions, calls that cannot be read, arguments that are no JSON object.
std::optional<ToolFault> toolFault(const std::vector<Message>& messages);

/// "Tools:\n[...]" put behind the system message, as models without tools in their template see it; other messages unchanged.
std::vector<Message> withToolsAsText(const std::vector<Message>& messages);

} // namespace attune
