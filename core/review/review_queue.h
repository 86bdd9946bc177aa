// Blind pairwise review: which item is next, which answer is on which side, and what a verdict means. The side comes
// from a stored seed, so a review can be repeated and audited but not guessed from the screen. A value type; no files,
// no window.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/base/result.h"

namespace attune {

struct PairItem {
    std::string id; // of the sample
    std::string prompt, base, tuned;
    std::string expected; // may be empty
    std::vector<std::string> tags;
};
enum class Preference { Base, Tuned, Tie, BothBad };
enum class SideVerdict { Left, Right, Tie, BothBad }; // what the reviewer sees
Preference preferenceOf(SideVerdict verdict, bool tunedLeft);
const char* preferenceId(Preference verdict); // "base", "tuned", "tie", "both_bad"
Result<Preference> preferenceFromId(std::string_view id);

struct PairVote {
    std::string itemId;
    Preference verdict = Preference::Tie;
    bool tunedLeft = false; // which side the tuned answer was on
    std::string note;
    std::vector<std::string> tags;
    double seconds = 0; // thinking time, 0 = unknown
    bool operator==(const PairVote&) const = default;
};
struct BlindPair {
    std::string left, right;
    bool tunedLeft = false;
};

class ReviewQueue {
public:
    ReviewQueue() = default;
    /// Items in the order of the seed's shuffle. Items whose two answers are equal are kept: they are ties by
    /// definition and are voted so by autoTies().
    ReviewQueue(std::vector<PairItem> items, std::uint64_t seed);
    /// Takes up where a stored review left off; votes for unknown items are ignored, the later of two votes for an item
    /// counts.
    void restore(const std::vector<PairVote>& votes);

    std::size_t size() const { return m_items.size(); }
    std::size_t reviewed() const;
    std::uint64_t seed() const { return m_seed; }
    const PairItem& item(std::size_t index) const { return m_items[index]; }
    BlindPair pair(std::size_t index) const;
    const std::optional<PairVote>& vote(std::size_t index) const { return m_votes[index]; }
    /// The first item from `from` on (then from the start) without a vote; nothing when all are done.
    std::optional<std::size_t> nextUnreviewed(std::size_t from = 0) const;

    /// Records what the reviewer pressed; replaces an earlier vote. Returns the stored vote.
    PairVote record(std::size_t index, SideVerdict verdict, std::string note = {}, std::vector<std::string> tags = {},
                    double seconds = 0);
    /// Takes back the last record() and gives its item's index; nothing when there is nothing to take back.
    std::optional<std::size_t> undo();
    /// Votes Tie on every unreviewed item whose answers are identical; how many.
    std::size_t autoTies();
    std::vector<PairVote> votes() const; // in queue order

private:
    struct Step {
        std::size_t index;
        std::optional<PairVote> before;
    };
    std::vector<PairItem> m_items;
    std::vector<std::optional<PairVote>> m_votes;
    std::vector<Step> m_history;
    std::uint64_t m_seed = 0;
};

} // namespace attune
