#include "core/data/turn_chains.h"

#include <unordered_set>

#include "core/data/row_reader.h"

namespace attune {

namespace {

constexpr std::size_t kMaxChain = 1000;
constexpr std::size_t kMaxBytes = std::size_t{1} << 30;

// An id as text: CSV has texts, JSON has numbers; whole numbers written as 7.0 (a column with gaps in Python) are 7.
std::string keyOf(const Json& row, std::string_view column) {
    const auto cell = row.find(std::string(column));
    if (cell == row.end() || cell->is_null())
        return {};
    std::string key = cell->is_string() ? cell->get<std::string>() : cell->dump();
    if (key.size() > 2 && key.ends_with(".0") && key.find_first_not_of("0123456789") == key.size() - 2)
        key.resize(key.size() - 2);
    return key == "nan" || key == "None" || key == "null" ? std::string() : key;
}

} // namespace

bool TurnChains::used(const Mapping& mapping) {
    return !mapping.column("parent_id").empty() && !mapping.column("turn_id").empty();
}

bool TurnChains::add(const Json& row, const Mapping& mapping) {
    const std::string key = keyOf(row, mapping.column("turn_id"));
    auto sample = toSample(row, mapping);
    if (key.empty() || !sample)
        return true;
    Turn turn{keyOf(row, mapping.column("parent_id")), std::move(sample->messages)};
    if (sample->kind == SampleKind::Preference || sample->kind == SampleKind::Unpaired)
        turn.messages.push_back(chosenMessage(*sample));
    m_bytes += key.size() + turn.parent.size() + sizeof(Turn);
    for (const Message& message : turn.messages)
        m_bytes += message.content.size() + sizeof(Message);
    m_turns.insert_or_assign(key, std::move(turn));
    return m_bytes <= kMaxBytes;
}

std::optional<ImportProblem> TurnChains::prepend(const Json& row, const Mapping& mapping, Sample& sample) const {
    std::vector<const Turn*> before;
    std::unordered_set<std::string> seen{keyOf(row, mapping.column("turn_id"))};
    const std::string field(mapping.column("parent_id"));
    for (std::string parent = keyOf(row, field); !parent.empty();) {
        const auto found = m_turns.find(parent);
        if (found == m_turns.end())
            return ImportProblem{0, 0, field, "the file has no usable row \"" + parent.substr(0, 40) + "\""};
        if (!seen.insert(parent).second || before.size() >= kMaxChain)
            return ImportProblem{0, 0, field, "the rows before it form a circle or are more than 1,000"};
        before.push_back(&found->second);
        parent = found->second.parent;
    }
    std::vector<Message> messages;
    for (auto turn = before.rbegin(); turn != before.rend(); ++turn)
        for (const Message& message : (*turn)->messages)
            if (message.role != "system" || messages.empty()) // each row repeats the system message
                messages.push_back(message);
    for (Message& message : sample.messages)
        if (message.role != "system" || messages.empty())
            messages.push_back(std::move(message));
    sample.messages = std::move(messages);
    return std::nullopt;
}

} // namespace attune
