// RunStore's record of what a run says: curves, log, checkpoints, generated samples.
#include <cmath>
#include <limits>

#include "core/store/connection.h"
#include "core/store/database.h"
#include "core/store/run_store.h"

namespace attune {

std::future<Status> RunStore::appendMetrics(std::int64_t runId, std::vector<MetricPoint> points) {
    return m_database.post([runId, points = std::move(points)](Connection& connection) -> Status {
        for (const MetricPoint& point : points) {
            // SQLite has no NaN: it is stored as NULL and read back as NaN.
            Query(connection, "INSERT OR REPLACE INTO metrics(run_id,name,step,value) VALUES(?,?,?,?)")
                .bind(runId, point.name, point.step, point.value)
                .exec();
        }
        return {};
    });
}

std::future<Status> RunStore::appendLog(std::int64_t runId, std::vector<RunLogEntry> entries) {
    const std::int64_t now = nowMilliseconds();
    return m_database.post([runId, now, entries = std::move(entries)](Connection& connection) -> Status {
        for (const RunLogEntry& entry : entries)
            Query(connection,
                  "INSERT INTO run_log(run_id,time,step,severity,event_id,message,hint) VALUES(?,?,?,?,?,?,?)")
                .bind(runId, entry.time != 0 ? entry.time : now, entry.step, entry.severity, entry.id, entry.message,
                      entry.hint)
                .exec();
        return {};
    });
}

std::future<Status> RunStore::addCheckpoint(std::int64_t runId, RunCheckpoint checkpoint) {
    return m_database.post([runId, checkpoint = std::move(checkpoint)](Connection& connection) -> Status {
        if (checkpoint.best)
            Query(connection, "UPDATE checkpoints SET best=0 WHERE run_id=? AND best<>0").bind(runId).exec();
        Query(connection, "INSERT OR REPLACE INTO checkpoints(run_id,step,folder,best) VALUES(?,?,?,?)")
            .bind(runId, checkpoint.step, checkpoint.folder, checkpoint.best)
            .exec();
        return {};
    });
}

std::future<Status> RunStore::addSample(std::int64_t runId, RunSample sample) {
    return m_database.post([runId, sample = std::move(sample)](Connection& connection) -> Status {
        Query(connection, "INSERT OR REPLACE INTO run_samples(run_id,step,prompt_index,prompt,expected,completion) "
                          "VALUES(?,?,?,?,?,?)")
            .bind(runId, sample.step, sample.index, sample.prompt, sample.expected, sample.completion)
            .exec();
        return {};
    });
}

Result<std::vector<std::string>> RunStore::metricNames(std::int64_t runId) {
    return m_database.read([&](Connection& connection) -> Result<std::vector<std::string>> {
        std::vector<std::string> names;
        Query query(connection, "SELECT DISTINCT name FROM metrics WHERE run_id=? ORDER BY name");
        query.bind(runId);
        while (query.step())
            names.push_back(query.text(0));
        return names;
    });
}

Result<std::vector<CurvePoint>> RunStore::curve(std::int64_t runId, const std::string& name, std::int64_t afterStep) {
    return m_database.read([&](Connection& connection) -> Result<std::vector<CurvePoint>> {
        std::vector<CurvePoint> points;
        Query query(connection, "SELECT step,value FROM metrics WHERE run_id=? AND name=? AND step>? ORDER BY step");
        query.bind(runId, name, afterStep);
        while (query.step())
            points.push_back(
                {query.integer(0), query.isNull(1) ? std::numeric_limits<double>::quiet_NaN() : query.real(1)});
        return points;
    });
}

Result<std::vector<RunLogEntry>> RunStore::log(std::int64_t runId) {
    return m_database.read([&](Connection& connection) -> Result<std::vector<RunLogEntry>> {
        std::vector<RunLogEntry> entries;
        Query query(connection,
                    "SELECT time,step,severity,event_id,message,hint FROM run_log WHERE run_id=? ORDER BY id");
        query.bind(runId);
        while (query.step())
            entries.push_back(
                {query.integer(0), query.integer(1), query.text(2), query.text(3), query.text(4), query.text(5)});
        return entries;
    });
}

Result<std::vector<RunCheckpoint>> RunStore::checkpoints(std::int64_t runId) {
    return m_database.read([&](Connection& connection) -> Result<std::vector<RunCheckpoint>> {
        std::vector<RunCheckpoint> found;
        Query query(connection, "SELECT step,folder,best FROM checkpoints WHERE run_id=? ORDER BY step");
        query.bind(runId);
        while (query.step())
            found.push_back({query.integer(0), query.text(1), query.integer(2) != 0});
        return found;
    });
}

Result<std::vector<RunSample>> RunStore::samples(std::int64_t runId) {
    return m_database.read([&](Connection& connection) -> Result<std::vector<RunSample>> {
        std::vector<RunSample> found;
        Query query(connection, "SELECT step,prompt_index,prompt,expected,completion FROM run_samples WHERE run_id=? "
                                "ORDER BY step,prompt_index");
        query.bind(runId);
        while (query.step())
            found.push_back(
                {query.integer(0), static_cast<int>(query.integer(1)), query.text(2), query.text(3), query.text(4)});
        return found;
    });
}

} // namespace attune
