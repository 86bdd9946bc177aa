// One blind review as the view works with it: the stored review, its queue, and the way between the store's rows and the queue's values.
// No widgets; the store calls are short.
#pragma once

#include <vector>

#include "core/data/sample.h"
#include "core/eval/before_after.h"
#include "core/review/review_queue.h"
#include "core/store/review_store.h"

namespace attune {

class Project;

class StoredReview {
public:
    /// Stores a new review of these answers. The side of each pair is drawn from `seed` and stored.
    static Result<StoredReview> create(Project& project, std::int64_t runId, const std::string& name, std::uint64_t seed,
                                       const std::vector<Sample>& rows, const BeforeAfter& answers);
    /// Opens a stored one where it was left.
    static Result<StoredReview> open(Project& project, std::int64_t reviewId);

    const ReviewInfo& info() const { return m_info; }
    const ReviewQueue& queue() const { return m_queue; }
    /// Records a verdict in the queue; what is returned belongs into the store.
    Vote record(std::size_t index, SideVerdict verdict, const std::string& note, double seconds);
    /// Takes back the last verdict of the store; the index of its item, or nothing.
    Result<std::optional<std::size_t>> undo(Project& project);

private:
    Status load(Project& project);
    ReviewInfo m_info;
    ReviewQueue m_queue;
    std::vector<ReviewItem> m_items; // by position in the store
    std::size_t itemOf(std::size_t index) const;
};

} // namespace attune
