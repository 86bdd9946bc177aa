#include "core/text/message.h"

#include <algorithm>
#include <deque>
#include <optional>
#include <utility>

namespace attune {

namespace {

constexpr JsonLimits kCallLimits{std::size_t{1} << 24, 40, 1'000'000, false};

struct Calls {
    std::string text; // what stands before them
    std::vector<OrderedJson> functions;
};

std::optional<Calls> callsOf(const Message& message) {
    Calls calls{message.content, {}};
    for (int i = 0; i < message.toolCalls; ++i) {
        const std::size_t line = calls.text.rfind('\n');
        const std::size_t begin = line == std::string::npos ? 0 : line + 1;
        auto call = parseOrderedJson(std::string_view(calls.text).substr(begin), "a call", kCallLimits);
        if (!call || !call->is_object() || !call->contains("name") || !(*call)["name"].is_string())
            return std::nullopt;
        OrderedJson arguments = call->contains("arguments") ? (*call)["arguments"] : OrderedJson::object();
        calls.functions.insert(calls.functions.begin(), OrderedJson{{"name", (*call)["name"]}, {"arguments", std::move(arguments)}});
        calls.text.resize(line == std::string::npos ? 0 : line);
    }
    return calls;
}

bool isFunctionList(const OrderedJson& list) {
    return list.is_array() && std::all_of(list.begin(), list.end(), [](const OrderedJson& tool) {
        if (!tool.is_object())
            return false;
        const auto function = tool.find("function");
        const OrderedJson& described = function == tool.end() ? tool : *function;
        return described.is_object() && described.contains("name") && described["name"].is_string();
    });
}

std::string callId(int number) {
    const std::string digits = std::to_string(number);
    return "call" + std::string(5 - std::min<std::size_t>(5, digits.size()), '0') + digits; // some templates want nine letters or digits
}

} // namespace

std::vector<Message> withToolsAsText(const std::vector<Message>& messages) {
    if (messages.empty() || messages.front().role != "tools")
        return messages;
    std::vector<Message> result(messages.begin() + 1, messages.end());
    const std::string tools = "Tools:\n" + messages.front().content;
    if (!result.empty() && result.front().role == "system")
        result.front().content += "\n\n" + tools;
    else
        result.insert(result.begin(), {"system", tools});
    return result;
}

std::optional<ToolFault> toolFault(const std::vector<Message>& messages) {
    const bool listed = !messages.empty() && messages.front().role == "tools";
    if (listed) {
        const auto list = parseOrderedJson(messages.front().content, "the list", kCallLimits);
        if (!list)
            return ToolFault{"tools", "the list of functions is not valid JSON, so it is read as plain text"};
        if (!isFunctionList(*list))
            return ToolFault{"tools", "not a list of functions, each with a name, so it is read as plain text"};
    }
    for (std::size_t i = listed; i < messages.size(); ++i) {
        if (messages[i].toolCalls == 0)
            continue;
        const std::string field = "messages[" + std::to_string(i - listed) + "]";
        const auto calls = callsOf(messages[i]);
        if (!calls)
            return ToolFault{field, "the call is not JSON with a name and arguments, so it is read as plain text"};
        for (const OrderedJson& function : calls->functions)
            if (!function["arguments"].is_object())
                return ToolFault{field, "the arguments of the call are not a JSON object, so templates print them as they stand"};
    }
    return std::nullopt;
}

OrderedJson chatVariables(const std::vector<Message>& given, TemplateReads reads) {
    OrderedJson tools = nullptr;
    const bool listed = !given.empty() && given.front().role == "tools";
    if (listed && reads.tools)
        if (auto list = parseOrderedJson(given.front().content, "the tools", kCallLimits); list && isFunctionList(*list))
            tools = std::move(*list);
    const std::vector<Message> messages = !listed           ? given
                                          : tools.is_null() ? withToolsAsText(given)
                                                            : std::vector<Message>(given.begin() + 1, given.end());
    OrderedJson list = OrderedJson::array();
    int number = 0;
    std::deque<std::pair<std::string, OrderedJson>> open; // calls not answered yet: id and name
    for (const Message& message : messages) {
        OrderedJson item{{"role", message.role}, {"content", message.content}};
        const auto calls = reads.toolCalls && message.toolCalls > 0 ? callsOf(message) : std::nullopt;
        if (calls) {
            item["content"] = calls->text;
            open.clear();
            for (OrderedJson function : calls->functions) {
                if (reads.argumentsAsText)
                    function["arguments"] = function["arguments"].dump(-1, ' ', false, OrderedJson::error_handler_t::replace);
                const std::string id = callId(++number);
                open.emplace_back(id, function["name"]);
                item["tool_calls"].push_back({{"id", id}, {"type", "function"}, {"function", function}});
            }
        } else if (message.role == "tool" && !open.empty()) {
            item["tool_call_id"] = open.front().first;
            item["name"] = open.front().second;
            open.pop_front();
        }
        list.push_back(std::move(item));
    }
    return {{"messages", std::move(list)}, {"tools", std::move(tools)}};
}

} // namespace attune
