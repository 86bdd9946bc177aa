// The tokens of a model: text to id and back. Immutable after building; safe from any thread. Texts lie in one block,
// lookups go through one flat table, so that 256,000 tokens load quickly and no lookup allocates.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/json.h"
#include "core/text/tokenizer.h"
#include "core/text/vocabulary_piece.h"

namespace attune {

/// Ids beyond this are taken for damage: nothing may be sized by a number a file merely declares.
constexpr std::uint64_t kMaxTokenId = (std::uint64_t{1} << 22) - 1;

class Vocabulary {
public:
    /// From an object {token: id}. Ids may have gaps. Errors: InvalidData (an id that is no number, too large, or used
    /// twice).
    static Result<Vocabulary> read(const Json& object, const std::string& where);

    /// By id, as listed. Of pieces with one text the first is found. Errors: InvalidData (empty list, broken UTF-8).
    static Result<Vocabulary> fromPieces(const std::vector<VocabularyPiece>& pieces, const std::string& where);

    /// False when the text or the id is taken, or the id too large. Only while building.
    bool add(std::string_view token, std::uint64_t id);
    /// One more id for a text that is there; find() then gives this one when `found`. False as for add.
    bool addRepeated(std::string_view token, std::uint64_t id, bool found);

    std::optional<TokenId> find(std::string_view token) const;
    std::optional<std::string_view> token(TokenId id) const;
    std::size_t count() const { return m_count; }
    std::size_t idEnd() const { return m_entries.size(); } // highest id + 1

private:
    struct Entry {
        std::uint32_t begin = 0, size = kAbsent;
    };
    static constexpr std::uint32_t kAbsent = 0xFFFFFFFF;
    std::string_view textOf(const Entry& entry) const {
        return std::string_view(m_texts).substr(entry.begin, entry.size);
    }
    void grow();
    std::size_t slotFor(std::string_view token) const; // where it is, or would be
    bool place(std::string_view token, std::uint64_t id);

    std::string m_texts;
    std::vector<Entry> m_entries;      // by id
    std::vector<std::int32_t> m_slots; // open addressing, id or -1
    std::size_t m_count = 0;
};

} // namespace attune
