#include "core/eval/score.h"

#include <algorithm>

#include "core/stats/bootstrap.h"
#include "core/stats/significance.h"

namespace attune {

Score summarise(std::string id, std::string title, std::vector<double> rows) {
    Score score;
    score.id = std::move(id), score.title = std::move(title);
    score.n = static_cast<std::int64_t>(rows.size());
    score.value = mean(rows);
    if (score.n > 0) {
        if (std::all_of(rows.begin(), rows.end(), [](double v) { return v == 0 || v == 1; }))
            score.interval = wilsonInterval(std::count(rows.begin(), rows.end(), 1.0), score.n);
        else
            score.interval = bootstrapMean(rows);
    }
    score.rows = std::move(rows);
    return score;
}

ScoreChange compareScores(Score before, Score after) {
    ScoreChange change;
    change.delta = after.value - before.value;
    change.paired = before.measured() && before.rows.size() == after.rows.size();
    if (change.paired) {
        change.interval = pairedBootstrap(before.rows, after.rows);
        std::int64_t up = 0, down = 0;
        for (std::size_t i = 0; i < before.rows.size(); ++i)
            up += after.rows[i] > before.rows[i], down += after.rows[i] < before.rows[i];
        change.pValue = signTest(up, down);
    }
    change.before = std::move(before), change.after = std::move(after);
    return change;
}

std::vector<ScoreChange> compareAll(const std::vector<Score>& before, const std::vector<Score>& after) {
    const auto find = [](const std::vector<Score>& scores, const std::string& id) {
        return std::find_if(scores.begin(), scores.end(), [&](const Score& score) { return score.id == id; });
    };
    const auto unmeasured = [](const Score& like) {
        Score score;
        score.id = like.id, score.title = like.title, score.higherIsBetter = like.higherIsBetter;
        return score;
    };
    std::vector<ScoreChange> changes;
    for (const Score& score : before) {
        const auto match = find(after, score.id);
        changes.push_back(compareScores(score, match == after.end() ? unmeasured(score) : *match));
    }
    for (const Score& score : after)
        if (find(before, score.id) == before.end())
            changes.push_back(compareScores(unmeasured(score), score));
    return changes;
}

} // namespace attune
