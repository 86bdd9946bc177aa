// One knob of a sweep: which value of the recipe is turned, and over which values or which range. Read from text such as
// "learning_rate=1e-4..1e-2:log" or "r=4,8,16", checked against the knob's ParamSpec. Value types; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/plan/run_config.h"

namespace attune {

/// What can be turned: a setting ("training.learning_rate", "method.r") or a choice itself ("method.id", "schedule.id").
struct SweepableKnob {
    std::string path;
    ParamSpec spec;
};
/// Every knob of this recipe, in the order of a form. Those that change no weight (threads, watched prompts, checkpoints)
/// are left out.
std::vector<SweepableKnob> sweepableKnobs(const RunConfig& base, const Catalog& catalog);

struct SweepKnob {
    std::string path;
    std::vector<std::string> values; // in the text form of setByPath; empty: a range
    double low = 0, high = 0;        // of a range, both included
    bool logarithmic = false;        // equal ratios instead of equal distances
    std::int64_t points = 3;         // of a range in a grid
    bool whole = false;              // whole numbers only
    bool operator==(const SweepKnob&) const = default;

    bool isRange() const { return values.empty(); }
};

/// "NAME=a,b,c" or "NAME=low..high[:log][:POINTS]". NAME is a path, a key ("learning_rate") or the first word of a label
/// ("rank"); entries of one list value are joined with + ("q_proj+v_proj"). Repeated values count once. Errors:
/// InvalidArgument (no such knob: the nearest is named; a value out of bounds; a range that is none; more than 1,000 values).
Result<SweepKnob> parseSweepKnob(std::string_view text, const RunConfig& base, const Catalog& catalog);
/// The text parseSweepKnob reads back to the same knob.
std::string sweepKnobText(const SweepKnob& knob);
/// Values or range only: what stands after the "=".
std::string sweepKnobValuesText(const SweepKnob& knob);

/// The values a grid takes: the list, or `points` of the range from its low to its high end, each once.
std::vector<std::string> gridValues(const SweepKnob& knob);
/// The value at share u of [0, 1) of the range or list, rounded as in gridValues.
std::string valueAt(const SweepKnob& knob, double u);

} // namespace attune
