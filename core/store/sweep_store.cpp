#include "core/store/sweep_store.h"

#include "core/base/json.h"
#include "core/store/connection.h"
#include "core/store/database.h"

namespace attune {

namespace {

constexpr const char* kSweepColumns = "SELECT id,name,recipe,plan,source,state,error,created,finished FROM sweeps";

SweepRecord readSweepRow(const Query& query) {
    return {query.integer(0), query.text(1), query.text(2),    query.text(3),   query.text(4),
            query.text(5),    query.text(6), query.integer(7), query.integer(8)};
}

tl::unexpected<Error> noSweep(std::int64_t id) {
    return fail(ErrorCode::NotFound, "There is no sweep " + std::to_string(id) + " in this project", "Reload the list of sweeps.");
}

template <class T>
Result<std::vector<T>> decodeList(const std::string& text, const char* what) {
    ATTUNE_ASSIGN(const Json json, parseJson(text, what));
    std::vector<T> list;
    for (const Json& entry : json) {
        if constexpr (std::is_same_v<T, std::string>) {
            if (!entry.is_string())
                return fail(ErrorCode::InvalidData, std::string(what) + " are damaged", "Start the sweep anew; its runs can still be used.");
        } else if (!entry.is_number()) {
            return fail(ErrorCode::InvalidData, std::string(what) + " are damaged", "Start the sweep anew; its runs can still be used.");
        }
        list.push_back(entry.get<T>());
    }
    return list;
}

} // namespace

Result<std::int64_t> SweepStore::add(const SweepRecord& sweep, const std::vector<std::vector<std::string>>& trials) {
    std::int64_t id = 0;
    std::vector<std::string> values;
    for (const auto& trial : trials)
        values.push_back(Json(trial).dump(-1, ' ', false, Json::error_handler_t::replace));
    ATTUNE_CHECK(m_database.write([&](Connection& connection) -> Status {
        Query(connection, "INSERT INTO sweeps(name,recipe,plan,source,state,error,created,finished) VALUES(?,?,?,?,?,?,?,0)")
            .bind(sweep.name, sweep.recipe, sweep.plan, sweep.source, sweep.state, sweep.error, nowMilliseconds())
            .exec();
        id = connection.lastId();
        for (std::size_t i = 0; i < values.size(); ++i)
            Query(connection, "INSERT INTO sweep_trials(sweep_id,position,trial_values,run_id,results,error,failed) "
                              "VALUES(?,?,?,NULL,'[]','',0)")
                .bind(id, static_cast<std::int64_t>(i), values[i])
                .exec();
        return {};
    }));
    return id;
}

Result<SweepRecord> SweepStore::get(std::int64_t sweepId) {
    return m_database.read([&](Connection& connection) -> Result<SweepRecord> {
        Query query(connection, std::string(kSweepColumns) + " WHERE id=?");
        if (!query.bind(sweepId).step())
            return noSweep(sweepId);
        return readSweepRow(query);
    });
}

Result<std::vector<SweepRecord>> SweepStore::list() {
    return m_database.read([&](Connection& connection) -> Result<std::vector<SweepRecord>> {
        std::vector<SweepRecord> found;
        Query query(connection, std::string(kSweepColumns) + " ORDER BY id DESC");
        while (query.step())
            found.push_back(readSweepRow(query));
        return found;
    });
}

Result<std::vector<SweepTrialRecord>> SweepStore::trials(std::int64_t sweepId) {
    return m_database.read([&](Connection& connection) -> Result<std::vector<SweepTrialRecord>> {
        std::vector<SweepTrialRecord> found;
        Query query(connection, "SELECT position,trial_values,coalesce(run_id,0),results,failed,error FROM sweep_trials "
                                "WHERE sweep_id=? ORDER BY position");
        query.bind(sweepId);
        while (query.step()) {
            SweepTrialRecord trial;
            trial.position = query.integer(0);
            ATTUNE_ASSIGN(trial.values, decodeList<std::string>(query.text(1), "The values of a trial"));
            trial.runId = query.integer(2);
            ATTUNE_ASSIGN(trial.results, decodeList<double>(query.text(3), "The results of a trial"));
            trial.failed = query.integer(4) != 0;
            trial.error = query.text(5);
            found.push_back(std::move(trial));
        }
        return found;
    });
}

Status SweepStore::setState(std::int64_t sweepId, const std::string& state, const std::string& error) {
    return m_database.write([&](Connection& connection) -> Status {
        const std::int64_t finished = state == "running" || state == "waiting" ? 0 : nowMilliseconds();
        if (Query(connection, "UPDATE sweeps SET state=?,error=?,finished=? WHERE id=?").bind(state, error, finished, sweepId).exec() == 0)
            return noSweep(sweepId);
        return {};
    });
}

Status SweepStore::setTrial(std::int64_t sweepId, const SweepTrialRecord& trial) {
    const std::string results = Json(trial.results).dump();
    const std::optional<std::int64_t> run = trial.runId != 0 ? std::optional(trial.runId) : std::nullopt;
    return m_database.write([&](Connection& connection) -> Status {
        if (Query(connection, "UPDATE sweep_trials SET run_id=?,results=?,failed=?,error=? WHERE sweep_id=? AND position=?")
                .bind(run, results, trial.failed, trial.error, sweepId, trial.position)
                .exec() == 0)
            return fail(ErrorCode::NotFound, "Sweep " + std::to_string(sweepId) + " has no trial " + std::to_string(trial.position + 1),
                        "Reload the sweep.");
        return {};
    });
}

Status SweepStore::markInterrupted() {
    return m_database.write([](Connection& connection) -> Status {
        Query(connection, "UPDATE sweeps SET state='interrupted',finished=? WHERE state='running'").bind(nowMilliseconds()).exec();
        return {};
    });
}

} // namespace attune
