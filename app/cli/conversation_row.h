// The conversation of one line of a JSON Lines file: "messages" and, where the model may call functions, "tools", in the spellings that
// datasets use.
#pragma once

#include "app/cli/cli.h"
#include "core/data/conversation.h"

namespace attune::cli {

/// `row` has a list "messages". Errors: InvalidData names the line and the message.
inline Result<std::vector<Message>> conversationIn(const Json& row, std::size_t line) {
    auto messages = readTurns(row["messages"], "messages");
    if (!messages)
        return lineError(line, messages.error().field + ": " + messages.error().reason);
    if (const auto tools = row.find("tools"); tools != row.end())
        addTools(*messages, *tools);
    return std::move(*messages);
}

} // namespace attune::cli
