#include "core/review/preference_stats.h"

#include <algorithm>
#include <array>
#include <set>

#include "core/stats/significance.h"

namespace attune {

namespace {

void count(PreferenceCount& counts, Preference verdict) {
    switch (verdict) {
    case Preference::Base:
        ++counts.base;
        break;
    case Preference::Tuned:
        ++counts.tuned;
        break;
    case Preference::Tie:
        ++counts.tie;
        break;
    case Preference::BothBad:
        ++counts.bothBad;
        break;
    }
}

void conclude(PreferenceCount& counts) {
    if (counts.decided() > 0)
        counts.winRate = static_cast<double>(counts.tuned) / static_cast<double>(counts.decided());
    counts.interval = wilsonInterval(counts.tuned, counts.decided());
    counts.pValue = signTest(counts.tuned, counts.base);
}

} // namespace

PreferenceStats preferenceStats(const ReviewQueue& queue) {
    PreferenceStats stats;
    std::vector<std::size_t> lengths;
    for (std::size_t i = 0; i < queue.size(); ++i)
        lengths.push_back(queue.item(i).prompt.size());
    std::vector<std::size_t> sorted = lengths;
    std::sort(sorted.begin(), sorted.end());
    const auto lengthClass = [&](std::size_t length) {
        if (length <= sorted[(sorted.size() - 1) / 3])
            return "short";
        return length <= sorted[(sorted.size() - 1) * 2 / 3] ? "medium" : "long";
    };
    for (std::size_t i = 0; i < queue.size(); ++i) {
        const auto& vote = queue.vote(i);
        if (!vote)
            continue;
        count(stats.all, vote->verdict);
        std::set<std::string> tags(queue.item(i).tags.begin(), queue.item(i).tags.end());
        tags.insert(vote->tags.begin(), vote->tags.end());
        for (const std::string& tag : tags)
            count(stats.byTag[tag], vote->verdict);
        count(stats.byLength[lengthClass(lengths[i])], vote->verdict);
        stats.tunedLeft += vote->tunedLeft;
        if (vote->verdict == Preference::Base || vote->verdict == Preference::Tuned)
            ++((vote->verdict == Preference::Tuned) == vote->tunedLeft ? stats.leftChosen : stats.rightChosen);
    }
    conclude(stats.all);
    for (auto* groups : {&stats.byTag, &stats.byLength})
        for (auto& [name, counts] : *groups)
            conclude(counts);
    const double votes = static_cast<double>(stats.all.votes());
    const double undecided = votes > 0 ? 1 - static_cast<double>(stats.all.decided()) / votes : 0;
    stats.sequential = sequentialReview(stats.all.tuned, stats.all.base, 0.05, undecided);
    return stats;
}

Kappa cohensKappa(const std::vector<PairVote>& first, const std::vector<PairVote>& second) {
    std::map<std::string_view, Preference> other;
    for (const PairVote& vote : second)
        other[vote.itemId] = vote.verdict;
    std::array<double, 4> firstCounts{}, secondCounts{};
    Kappa result;
    double agreeing = 0;
    for (const PairVote& vote : first) {
        const auto found = other.find(vote.itemId);
        if (found == other.end())
            continue;
        ++result.items;
        ++firstCounts[static_cast<std::size_t>(vote.verdict)];
        ++secondCounts[static_cast<std::size_t>(found->second)];
        agreeing += vote.verdict == found->second;
    }
    if (result.items == 0)
        return result;
    const double n = static_cast<double>(result.items);
    result.observed = agreeing / n;
    for (std::size_t i = 0; i < firstCounts.size(); ++i)
        result.expected += firstCounts[i] / n * secondCounts[i] / n;
    result.kappa = result.expected >= 1 ? 1 : (result.observed - result.expected) / (1 - result.expected);
    return result;
}

} // namespace attune
