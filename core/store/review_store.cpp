#include "core/store/review_store.h"

#include <array>
#include <ctime>

#include "core/store/connection.h"
#include "core/store/database.h"
#include "core/store/sample_codec.h"

namespace attune {

namespace {

constexpr std::array kVerdicts{Verdict::Left, Verdict::Right, Verdict::Tie, Verdict::BothBad};

constexpr const char* kReviewColumns = "SELECT r.id,coalesce(r.run_id,0),r.name,r.seed,r.created,(SELECT count(*) FROM "
                                       "review_items i WHERE i.review_id=r.id),"
                                       "(SELECT count(*) FROM review_items i WHERE i.review_id=r.id AND EXISTS(SELECT "
                                       "1 FROM votes v WHERE v.item_id=i.id AND "
                                       "v.undone=0)) FROM reviews r";

// The votes that count: the newest of each item that was not taken back.
constexpr const char* kCountingVotes =
    "SELECT v.item_id,v.verdict,v.note,v.tags,v.time,v.seconds,v.id FROM votes v JOIN review_items i ON i.id=v.item_id "
    "WHERE i.review_id=? AND v.undone=0 AND v.id=(SELECT max(w.id) FROM votes w WHERE w.item_id=v.item_id AND "
    "w.undone=0)";

ReviewInfo readReview(const Query& query) {
    ReviewInfo info;
    info.id = query.integer(0);
    info.runId = query.integer(1);
    info.name = query.text(2);
    info.seed = static_cast<std::uint64_t>(query.integer(3));
    info.created = query.integer(4);
    info.items = static_cast<int>(query.integer(5));
    info.votes = static_cast<int>(query.integer(6));
    return info;
}

Result<Vote> readVote(const Query& query) {
    Vote vote;
    vote.itemId = query.integer(0);
    const std::string id = query.text(1);
    bool known = false;
    for (const Verdict verdict : kVerdicts)
        if (id == verdictId(verdict))
            vote.verdict = verdict, known = true;
    if (!known)
        return fail(ErrorCode::InvalidData, "A stored verdict is damaged (\"" + id + "\")", "Judge that item again.");
    vote.note = query.text(2);
    ATTUNE_ASSIGN(vote.tags, decodeTags(query.text(3)));
    vote.time = query.integer(4);
    vote.seconds = query.real(5);
    return vote;
}

tl::unexpected<Error> noReview(std::int64_t id) {
    return fail(ErrorCode::NotFound, "There is no review " + std::to_string(id) + " in this project",
                "Reload the list of reviews.");
}

std::string isoTime(std::int64_t milliseconds) {
    const auto seconds = static_cast<std::time_t>(milliseconds / 1000);
    std::tm parts{};
    ::gmtime_r(&seconds, &parts);
    char buffer[32];
    std::strftime(buffer, sizeof buffer, "%Y-%m-%dT%H:%M:%SZ", &parts);
    return buffer;
}

std::string winnerOf(const Vote& vote, bool swapped) {
    if (vote.verdict == Verdict::Tie || vote.verdict == Verdict::BothBad)
        return verdictId(vote.verdict);
    return (vote.verdict == Verdict::Left) == swapped ? "tuned" : "base";
}

std::string joined(const std::vector<std::string>& tags) {
    std::string text;
    for (const std::string& tag : tags)
        text += text.empty() ? tag : "; " + tag;
    return text;
}

} // namespace

const char* verdictId(Verdict verdict) {
    switch (verdict) {
    case Verdict::Left:
        return "left";
    case Verdict::Right:
        return "right";
    case Verdict::Tie:
        return "tie";
    case Verdict::BothBad:
        break;
    }
    return "both_bad";
}

Result<std::int64_t> ReviewStore::create(std::int64_t runId, const std::string& name, std::uint64_t seed,
                                         const std::vector<ReviewItem>& items) {
    if (items.empty())
        return fail(ErrorCode::InvalidArgument, "A review needs at least one item", "Choose some held-out rows.");
    std::int64_t id = 0;
    const std::optional<std::int64_t> run = runId != 0 ? std::optional(runId) : std::nullopt;
    ATTUNE_CHECK(m_database.write([&](Connection& connection) -> Status {
        Query(connection, "INSERT INTO reviews(run_id,name,seed,created) VALUES(?,?,?,?)")
            .bind(run, name, static_cast<std::int64_t>(seed), nowMilliseconds())
            .exec();
        id = connection.lastId();
        for (int position = 0; const ReviewItem& item : items)
            Query(connection,
                  "INSERT INTO review_items(review_id,position,sample_id,prompt,expected,base_answer,tuned_answer,"
                  "swapped) VALUES(?,?,?,?,?,?,?,?)")
                .bind(id, position++, item.sampleId, item.prompt, item.expected, item.baseAnswer, item.tunedAnswer,
                      item.swapped)
                .exec();
        return {};
    }));
    return id;
}

Result<std::vector<ReviewInfo>> ReviewStore::list() {
    return m_database.read([&](Connection& connection) -> Result<std::vector<ReviewInfo>> {
        std::vector<ReviewInfo> found;
        Query query(connection, std::string(kReviewColumns) + " WHERE r.removed=0 ORDER BY r.id DESC");
        while (query.step())
            found.push_back(readReview(query));
        return found;
    });
}

Result<ReviewInfo> ReviewStore::get(std::int64_t reviewId) {
    return m_database.read([&](Connection& connection) -> Result<ReviewInfo> {
        Query query(connection, std::string(kReviewColumns) + " WHERE r.id=?");
        if (!query.bind(reviewId).step())
            return noReview(reviewId);
        return readReview(query);
    });
}

Result<std::vector<ReviewItem>> ReviewStore::items(std::int64_t reviewId) {
    return m_database.read([&](Connection& connection) -> Result<std::vector<ReviewItem>> {
        std::vector<ReviewItem> found;
        Query query(connection,
                    "SELECT id,position,sample_id,prompt,expected,base_answer,tuned_answer,swapped FROM review_items "
                    "WHERE review_id=? ORDER BY position");
        query.bind(reviewId);
        while (query.step())
            found.push_back({query.integer(0), static_cast<int>(query.integer(1)), query.text(2), query.text(3),
                             query.text(4), query.text(5), query.text(6), query.integer(7) != 0});
        return found;
    });
}

Status ReviewStore::setRemoved(std::int64_t reviewId, bool removed) {
    return m_database.write([&](Connection& connection) -> Status {
        if (Query(connection, "UPDATE reviews SET removed=? WHERE id=?").bind(removed, reviewId).exec() == 0)
            return noReview(reviewId);
        return {};
    });
}

Status ReviewStore::vote(const Vote& vote) {
    return m_database.write([&](Connection& connection) -> Status {
        {
            Query item(connection, "SELECT 1 FROM review_items WHERE id=?");
            if (!item.bind(vote.itemId).step())
                return fail(ErrorCode::NotFound, "There is no review item " + std::to_string(vote.itemId),
                            "Reload the review.");
        }
        const std::string verdict = verdictId(vote.verdict), tags = encodeTags(vote.tags);
        Query(connection, "INSERT INTO votes(item_id,verdict,note,tags,time,seconds) VALUES(?,?,?,?,?,?)")
            .bind(vote.itemId, verdict, vote.note, tags, vote.time != 0 ? vote.time : nowMilliseconds(), vote.seconds)
            .exec();
        return {};
    });
}

Result<std::optional<Vote>> ReviewStore::undo(std::int64_t reviewId) {
    std::optional<Vote> taken;
    ATTUNE_CHECK(m_database.write([&](Connection& connection) -> Status {
        taken.reset();
        std::int64_t id = 0;
        {
            Query last(connection, std::string(kCountingVotes) + " ORDER BY v.id DESC LIMIT 1");
            if (!last.bind(reviewId).step())
                return {};
            ATTUNE_ASSIGN(taken, readVote(last));
            id = last.integer(6);
        }
        Query(connection, "UPDATE votes SET undone=1 WHERE id=?").bind(id).exec();
        return {};
    }));
    return taken;
}

Result<std::vector<Vote>> ReviewStore::votes(std::int64_t reviewId) {
    return m_database.read([&](Connection& connection) -> Result<std::vector<Vote>> {
        std::vector<Vote> found;
        Query query(connection, std::string(kCountingVotes) + " ORDER BY i.position");
        query.bind(reviewId);
        while (query.step()) {
            ATTUNE_ASSIGN(auto vote, readVote(query));
            found.push_back(std::move(vote));
        }
        return found;
    });
}

Result<std::optional<int>> ReviewStore::nextPosition(std::int64_t reviewId) {
    return m_database.read([&](Connection& connection) -> Result<std::optional<int>> {
        Query query(connection,
                    "SELECT i.position FROM review_items i WHERE i.review_id=? AND NOT EXISTS(SELECT 1 FROM votes v "
                    "WHERE v.item_id=i.id AND v.undone=0) ORDER BY i.position LIMIT 1");
        if (!query.bind(reviewId).step())
            return std::nullopt;
        return static_cast<int>(query.integer(0));
    });
}

Result<std::vector<std::vector<std::string>>> ReviewStore::exportRows(std::int64_t reviewId) {
    ATTUNE_CHECK(get(reviewId));
    ATTUNE_ASSIGN(const auto all, items(reviewId));
    ATTUNE_ASSIGN(const auto cast, votes(reviewId));
    std::vector<std::vector<std::string>> rows{{"position", "sample_id", "prompt", "expected", "left", "right",
                                                "tuned_side", "verdict", "winner", "note", "tags", "time", "seconds"}};
    auto vote = cast.begin(); // both lists are by position
    for (const ReviewItem& item : all) {
        const std::string& left = item.swapped ? item.tunedAnswer : item.baseAnswer;
        const std::string& right = item.swapped ? item.baseAnswer : item.tunedAnswer;
        std::vector<std::string> row{
            std::to_string(item.position + 1), item.sampleId, item.prompt, item.expected, left, right,
            item.swapped ? "left" : "right"};
        if (vote != cast.end() && vote->itemId == item.id) {
            char seconds[32];
            std::snprintf(seconds, sizeof seconds, "%.1f", vote->seconds);
            row.insert(row.end(), {verdictId(vote->verdict), winnerOf(*vote, item.swapped), vote->note,
                                   joined(vote->tags), isoTime(vote->time), seconds});
            ++vote;
        } else {
            row.insert(row.end(), 6, std::string());
        }
        rows.push_back(std::move(row));
    }
    return rows;
}

} // namespace attune
