#include "core/store/run_store.h"

#include <cmath>
#include <limits>

#include "core/base/json.h"
#include "core/store/connection.h"
#include "core/store/database.h"

namespace attune {

namespace {

constexpr const char* kRunColumns =
    "SELECT id,name,recipe,folder,state,model,error,notes,coalesce(dataset_version,0),created,"
    "finished,numbers,removed FROM runs";

std::string encodeNumbers(const std::map<std::string, double>& numbers) {
    Json json = Json::object();
    for (const auto& [name, value] : numbers)
        json[name] = value; // NaN and infinities become null in JSON
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<std::map<std::string, double>> decodeNumbers(const std::string& text) {
    ATTUNE_ASSIGN(const Json json, parseJson(text, "The numbers of a run"));
    std::map<std::string, double> numbers;
    for (const auto& [name, value] : json.items())
        numbers[name] = value.is_number() ? value.get<double>() : std::numeric_limits<double>::quiet_NaN();
    return numbers;
}

Result<RunRecord> readRun(const Query& query) {
    RunRecord run;
    run.id = query.integer(0);
    run.name = query.text(1);
    run.recipe = query.text(2);
    run.folder = query.text(3);
    run.state = query.text(4);
    run.model = query.text(5);
    run.error = query.text(6);
    run.notes = query.text(7);
    run.datasetVersion = query.integer(8);
    run.created = query.integer(9);
    run.finished = query.integer(10);
    ATTUNE_ASSIGN(run.numbers, decodeNumbers(query.text(11)));
    run.removed = query.integer(12) != 0;
    return run;
}

tl::unexpected<Error> noRun(std::int64_t id) {
    return fail(ErrorCode::NotFound, "There is no run " + std::to_string(id) + " in this project",
                "Reload the list of runs.");
}

bool isEnd(const std::string& state) {
    return state == "finished" || state == "stopped" || state == "failed" || state == "interrupted";
}

Status setColumn(Database& database, const char* sql, const std::string& value, std::int64_t runId) {
    return database.write([&](Connection& connection) -> Status {
        if (Query(connection, sql).bind(value, runId).exec() == 0)
            return noRun(runId);
        return {};
    });
}

Result<std::string> exchangeColumn(Database& database, const char* read, const char* write, const std::string& value,
                                   std::int64_t runId) {
    std::string before;
    ATTUNE_CHECK(database.write([&](Connection& connection) -> Status {
        {
            Query old(connection, read);
            if (!old.bind(runId).step())
                return noRun(runId);
            before = old.text(0);
        }
        Query(connection, write).bind(value, runId).exec();
        return {};
    }));
    return before;
}

} // namespace

Result<std::int64_t> RunStore::add(const RunRecord& run) {
    std::int64_t id = 0;
    const std::optional<std::int64_t> version =
        run.datasetVersion != 0 ? std::optional(run.datasetVersion) : std::nullopt;
    const std::string numbers = encodeNumbers(run.numbers);
    ATTUNE_CHECK(m_database.write([&](Connection& connection) -> Status {
        Query(connection,
              "INSERT INTO runs(name,recipe,folder,state,model,error,notes,dataset_version,created,finished,numbers) "
              "VALUES(?,?,?,?,?,?,?,?,?,?,?)")
            .bind(run.name, run.recipe, run.folder, run.state, run.model, run.error, run.notes, version,
                  nowMilliseconds(), run.finished, numbers)
            .exec();
        id = connection.lastId();
        return {};
    }));
    return id;
}

Result<RunRecord> RunStore::get(std::int64_t runId) {
    return m_database.read([&](Connection& connection) -> Result<RunRecord> {
        Query query(connection, std::string(kRunColumns) + " WHERE id=?");
        if (!query.bind(runId).step())
            return noRun(runId);
        return readRun(query);
    });
}

Result<std::vector<RunRecord>> RunStore::list(bool withRemoved) {
    return m_database.read([&](Connection& connection) -> Result<std::vector<RunRecord>> {
        std::vector<RunRecord> found;
        Query query(connection, std::string(kRunColumns) + " WHERE removed=0 OR ? ORDER BY id DESC");
        query.bind(withRemoved);
        while (query.step()) {
            ATTUNE_ASSIGN(auto run, readRun(query));
            found.push_back(std::move(run));
        }
        return found;
    });
}

Status RunStore::setState(std::int64_t runId, const std::string& state, const std::string& error) {
    return m_database.write([&](Connection& connection) -> Status {
        const std::int64_t finished = isEnd(state) ? nowMilliseconds() : 0;
        if (Query(connection, "UPDATE runs SET state=?,error=?,finished=? WHERE id=?")
                .bind(state, error, finished, runId)
                .exec() == 0)
            return noRun(runId);
        return {};
    });
}

Status RunStore::setFolder(std::int64_t runId, const std::string& folder) {
    return setColumn(m_database, "UPDATE runs SET folder=? WHERE id=?", folder, runId);
}

Status RunStore::setNumbers(std::int64_t runId, const std::map<std::string, double>& numbers) {
    return m_database.write([&](Connection& connection) -> Status {
        std::map<std::string, double> merged = numbers;
        {
            Query old(connection, "SELECT numbers FROM runs WHERE id=?");
            if (!old.bind(runId).step())
                return noRun(runId);
            ATTUNE_ASSIGN(auto before, decodeNumbers(old.text(0)));
            merged.merge(before);
        }
        const std::string encoded = encodeNumbers(merged);
        Query(connection, "UPDATE runs SET numbers=? WHERE id=?").bind(encoded, runId).exec();
        return {};
    });
}

Result<std::string> RunStore::setNotes(std::int64_t runId, const std::string& notes) {
    return exchangeColumn(m_database, "SELECT notes FROM runs WHERE id=?", "UPDATE runs SET notes=? WHERE id=?", notes,
                          runId);
}

Result<std::string> RunStore::rename(std::int64_t runId, const std::string& name) {
    return exchangeColumn(m_database, "SELECT name FROM runs WHERE id=?", "UPDATE runs SET name=? WHERE id=?", name,
                          runId);
}

Status RunStore::setRemoved(std::int64_t runId, bool removed) {
    return m_database.write([&](Connection& connection) -> Status {
        if (Query(connection, "UPDATE runs SET removed=? WHERE id=?").bind(removed, runId).exec() == 0)
            return noRun(runId);
        return {};
    });
}

Result<std::int64_t> RunStore::markInterrupted() {
    std::int64_t count = 0;
    ATTUNE_CHECK(m_database.write([&](Connection& connection) -> Status {
        count = Query(connection, "UPDATE runs SET state='interrupted',finished=? WHERE state IN "
                                  "('preparing','running','paused','stopping')")
                    .bind(nowMilliseconds())
                    .exec();
        return {};
    }));
    return count;
}

} // namespace attune
