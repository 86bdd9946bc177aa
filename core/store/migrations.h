// The tables, step by step. A step that was released is never edited: a change is a new step at the end.
#pragma once

#include <span>

#include "core/base/result.h"

namespace attune {

class Connection;

struct Migration {
    int version = 0; // 1, 2, 3 ... the database's user_version after it
    const char* sql = "";
};

std::span<const Migration> projectMigrations();

/// Marks in the file that it is a project of ours (SQLite's application_id).
inline constexpr int kApplicationId = 0x4154544E; // "ATTN"

/// Brings the tables up to the last step, all missing steps in one transaction: either all of them or none.
/// Errors: Unsupported when the file is newer than the last step; exceptions of SQLite pass through.
Status migrate(Connection& connection, std::span<const Migration> migrations);

} // namespace attune
