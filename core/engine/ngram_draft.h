// Guesses how a text goes on from what it has already said: the last few tokens are looked up earlier in the text, and what
// followed there is proposed (Saxena 2023, prompt lookup decoding). The model checks several proposed tokens in one pass, so
// that copied names, quotations and recurring forms come at several tokens a pass. Decides by its own record how many
// tokens are worth proposing, none where guesses fail. One object per text. No torch.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

namespace attune {

class NgramDraft {
public:
    explicit NgramDraft(std::span<const std::int64_t> prompt);

    /// The text has gone on with this token.
    void append(std::int64_t token);
    /// At most `most` tokens that may follow, none without a likely guess.
    std::vector<std::int64_t> propose(std::int64_t most);
    /// Of the last proposal, so many were right until the first wrong one. Call before append.
    void judge(std::int64_t proposed, std::int64_t right);

private:
    // Longer matches are better guesses: a record for each length.
    static constexpr std::array<std::size_t, 3> kLengths{6, 3, 2};
    struct Record {
        std::unordered_map<std::uint64_t, std::size_t> follower; // hash of n tokens -> where the latest ended
        double rightShare = 0;                                   // of single tokens, recent ones count more
        std::int64_t silentSteps = 0;
    };
    std::uint64_t hashBefore(std::size_t end, std::size_t length) const;

    std::vector<std::int64_t> m_text;
    std::array<Record, kLengths.size()> m_records;
    std::size_t m_used = 0; // the record of the last proposal
};

} // namespace attune
