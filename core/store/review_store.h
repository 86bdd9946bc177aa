// Blind pairwise reviews: items with both answers and which side each is shown on, votes that can be undone, and the
// rows of the CSV export. Safe to call from any thread. Draws no sides and computes no statistics: see core/review.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/base/result.h"

namespace attune {

class Database;

struct ReviewItem {
    std::int64_t id = 0;
    int position = 0;     // order of presentation, 0-based
    std::string sampleId; // Sample::id
    std::string prompt, expected;
    std::string baseAnswer, tunedAnswer;
    bool swapped = false; // true: the tuned answer is on the left
};

enum class Verdict { Left, Right, Tie, BothBad };
const char* verdictId(Verdict verdict); // "left", "right", "tie", "both_bad"

struct Vote {
    std::int64_t itemId = 0;
    Verdict verdict = Verdict::Tie;
    std::string note;
    std::vector<std::string> tags;
    std::int64_t time = 0; // milliseconds since 1970, UTC; 0 = now
    double seconds = 0;    // how long the reviewer looked at it
};

struct ReviewInfo {
    std::int64_t id = 0, runId = 0; // runId 0 = not tied to a run of the project
    std::string name;
    std::uint64_t seed = 0;   // of the sides and the order
    std::int64_t created = 0; // milliseconds since 1970, UTC
    int items = 0, votes = 0;
};

class ReviewStore {
public:
    explicit ReviewStore(Database& database) : m_database(database) {}

    /// Stores a review with its items (ids and positions are set here, in the given order) and returns its id.
    Result<std::int64_t> create(std::int64_t runId, const std::string& name, std::uint64_t seed,
                                const std::vector<ReviewItem>& items);
    Result<std::vector<ReviewInfo>> list(); // newest first
    Result<ReviewInfo> get(std::int64_t reviewId);
    Result<std::vector<ReviewItem>> items(std::int64_t reviewId); // by position
    Status setRemoved(std::int64_t reviewId, bool removed);

    /// Records a verdict; a second one for the same item replaces the first (and undo brings the first back).
    Status vote(const Vote& vote);
    /// Takes back the last verdict of the review and returns it; nothing when there is none.
    Result<std::optional<Vote>> undo(std::int64_t reviewId);
    /// The verdicts that count, by item position.
    Result<std::vector<Vote>> votes(std::int64_t reviewId);
    /// Position of the first item without a verdict; nothing when all are judged.
    Result<std::optional<int>> nextPosition(std::int64_t reviewId);

    /// The review as a table, first row the headings: position, sample_id, prompt, expected, left, right, tuned_side,
    /// verdict, winner
    /// ("base", "tuned", "tie", "both_bad", "" when open), note, tags, time (ISO 8601 UTC), seconds.
    Result<std::vector<std::vector<std::string>>> exportRows(std::int64_t reviewId);

private:
    Database& m_database;
};

} // namespace attune
