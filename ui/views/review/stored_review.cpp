#include "ui/views/review/stored_review.h"

#include <algorithm>
#include <set>

#include "core/store/project.h"

namespace attune {

namespace {

Verdict stored(SideVerdict verdict) {
    switch (verdict) {
    case SideVerdict::Left: return Verdict::Left;
    case SideVerdict::Right: return Verdict::Right;
    case SideVerdict::Tie: return Verdict::Tie;
    case SideVerdict::BothBad: return Verdict::BothBad;
    }
    return Verdict::Tie;
}

SideVerdict shown(Verdict verdict) {
    switch (verdict) {
    case Verdict::Left: return SideVerdict::Left;
    case Verdict::Right: return SideVerdict::Right;
    case Verdict::Tie: return SideVerdict::Tie;
    case Verdict::BothBad: return SideVerdict::BothBad;
    }
    return SideVerdict::Tie;
}

} // namespace

Result<StoredReview> StoredReview::create(Project& project, std::int64_t runId, const std::string& name, std::uint64_t seed,
                                          const std::vector<Sample>& rows, const BeforeAfter& answers) {
    std::vector<PairItem> pairs;
    std::set<std::string> used; // ids come from the user's file: they may repeat or hold line breaks
    for (std::size_t i = 0; i < rows.size(); ++i) {
        const auto& messages = rows[i].messages;
        std::string id = rows[i].id;
        std::replace(id.begin(), id.end(), '\n', ' ');
        for (int copy = 2; !used.insert(id).second; ++copy)
            id = rows[i].id.substr(0, rows[i].id.find('\n')) + " (" + std::to_string(copy) + ")";
        pairs.push_back({id, messages[messages.size() - 2].content, answers.base[i], answers.tuned[i], answers.expected[i], rows[i].tags});
    }
    // The queue draws order and sides; the store keeps both, so that a review can be audited without this program's shuffle.
    const ReviewQueue queue(pairs, seed);
    std::vector<ReviewItem> items;
    for (std::size_t i = 0; i < queue.size(); ++i) {
        const PairItem& item = queue.item(i);
        items.push_back({0, 0, item.id, item.prompt, item.expected, item.base, item.tuned, queue.pair(i).tunedLeft});
    }
    ATTUNE_ASSIGN(const std::int64_t id, project.reviews().create(runId, name, seed, items));
    // Kept in the order the queue was made from: the same input and seed give the same sides again.
    std::string order;
    for (const PairItem& pair : pairs)
        order += pair.id + '\n';
    ATTUNE_CHECK(project.setSetting("review.order." + std::to_string(id), order));
    return open(project, id);
}

Result<StoredReview> StoredReview::open(Project& project, std::int64_t reviewId) {
    StoredReview review;
    ATTUNE_ASSIGN(review.m_info, project.reviews().get(reviewId));
    ATTUNE_CHECK(review.load(project));
    return review;
}

Status StoredReview::load(Project& project) {
    ATTUNE_ASSIGN(m_items, project.reviews().items(m_info.id));
    ATTUNE_ASSIGN(const auto order, project.setting("review.order." + std::to_string(m_info.id)));
    std::vector<PairItem> pairs;
    std::string id;
    for (const char c : order.value_or("")) {
        if (c != '\n') {
            id += c;
            continue;
        }
        const auto found = std::find_if(m_items.begin(), m_items.end(), [&](const ReviewItem& item) { return item.sampleId == id; });
        if (found != m_items.end())
            pairs.push_back({found->sampleId, found->prompt, found->baseAnswer, found->tunedAnswer, found->expected, {}});
        id.clear();
    }
    m_queue = ReviewQueue(std::move(pairs), m_info.seed);
    for (std::size_t i = 0; i < m_queue.size(); ++i) {
        if (m_items[itemOf(i)].swapped != m_queue.pair(i).tunedLeft)
            return fail(ErrorCode::InvalidData, "The stored sides of review \"" + m_info.name + "\" do not fit its seed",
                        "Start a new review; this one cannot be continued safely.");
    }
    ATTUNE_ASSIGN(const auto votes, project.reviews().votes(m_info.id));
    std::vector<PairVote> restored;
    for (const Vote& vote : votes) {
        const auto item = std::find_if(m_items.begin(), m_items.end(), [&](const ReviewItem& candidate) { return candidate.id == vote.itemId; });
        if (item != m_items.end())
            restored.push_back({item->sampleId, preferenceOf(shown(vote.verdict), item->swapped), item->swapped, vote.note, vote.tags, vote.seconds});
    }
    m_queue.restore(restored);
    return {};
}

std::size_t StoredReview::itemOf(std::size_t index) const {
    const std::string& id = m_queue.item(index).id;
    const auto found = std::find_if(m_items.begin(), m_items.end(), [&](const ReviewItem& item) { return item.sampleId == id; });
    return std::size_t(found - m_items.begin());
}

Vote StoredReview::record(std::size_t index, SideVerdict verdict, const std::string& note, double seconds) {
    Vote vote;
    vote.itemId = m_items[itemOf(index)].id;
    vote.verdict = stored(verdict);
    vote.note = note;
    vote.seconds = seconds;
    m_queue.record(index, verdict, note, {}, seconds);
    return vote;
}

Result<std::optional<std::size_t>> StoredReview::undo(Project& project) {
    ATTUNE_ASSIGN(const auto taken, project.reviews().undo(m_info.id));
    if (!taken)
        return std::optional<std::size_t>{};
    ATTUNE_CHECK(load(project)); // the verdict before it, if there was one, counts again
    for (std::size_t i = 0; i < m_queue.size(); ++i) {
        if (m_items[itemOf(i)].id == taken->itemId)
            return std::optional<std::size_t>{i};
    }
    return std::optional<std::size_t>{};
}

} // namespace attune
