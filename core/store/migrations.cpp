#include "core/store/migrations.h"

#include <SQLiteCpp/Transaction.h>

#include "core/store/connection.h"

namespace attune {

namespace {

// `contents` holds texts that never change; `samples` is small, so that changing a split or counting does not touch the
// texts. content_id has no foreign key on purpose: removing a half import would then search `samples` once per content.
constexpr const char* kDatasets = R"(
CREATE TABLE settings(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE datasets(
    id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, source_file TEXT NOT NULL, mapping TEXT NOT NULL,
    tokenizer TEXT NOT NULL DEFAULT '', created INTEGER NOT NULL, state TEXT NOT NULL, removed INTEGER NOT NULL DEFAULT 0);
CREATE TABLE contents(
    id INTEGER PRIMARY KEY, kind INTEGER NOT NULL, hash BLOB NOT NULL, messages TEXT NOT NULL, text TEXT NOT NULL,
    chosen TEXT NOT NULL, rejected TEXT NOT NULL, label INTEGER NOT NULL, margin REAL NOT NULL);
CREATE TABLE samples(
    id INTEGER PRIMARY KEY AUTOINCREMENT, dataset_id INTEGER NOT NULL REFERENCES datasets(id), content_id INTEGER NOT NULL,
    imported_id INTEGER NOT NULL, kind INTEGER NOT NULL, split INTEGER NOT NULL, deleted INTEGER NOT NULL DEFAULT 0,
    source_row INTEGER NOT NULL, length INTEGER NOT NULL, tokens INTEGER, hash BLOB NOT NULL, sample_id TEXT NOT NULL,
    tags TEXT NOT NULL);
CREATE INDEX samples_by_dataset ON samples(dataset_id, deleted);
CREATE TABLE import_problems(
    id INTEGER PRIMARY KEY, dataset_id INTEGER NOT NULL REFERENCES datasets(id), row INTEGER NOT NULL, line INTEGER NOT NULL,
    field TEXT NOT NULL, reason TEXT NOT NULL);
CREATE INDEX problems_by_dataset ON import_problems(dataset_id);
CREATE TABLE versions(
    id INTEGER PRIMARY KEY AUTOINCREMENT, dataset_id INTEGER NOT NULL REFERENCES datasets(id), number INTEGER NOT NULL,
    hash TEXT NOT NULL, note TEXT NOT NULL, created INTEGER NOT NULL, rows_none INTEGER NOT NULL, rows_train INTEGER NOT NULL,
    rows_validation INTEGER NOT NULL, rows_test INTEGER NOT NULL, UNIQUE(dataset_id, number));
CREATE TABLE version_rows(
    version_id INTEGER NOT NULL REFERENCES versions(id), split INTEGER NOT NULL, position INTEGER NOT NULL,
    row_id INTEGER NOT NULL, content_id INTEGER NOT NULL, PRIMARY KEY(version_id, split, position)) WITHOUT ROWID;
)";

constexpr const char* kRuns = R"(
CREATE TABLE runs(
    id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, recipe TEXT NOT NULL, folder TEXT NOT NULL, state TEXT NOT NULL,
    model TEXT NOT NULL, error TEXT NOT NULL, notes TEXT NOT NULL, dataset_version INTEGER REFERENCES versions(id),
    created INTEGER NOT NULL, finished INTEGER NOT NULL, numbers TEXT NOT NULL, removed INTEGER NOT NULL DEFAULT 0);
CREATE TABLE metrics(
    run_id INTEGER NOT NULL REFERENCES runs(id), name TEXT NOT NULL, step INTEGER NOT NULL, value REAL,
    PRIMARY KEY(run_id, name, step)) WITHOUT ROWID;
CREATE TABLE run_log(
    id INTEGER PRIMARY KEY, run_id INTEGER NOT NULL REFERENCES runs(id), time INTEGER NOT NULL, step INTEGER NOT NULL,
    severity TEXT NOT NULL, event_id TEXT NOT NULL, message TEXT NOT NULL, hint TEXT NOT NULL);
CREATE INDEX log_by_run ON run_log(run_id);
CREATE TABLE checkpoints(
    run_id INTEGER NOT NULL REFERENCES runs(id), step INTEGER NOT NULL, folder TEXT NOT NULL, best INTEGER NOT NULL,
    PRIMARY KEY(run_id, step)) WITHOUT ROWID;
CREATE TABLE run_samples(
    run_id INTEGER NOT NULL REFERENCES runs(id), step INTEGER NOT NULL, prompt_index INTEGER NOT NULL, prompt TEXT NOT NULL,
    expected TEXT NOT NULL, completion TEXT NOT NULL, PRIMARY KEY(run_id, step, prompt_index)) WITHOUT ROWID;
)";

constexpr const char* kReviews = R"(
CREATE TABLE reviews(
    id INTEGER PRIMARY KEY AUTOINCREMENT, run_id INTEGER REFERENCES runs(id), name TEXT NOT NULL, seed INTEGER NOT NULL,
    created INTEGER NOT NULL, removed INTEGER NOT NULL DEFAULT 0);
CREATE TABLE review_items(
    id INTEGER PRIMARY KEY AUTOINCREMENT, review_id INTEGER NOT NULL REFERENCES reviews(id), position INTEGER NOT NULL,
    sample_id TEXT NOT NULL, prompt TEXT NOT NULL, expected TEXT NOT NULL, base_answer TEXT NOT NULL, tuned_answer TEXT NOT NULL,
    swapped INTEGER NOT NULL, UNIQUE(review_id, position));
CREATE TABLE votes(
    id INTEGER PRIMARY KEY AUTOINCREMENT, item_id INTEGER NOT NULL REFERENCES review_items(id), verdict TEXT NOT NULL,
    note TEXT NOT NULL, tags TEXT NOT NULL, time INTEGER NOT NULL, seconds REAL NOT NULL, undone INTEGER NOT NULL DEFAULT 0);
CREATE INDEX votes_by_item ON votes(item_id);
)";

