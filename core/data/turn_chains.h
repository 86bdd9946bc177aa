// Conversations kept as one turn a row, each naming the row before it (H2O LLM Studio's parent_id, trees of OpenAssistant's
// kind). Holds the turns of one file; not safe from several threads.
#pragma once

#include <optional>
#include <string>
#include <unordered_map>

#include "core/data/conversation.h"
#include "core/data/mapping.h"

namespace attune {

class TurnChains {
public:
    /// Whether rows of this mapping name the row before them.
    static bool used(const Mapping& mapping);
    /// Remembers a row's turn; rows that do not fit the mapping are not remembered. Returns false when the turns outgrow
    /// the memory they may take (1 GiB).
    bool add(const Json& row, const Mapping& mapping);
    /// Puts the earlier turns of a row before its own. Problems: an unknown parent, a circle, more than 1,000 turns.
    std::optional<ImportProblem> prepend(const Json& row, const Mapping& mapping, Sample& sample) const;

private:
    struct Turn {
        std::string parent;
        std::vector<Message> messages; // what was asked and answered
    };
    std::unordered_map<std::string, Turn> m_turns;
    std::size_t m_bytes = 0;
};

} // namespace attune
