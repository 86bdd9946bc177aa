#include "core/review/review_queue.h"

#include <array>
#include <map>

#include "core/base/rng.h"

namespace attune {

namespace {

constexpr std::uint64_t kOrderEpoch = 0x7265766965; // "revie": the order's own stream of the seed
constexpr std::uint64_t kSideStream = 0x73696465;   // "side"

constexpr std::array<std::pair<Preference, const char*>, 4> kIds{{{Preference::Base, "base"},
                                                                  {Preference::Tuned, "tuned"},
                                                                  {Preference::Tie, "tie"},
                                                                  {Preference::BothBad, "both_bad"}}};

} // namespace

Preference preferenceOf(SideVerdict verdict, bool tunedLeft) {
    switch (verdict) {
    case SideVerdict::Left:
        return tunedLeft ? Preference::Tuned : Preference::Base;
    case SideVerdict::Right:
        return tunedLeft ? Preference::Base : Preference::Tuned;
    case SideVerdict::Tie:
        return Preference::Tie;
    case SideVerdict::BothBad:
        break;
    }
    return Preference::BothBad;
}

const char* preferenceId(Preference verdict) {
    for (const auto& [value, id] : kIds)
        if (value == verdict)
            return id;
    return "tie";
}

Result<Preference> preferenceFromId(std::string_view id) {
    for (const auto& [value, name] : kIds)
        if (name == id)
            return value;
    return fail(ErrorCode::InvalidData, "There is no verdict \"" + std::string(id.substr(0, 40)) + "\"",
                "Allowed: base, tuned, tie, both_bad.");
}

ReviewQueue::ReviewQueue(std::vector<PairItem> items, std::uint64_t seed) : m_seed(seed) {
    m_items.reserve(items.size());
    for (const std::uint32_t index : permutation(static_cast<std::uint32_t>(items.size()), seed, kOrderEpoch))
        m_items.push_back(std::move(items[index]));
    m_votes.resize(m_items.size());
}

void ReviewQueue::restore(const std::vector<PairVote>& votes) {
    std::map<std::string_view, std::size_t> places;
    for (std::size_t i = 0; i < m_items.size(); ++i)
        places.emplace(m_items[i].id, i);
    for (const PairVote& vote : votes)
        if (const auto place = places.find(vote.itemId); place != places.end())
            m_votes[place->second] = vote;
    m_history.clear();
}

std::size_t ReviewQueue::reviewed() const {
    std::size_t count = 0;
    for (const auto& vote : m_votes)
        count += vote.has_value();
    return count;
}

BlindPair ReviewQueue::pair(std::size_t index) const {
    const PairItem& shown = m_items[index];
    // One bit of the item's own counter: independent of what was reviewed before.
    const bool tunedLeft = (philox(m_seed, kSideStream, index)[0] & 1) != 0;
    return tunedLeft ? BlindPair{shown.tuned, shown.base, true} : BlindPair{shown.base, shown.tuned, false};
}

std::optional<std::size_t> ReviewQueue::nextUnreviewed(std::size_t from) const {
    for (std::size_t i = 0; i < m_votes.size(); ++i)
        if (const std::size_t place = (from + i) % m_votes.size(); !m_votes[place])
            return place;
    return std::nullopt;
}

PairVote ReviewQueue::record(std::size_t index, SideVerdict verdict, std::string note, std::vector<std::string> tags,
                             double seconds) {
    const bool tunedLeft = pair(index).tunedLeft;
    m_history.push_back({index, m_votes[index]});
    m_votes[index] = PairVote{
        m_items[index].id, preferenceOf(verdict, tunedLeft), tunedLeft, std::move(note), std::move(tags), seconds};
    return *m_votes[index];
}

std::optional<std::size_t> ReviewQueue::undo() {
    if (m_history.empty())
        return std::nullopt;
    Step step = std::move(m_history.back());
    m_history.pop_back();
    m_votes[step.index] = std::move(step.before);
    return step.index;
}

std::size_t ReviewQueue::autoTies() {
    std::size_t count = 0;
    for (std::size_t i = 0; i < m_items.size(); ++i)
        if (!m_votes[i] && m_items[i].base == m_items[i].tuned)
            record(i, SideVerdict::Tie, "identical answers"), ++count;
    return count;
}

std::vector<PairVote> ReviewQueue::votes() const {
    std::vector<PairVote> result;
    for (const auto& vote : m_votes)
        if (vote)
            result.push_back(*vote);
    return result;
}

} // namespace attune
