#include "core/text/vocabulary.h"

#include <algorithm>

#include <xxhash.h>

#include "core/text/json_fields.h"

namespace attune {

namespace {

std::size_t slotOf(std::string_view text, std::size_t slots) {
    return static_cast<std::size_t>(XXH3_64bits(text.data(), text.size())) & (slots - 1);
}

} // namespace

Result<Vocabulary> Vocabulary::read(const Json& object, const std::string& where) {
    if (!object.is_object())
        return fields::broken(where, "the vocabulary must be an object of token and id");
    Vocabulary vocabulary;
    for (const auto& [token, id] : object.items()) {
        if (!id.is_number_unsigned() || id.get<std::uint64_t>() > kMaxTokenId)
            return fields::broken(where, "the id of token \"" + token.substr(0, 80) +
                                             "\" must be a whole number up to " + std::to_string(kMaxTokenId));
        if (!vocabulary.add(token, id.get<std::uint64_t>()))
            return fields::broken(where, "token \"" + token.substr(0, 80) + "\" has the id " +
                                             std::to_string(id.get<std::uint64_t>()) + ", which another token has too");
    }
    return vocabulary;
}

void Vocabulary::grow() {
    m_slots.assign(std::max<std::size_t>(64, m_slots.size() * 2), -1);
    for (std::size_t id = 0; id < m_entries.size(); ++id) {
        if (m_entries[id].size == kAbsent)
            continue;
        std::size_t slot = slotOf(textOf(m_entries[id]), m_slots.size());
        while (m_slots[slot] >= 0)
            slot = (slot + 1) & (m_slots.size() - 1);
        m_slots[slot] = static_cast<std::int32_t>(id);
    }
}

bool Vocabulary::add(std::string_view token, std::uint64_t id) {
    if (id > kMaxTokenId || m_texts.size() + token.size() >= kAbsent || find(token))
        return false;
    if (id < m_entries.size() && m_entries[id].size != kAbsent)
        return false;
    if (m_count * 2 >= m_slots.size())
        grow();
    if (id >= m_entries.size())
        m_entries.resize(id + 1);
    m_entries[id] = {static_cast<std::uint32_t>(m_texts.size()), static_cast<std::uint32_t>(token.size())};
    m_texts += token;
    ++m_count;
    std::size_t slot = slotOf(token, m_slots.size());
    while (m_slots[slot] >= 0)
        slot = (slot + 1) & (m_slots.size() - 1);
    m_slots[slot] = static_cast<std::int32_t>(id);
    return true;
}

std::optional<TokenId> Vocabulary::find(std::string_view token) const {
    if (m_slots.empty())
        return std::nullopt;
    for (std::size_t slot = slotOf(token, m_slots.size()); m_slots[slot] >= 0; slot = (slot + 1) & (m_slots.size() - 1))
        if (textOf(m_entries[static_cast<std::size_t>(m_slots[slot])]) == token)
            return m_slots[slot];
    return std::nullopt;
}

std::optional<std::string_view> Vocabulary::token(TokenId id) const {
    if (id < 0 || static_cast<std::size_t>(id) >= m_entries.size() ||
        m_entries[static_cast<std::size_t>(id)].size == kAbsent)
        return std::nullopt;
    return textOf(m_entries[static_cast<std::size_t>(id)]);
}

} // namespace attune
