// TrainingEvents as JSON objects: {"type":"step","step":12,...}. The form of metrics.jsonl and of `train --json`.
#pragma once

#include "core/base/json.h"
#include "core/run/training_event.h"

namespace attune {

/// NaN and infinities are written as the strings "nan", "inf", "-inf" (JSON has no other way), and read back.
Json eventToJson(const TrainingEvent& event);
/// Errors: InvalidData (unknown type, wrong kind of field). Missing fields keep their defaults, unknown ones are
/// ignored.
Result<TrainingEvent> eventFromJson(const Json& json);
const char* errorCodeId(ErrorCode code); // "invalid_argument" ...

} // namespace attune
