#include "core/data/conversation.h"

#include <algorithm>
#include <array>
#include <utility>

#include "core/base/space.h"
#include "core/base/words.h"

namespace attune {

namespace {

constexpr std::array<std::pair<const char*, const char*>, 21> kRoles{{
    {"user", "user"},           {"human", "user"},    {"prompter", "user"},      {"customer", "user"},
    {"assistant", "assistant"}, {"gpt", "assistant"}, {"chatgpt", "assistant"},  {"model", "assistant"},
    {"bot", "assistant"},       {"ai", "assistant"},  {"agent", "assistant"},    {"function_call", "assistant"},
    {"tool_call", "assistant"}, {"system", "system"}, {"developer", "system"},   {"tool", "tool"},
    {"observation", "tool"},    {"function", "tool"}, {"tool_response", "tool"}, {"ipython", "tool"},
    {"tools", "tools"},
}};

std::string dumped(const Json& value) {
    return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// A text, or parts of which each is a text.
RowResult<std::string> readContent(const Json& content, const std::string& field) {
    if (content.is_string())
        return content.get<std::string>();
    if (content.is_null())
        return std::string();
    if (!content.is_array())
        return rowProblem(field, "the content is not text but " + kindOf(content));
    std::string text;
    for (const Json& part : content) {
        if (part.is_string())
            text += part.get<std::string>();
        else if (part.is_object() && part.contains("text") && part["text"].is_string())
            text += part["text"].get<std::string>();
        else
            return rowProblem(field, "the content has a part that is not text (an image or sound?)");
    }
    return text;
}

struct CallLines {
    std::string text; // one JSON object a line
    int count = 0;
};

// Calls become text as most models write them; what reads calls by themselves takes them apart again (Message::toolCalls).
RowResult<CallLines> readToolCalls(const Json& calls, const std::string& field) {
    if (calls.is_string()) { // tables keep them as JSON inside a text
        if (isBlank(calls.get_ref<const std::string&>()))
            return CallLines{};
        const auto parsed = parseJson(calls.get_ref<const std::string&>(), "tool_calls");
        if (!parsed || parsed->is_string())
            return rowProblem(field, "tool_calls is a text that is not valid JSON");
        return readToolCalls(*parsed, field);
    }
    if (!calls.is_array())
        return rowProblem(field, "tool_calls is not a list but " + kindOf(calls));
    CallLines lines;
    for (const Json& call : calls) {
        const Json* function = &call;
        if (call.is_object() && call.contains("function"))
            function = &call["function"];
        if (!function->is_object() || !function->contains("name") || !(*function)["name"].is_string())
            return rowProblem(field, "a tool call has no name");
        Json arguments = function->value("arguments", Json::object());
        if (arguments.is_string())
            if (auto parsed = parseJson(arguments.get<std::string>(), "the arguments"))
                arguments = std::move(*parsed);
        const OrderedJson line{{"name", (*function)["name"]}, {"arguments", std::move(arguments)}};
        lines.text += (lines.count++ ? "\n" : "") + line.dump(-1, ' ', false, OrderedJson::error_handler_t::replace);
    }
    return lines;
}

void addCalls(Message& message, const CallLines& calls) {
    if (!message.content.empty() && calls.count > 0)
        message.content += '\n';
    message.content += calls.text;
    message.toolCalls = calls.count;
}

// A turn that is a call by its role (ShareGPT's function_call): its text is the call, or a list of calls. Broken ones stay as they
// were written, marked as the call they should be, so that toolFault() names them.
void readCallTurn(Message& message, const std::string& field) {
    if (isBlank(message.content))
        return;
    message.toolCalls = 1;
    const auto call = parseJson(message.content, "the call");
    if (!call)
        return;
    if (const auto lines = readToolCalls(call->is_array() ? *call : Json::array({*call}), field); lines && lines->count > 0) {
        message.content = lines->text;
        message.toolCalls = lines->count;
    }
}

// OpenAI's "weight": 1 = learn this answer, 0 = it is only context.
RowResult<bool> readWeight(const Json& turn, const std::string& field) {
    const auto weight = turn.find("weight");
    if (weight == turn.end() || weight->is_null())
        return true;
    if (!weight->is_number() || (*weight != 0 && *weight != 1))
        return rowProblem(field + ".weight", "must be 0 (do not learn this answer) or 1 (learn it), not " +
                                                 dumped(*weight).substr(0, 40));
    return *weight == 1;
}

} // namespace

std::string canonicalRole(const std::string& role) {
    std::string lower = role;
    for (char& c : lower)
        if (c >= 'A' && c <= 'Z')
            c = static_cast<char>(c + 32);
    for (const auto& [spelling, canonical] : kRoles)
        if (lower == spelling)
            return canonical;
    return {};
}

std::string withReasoning(const std::string& reasoning, std::string answer) {
    if (answer.find("<think>") != std::string::npos && answer.find(trimmed(reasoning)) != std::string::npos)
        return answer;
    return isBlank(reasoning) ? std::move(answer) : "<think>\n" + reasoning + "\n</think>\n\n" + std::move(answer);
}

RowResult<Message> readTurn(const Json& turn, const std::string& field) {
    if (!turn.is_object())
        return rowProblem(field, "the turn is not an object but " + kindOf(turn));
    const char* roleKey = turn.contains("role") ? "role" : "from";
    if (!turn.contains(roleKey) || !turn[roleKey].is_string())
        return rowProblem(field, "the turn has no role");
    Message message;
    message.role = canonicalRole(turn[roleKey].get<std::string>());
    if (message.role.empty())
        return rowProblem(field, "unknown role \"" + turn[roleKey].get<std::string>().substr(0, 40) +
                                     "\" (known: system, user, assistant, tool)");
    if (!turn.contains("content") && !turn.contains("value") && !turn.contains("text") && !turn.contains("tool_calls") &&
        !turn.contains("function_call"))
        return rowProblem(field, "the turn has no content");
    for (const char* key : {"content", "value", "text"}) {
        if (!turn.contains(key))
            continue;
        auto content = readContent(turn[key], field);
        if (!content)
            return tl::unexpected(std::move(content).error());
        message.content = std::move(*content);
        break;
    }
    if (turn.contains("tool_calls") && !turn["tool_calls"].is_null()) {
        auto calls = readToolCalls(turn["tool_calls"], field);
        if (!calls)
            return tl::unexpected(std::move(calls).error());
        addCalls(message, *calls);
    } else if (turn.contains("function_call") && !turn["function_call"].is_null()) { // OpenAI's form before tool_calls: one call
        auto calls = readToolCalls(Json::array({turn["function_call"]}), field);
        if (!calls)
            return tl::unexpected(std::move(calls).error());
        addCalls(message, *calls);
    } else if (const std::string& spelling = turn[roleKey].get_ref<const std::string&>();
               message.role == "assistant" && (spelling == "function_call" || spelling == "tool_call")) {
        readCallTurn(message, field);
    }
    for (const char* key : {"reasoning_content", "thinking", "reasoning"})
        if (message.role == "assistant" && turn.contains(key) && turn[key].is_string()) {
            message.content = withReasoning(turn[key].get<std::string>(), std::move(message.content));
            break;
        }
    auto learn = readWeight(turn, field);
    if (!learn)
        return tl::unexpected(std::move(learn).error());
    message.learn = *learn || message.role != "assistant";
    return message;
}

void addTools(std::vector<Message>& messages, const Json& given) {
    Json tools = given;
    if (given.is_string())
        if (auto parsed = parseJson(given.get_ref<const std::string&>(), "the tools"))
            tools = std::move(*parsed);
    const bool list = tools.is_array() && std::all_of(tools.begin(), tools.end(), [](const Json& tool) {
                          return tool.is_object() && (tool.contains("name") || (tool.contains("function") && tool["function"].is_object()));
                      });
    if (!list) {
        const std::string text = given.is_string() ? given.get<std::string>() : dumped(given);
        if (isBlank(text) || tools.is_null())
            return;
        messages.insert(messages.begin(), {"tools", text});
        return;
    }
    OrderedJson wrapped = OrderedJson::array();
    for (const Json& tool : tools) {
        const Json& function = tool.contains("function") ? tool["function"] : tool;
        OrderedJson ordered = OrderedJson::object(); // in the order in which such lists are written everywhere
        for (const char* key : {"name", "description", "parameters"})
            if (function.contains(key))
                ordered[key] = function[key];
        for (const auto& [key, value] : function.items())
            if (!ordered.contains(key))
                ordered[key] = value;
        wrapped.push_back({{"type", "function"}, {"function", std::move(ordered)}});
    }
    if (!wrapped.empty())
        messages.insert(messages.begin(), {"tools", wrapped.dump(-1, ' ', false, OrderedJson::error_handler_t::replace)});
}

RowResult<std::vector<Message>> readTurns(const Json& turns, const std::string& field) {
    if (turns.is_string()) {
        const auto parsed = parseJson(turns.get_ref<const std::string&>(), "the turns");
        if (!parsed || !parsed->is_array())
            return rowProblem(field, "not a list of turns");
        return readTurns(*parsed, field);
    }
    if (!turns.is_array())
        return rowProblem(field, "not a list of turns but " + kindOf(turns));
    if (turns.empty())
        return rowProblem(field, "the list of turns is empty");
    std::vector<Message> messages;
    for (const Json& turn : turns) {
        auto message = readTurn(turn, field + "[" + std::to_string(messages.size()) + "]");
        if (!message)
            return tl::unexpected(std::move(message).error());
        messages.push_back(std::move(*message));
    }
    return messages;
}

std::vector<Message> readHumanAssistantText(const std::string& text) {
    static const std::string human = "\n\nHuman: ", assistant = "\n\nAssistant: ";
    std::vector<Message> messages;
    std::size_t at = 0;
    if (!text.starts_with(human))
        return messages;
    while (at < text.size()) {
        const bool user = text.compare(at, human.size(), human) == 0;
        at += user ? human.size() : assistant.size();
        const std::size_t end = std::min({text.find(human, at), text.find(assistant, at), text.size()});
        messages.push_back({user ? "user" : "assistant", text.substr(at, end - at)});
        at = end;
    }
    return messages;
}

} // namespace attune
