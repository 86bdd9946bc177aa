#include "core/text/vocabulary.h"

#include <algorithm>
#include <utility>

#include <xxhash.h>

#include "core/text/json_fields.h"
#include "core/text/utf8.h"

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

Result<Vocabulary> Vocabulary::fromPieces(const std::vector<VocabularyPiece>& pieces, const std::string& where) {
    if (pieces.empty())
        return fields::broken(where, "the vocabulary is empty");
    Vocabulary vocabulary;
    for (std::size_t id = 0; id < pieces.size(); ++id) {
        const std::string& text = pieces[id].text;
        if (utf8::firstInvalid(text) != text.size())
            return fields::broken(where, "piece " + std::to_string(id) + " is not valid UTF-8");
        if (!vocabulary.add(text, id) && !vocabulary.addRepeated(text, id, false))
            return fields::broken(where, "piece " + std::to_string(id) + " does not fit into the vocabulary");
    }
    return vocabulary;
}

void Vocabulary::grow() {
    const std::vector<std::int32_t> old = std::exchange(
        m_slots, std::vector<std::int32_t>(std::max<std::size_t>(64, m_slots.size() * 2), -1));
    for (const std::int32_t id : old) // of repeated texts only the found one
        if (id >= 0)
            m_slots[slotFor(textOf(m_entries[static_cast<std::size_t>(id)]))] = id;
}

std::size_t Vocabulary::slotFor(std::string_view token) const {
    std::size_t slot = slotOf(token, m_slots.size());
    while (m_slots[slot] >= 0 && textOf(m_entries[static_cast<std::size_t>(m_slots[slot])]) != token)
        slot = (slot + 1) & (m_slots.size() - 1);
    return slot;
}

bool Vocabulary::place(std::string_view token, std::uint64_t id) {
    if (id > kMaxTokenId || m_texts.size() + token.size() >= kAbsent)
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
    return true;
}

bool Vocabulary::add(std::string_view token, std::uint64_t id) {
    if (find(token) || !place(token, id))
        return false;
    m_slots[slotFor(token)] = static_cast<std::int32_t>(id);
    return true;
}

bool Vocabulary::addRepeated(std::string_view token, std::uint64_t id, bool found) {
    if (!find(token) || !place(token, id))
        return false;
    if (found)
        m_slots[slotFor(token)] = static_cast<std::int32_t>(id);
    return true;
}

std::optional<TokenId> Vocabulary::find(std::string_view token) const {
    if (m_slots.empty())
        return std::nullopt;
    const std::int32_t id = m_slots[slotFor(token)];
    return id < 0 ? std::nullopt : std::optional<TokenId>(id);
}

std::optional<std::string_view> Vocabulary::token(TokenId id) const {
    if (id < 0 || static_cast<std::size_t>(id) >= m_entries.size() ||
        m_entries[static_cast<std::size_t>(id)].size == kAbsent)
        return std::nullopt;
    return textOf(m_entries[static_cast<std::size_t>(id)]);
}

} // namespace attune
