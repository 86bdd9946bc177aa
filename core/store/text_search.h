// The SQL function attune_contains(needle, messages, text, chosen, rejected) that the readers use to search samples:
// whatever the case, in the texts themselves and not in the JSON around them.
#pragma once

struct sqlite3;

namespace attune {

void registerTextSearch(sqlite3* database);

} // namespace attune