constexpr const char* kSweeps = R"(
CREATE TABLE sweeps(
    id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, recipe TEXT NOT NULL, plan TEXT NOT NULL, source TEXT NOT NULL,
    state TEXT NOT NULL, error TEXT NOT NULL, created INTEGER NOT NULL, finished INTEGER NOT NULL);
CREATE TABLE sweep_trials(
    sweep_id INTEGER NOT NULL REFERENCES sweeps(id), position INTEGER NOT NULL, trial_values TEXT NOT NULL,
    run_id INTEGER REFERENCES runs(id), results TEXT NOT NULL, error TEXT NOT NULL, failed INTEGER NOT NULL,
    PRIMARY KEY(sweep_id, position)) WITHOUT ROWID;
)";

// How many of the last lines of a completion are calls of functions.
constexpr const char* kAnswerCalls = R"(
ALTER TABLE contents ADD COLUMN chosen_calls INTEGER NOT NULL DEFAULT 0;
ALTER TABLE contents ADD COLUMN rejected_calls INTEGER NOT NULL DEFAULT 0;
)";

constexpr Migration kMigrations[] = {{1, kDatasets}, {2, kRuns}, {3, kReviews}, {4, kSweeps}, {5, kAnswerCalls}};

} // namespace

std::span<const Migration> projectMigrations() {
    return kMigrations;
}

Status migrate(Connection& connection, std::span<const Migration> migrations) {
    const int current = connection.database().execAndGet("PRAGMA user_version").getInt();
    const int last = migrations.empty() ? 0 : migrations.back().version;
    if (current > last)
        return fail(ErrorCode::Unsupported,
                    "The project was made by a newer version of Attune (its tables are at step " +
                        std::to_string(current) + ", this program knows " + std::to_string(last) + ")",
                    "Install the newer version; this one leaves the project untouched.");
    if (current == last)
        return {};
    SQLite::Transaction transaction(connection.database(), SQLite::TransactionBehavior::IMMEDIATE);
    for (const Migration& step : migrations)
        if (step.version > current)
            connection.exec(step.sql);
    connection.exec("PRAGMA user_version=" + std::to_string(last));
    connection.exec("PRAGMA application_id=" + std::to_string(kApplicationId));
    transaction.commit();
    return {};
}

} // namespace attune
