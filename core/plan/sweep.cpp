#include "core/plan/sweep.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <set>

#include "core/base/rng.h"
#include "core/plan/param_check.h"

namespace attune {

namespace {

constexpr std::uint64_t kTrialStream = 0x5357454550; // "SWEEP"

constexpr std::array<std::pair<SweepKind, const char*>, 3> kKinds{
    {{SweepKind::Grid, "grid"}, {SweepKind::Random, "random"}, {SweepKind::Halving, "halving"}}};

std::int64_t power(std::int64_t base, int exponent) {
    std::int64_t result = 1;
    for (int i = 0; i < exponent; ++i)
        result *= base;
    return result;
}

// As the training loop counts them.
std::int64_t totalSteps(const RunConfig& config, std::int64_t rows) {
    const auto& specs = trainingParams().params;
    if (const std::int64_t steps = paramInt(config.training, specs, "max_steps"); steps > 0)
        return steps;
    const std::int64_t batch =
        std::max<std::int64_t>(1, std::min(rows, paramInt(config.training, specs, "batch_size") * paramInt(config.training, specs, "gradient_accumulation")));
    const std::int64_t inEpoch = std::max<std::int64_t>(1, (rows + batch - 1) / batch);
    return std::max<std::int64_t>(1, std::llround(std::ceil(paramDouble(config.training, specs, "epochs") * static_cast<double>(inEpoch))));
}

Status checkPlan(const SweepPlan& plan) {
    if (plan.knobs.empty())
        return fail(ErrorCode::InvalidArgument, "A sweep needs a knob to turn", "Choose at least one setting and its values.");
    std::set<std::string> paths;
    for (const SweepKnob& knob : plan.knobs) {
        if (!paths.insert(knob.path).second)
            return fail(ErrorCode::InvalidArgument, knob.path + " is given twice", "Put all its values into one list.");
        for (const char* own : {"training.max_steps", "training.epochs", "training.eval_every"})
            if (plan.kind == SweepKind::Halving && knob.path == own)
                return fail(ErrorCode::InvalidArgument, "Successive halving sets " + knob.path + " itself", "Leave it out, or choose grid or random.");
    }
    ATTUNE_CHECK(findSweepMetric(plan.metric));
    if (plan.kind != SweepKind::Grid && plan.trials < 2)
        return fail(ErrorCode::InvalidArgument, "A sweep needs at least two trials", "8 to 30 are usual.");
    if (plan.kind == SweepKind::Halving && (plan.eta < 2 || plan.eta > 10))
        return fail(ErrorCode::InvalidArgument, "Successive halving cannot keep one in " + std::to_string(plan.eta), "Allowed: from 2 to 10.");
    return {};
}

tl::unexpected<Error> tooMany(const std::string& count) {
    return fail(ErrorCode::InvalidArgument, "That makes " + count + " trials; at most " + std::to_string(kMaxSweepTrials) + " are possible",
                "Give fewer values, or choose random with a number of trials.");
}

// Nothing when there are more combinations than a sweep may have.
std::optional<std::vector<TrialValues>> allCombinations(const SweepPlan& plan) {
    std::vector<TrialValues> trials{{}};
    for (const SweepKnob& knob : plan.knobs) {
        std::vector<TrialValues> longer;
        const std::vector<std::string> values = gridValues(knob);
        if (trials.size() * values.size() > kMaxSweepTrials)
            return std::nullopt;
        for (const TrialValues& trial : trials)
            for (const std::string& value : values) {
                longer.push_back(trial);
                longer.back().push_back(value);
            }
        trials = std::move(longer);
    }
    return trials;
}

// A range has more values than anybody counts.
bool isSmallSpace(const SweepPlan& plan) {
    double count = 1;
    for (const SweepKnob& knob : plan.knobs)
        count *= knob.isRange() ? (knob.whole ? knob.high - knob.low + 1 : 1e9) : static_cast<double>(knob.values.size());
    return count <= static_cast<double>(plan.trials);
}

std::vector<TrialValues> drawnTrials(const SweepPlan& plan) {
    if (isSmallSpace(plan)) { // every combination, which drawing alone would reach late or never
        SweepPlan whole = plan;
        for (SweepKnob& knob : whole.knobs)
            if (knob.isRange())
                knob.points = std::max<std::int64_t>(2, static_cast<std::int64_t>(knob.high - knob.low) + 1), knob.logarithmic = false;
        if (auto all = allCombinations(whole))
            return std::move(*all);
    }
    Rng rng(plan.seed, kTrialStream);
    std::set<TrialValues> known;
    std::vector<TrialValues> trials;
    const std::int64_t attempts = 100 * plan.trials; // a space may hold fewer neat values than were asked for
    for (std::int64_t i = 0; i < attempts && std::ssize(trials) < plan.trials; ++i) {
        TrialValues trial;
        for (const SweepKnob& knob : plan.knobs)
            trial.push_back(valueAt(knob, rng.uniform()));
        if (known.insert(trial).second)
            trials.push_back(std::move(trial));
    }
    return trials;
}

// The trials that compete at `rung`, best first.
std::vector<std::size_t> membersOf(const SweepPlan& plan, const std::vector<TrialOutcome>& outcomes, int rung) {
    std::vector<std::size_t> members(outcomes.size());
    std::iota(members.begin(), members.end(), std::size_t{0});
    const auto metric = findSweepMetric(plan.metric);
    const bool higher = metric && metric->higherIsBetter;
    for (int i = 0; i < rung; ++i) {
        std::erase_if(members, [&](std::size_t t) { return std::ssize(outcomes[t].results) <= i; });
        std::stable_sort(members.begin(), members.end(), [&](std::size_t a, std::size_t b) {
            const double left = outcomes[a].results[static_cast<std::size_t>(i)], right = outcomes[b].results[static_cast<std::size_t>(i)];
            return left != right ? (higher ? left > right : left < right) : a < b;
        });
        members.resize(std::min(members.size(), trialsAtRung(plan, outcomes.size(), i + 1)));
    }
    return members;
}

} // namespace

const char* sweepKindId(SweepKind kind) {
    for (const auto& [value, id] : kKinds)
        if (value == kind)
            return id;
    return "grid";
}

Result<SweepKind> sweepKindFromId(std::string_view id) {
    for (const auto& [value, name] : kKinds)
        if (name == id)
            return value;
    const std::vector<std::string> names{"grid", "random", "halving"};
    const std::string near = nearestWord(id, names);
    return fail(ErrorCode::InvalidArgument, "There is no kind of sweep \"" + std::string(id.substr(0, 40)) + "\"",
                (near.empty() ? "" : "Did you mean " + near + "? ") + "Allowed: grid, random, halving.");
}

const std::vector<SweepMetric>& sweepMetrics() {
    static const std::vector<SweepMetric> list{
        {"validation_loss", "Validation loss", false},
        {"loss", "Training loss", false},
        {"validation_rewards/accuracies", "Validation pairs ranked right", true},
        {"validation_rewards/margins", "Validation reward margin", true},
    };
    return list;
}

Result<SweepMetric> findSweepMetric(std::string_view id) {
    std::vector<std::string> ids;
    for (const SweepMetric& metric : sweepMetrics()) {
        if (metric.id == id)
            return metric;
        ids.push_back(metric.id);
    }
    const std::string near = nearestWord(id, ids);
    std::string all;
    for (const std::string& one : ids)
        all += (all.empty() ? "" : ", ") + one;
    return fail(ErrorCode::InvalidArgument, "Trials cannot be compared by \"" + std::string(id.substr(0, 80)) + "\"",
                (near.empty() ? "" : "Did you mean " + near + "? ") + "Allowed: " + all + ".");
}

int rungCount(const SweepPlan& plan, std::size_t trialCount) {
    if (plan.kind != SweepKind::Halving)
        return 1;
    int rungs = 1;
    for (auto left = static_cast<std::int64_t>(trialCount); left >= plan.eta; left /= plan.eta)
        ++rungs;
    return rungs;
}

std::size_t trialsAtRung(const SweepPlan& plan, std::size_t trialCount, int rung) {
    return std::max<std::size_t>(1, trialCount / static_cast<std::size_t>(power(plan.eta, rung)));
}

std::int64_t stepsAtRung(const SweepPlan& plan, std::size_t trialCount, const RunConfig& recipe, int rung) {
    const int last = rungCount(plan, trialCount) - 1;
    return rung >= last ? 0 : paramInt(recipe.training, trainingParams().params, "max_steps") / power(plan.eta, last - rung);
}

Result<RunConfig> trialRecipe(const SweepPlan& plan, std::size_t trialCount, const RunConfig& base, const TrialValues& values,
                              const Catalog& catalog) {
    RunConfig recipe = base;
    // Choices first: they take the settings of the former choice away.
    for (const bool choices : {true, false})
        for (std::size_t i = 0; i < plan.knobs.size() && i < values.size(); ++i)
            if (plan.knobs[i].path.ends_with(".id") == choices)
                ATTUNE_CHECK(setByPath(recipe, plan.knobs[i].path + "=" + values[i], catalog));
    if (plan.kind != SweepKind::Halving)
        return recipe;
    const std::int64_t steps = totalSteps(recipe, plan.rows), rungs = rungCount(plan, trialCount);
    const std::int64_t parts = power(plan.eta, static_cast<int>(rungs) - 1);
    if (steps < parts)
        return fail(ErrorCode::InvalidArgument,
                    "A run of " + std::to_string(steps) + " steps is too short for " + std::to_string(rungs) + " rungs, which need " + std::to_string(parts),
                    "Train longer, use a smaller batch, or try fewer settings.");
    const std::int64_t first = std::max<std::int64_t>(1, std::llround(static_cast<double>(steps) / static_cast<double>(parts)));
    const std::int64_t measured = paramInt(recipe.training, trainingParams().params, "eval_every");
    recipe.training["max_steps"] = first * parts;
    if (measured == 0 || first % measured != 0)
        recipe.training["eval_every"] = first;
    return recipe;
}

Result<std::vector<TrialValues>> sweepTrials(const SweepPlan& plan, const RunConfig& base, const Catalog& catalog) {
    ATTUNE_CHECK(checkPlan(plan));
    std::vector<TrialValues> trials;
    if (plan.kind == SweepKind::Grid) {
        auto all = allCombinations(plan);
        if (!all)
            return tooMany("more than " + std::to_string(kMaxSweepTrials));
        trials = std::move(*all);
    } else {
        if (plan.trials > static_cast<std::int64_t>(kMaxSweepTrials))
            return tooMany(std::to_string(plan.trials));
        trials = drawnTrials(plan);
    }
    for (const TrialValues& trial : trials) {
        ATTUNE_ASSIGN(const RunConfig recipe, trialRecipe(plan, trials.size(), base, trial, catalog));
        for (const Complaint& complaint : checkRunConfig(recipe, catalog))
            if (complaint.severity == Complaint::Severity::Error)
                return fail(ErrorCode::InvalidArgument, complaint.message, complaint.hint);
    }
    return trials;
}

std::optional<NextTrial> nextTrial(const SweepPlan& plan, const std::vector<TrialOutcome>& outcomes) {
    const int rungs = rungCount(plan, outcomes.size());
    for (int rung = 0; rung < rungs; ++rung)
        for (const std::size_t trial : membersOf(plan, outcomes, rung))
            if (!outcomes[trial].failed && std::ssize(outcomes[trial].results) <= rung)
                return NextTrial{trial, rung};
    return std::nullopt;
}

std::vector<std::size_t> sweepRanking(const SweepPlan& plan, const std::vector<TrialOutcome>& outcomes) {
    std::vector<std::size_t> order;
    for (std::size_t i = 0; i < outcomes.size(); ++i)
        if (!outcomes[i].failed && !outcomes[i].results.empty())
            order.push_back(i);
    const auto metric = findSweepMetric(plan.metric);
    const bool higher = metric && metric->higherIsBetter;
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
        const auto& left = outcomes[a].results;
        const auto& right = outcomes[b].results;
        if (left.size() != right.size())
            return left.size() > right.size();
        return higher ? left.back() > right.back() : left.back() < right.back();
    });
    return order;
}

Result<SweepEstimate> estimateSweep(const SweepPlan& plan, const RunConfig& base, const ModelConfig& model, const DataShape& data,
                                    const Computer& computer, const Catalog& catalog) {
    ATTUNE_ASSIGN(const std::vector<TrialValues> trials, sweepTrials(plan, base, catalog));
    SweepEstimate estimate;
    estimate.trials = trials.size();
    double steps = 0, seconds = 0;
    for (const TrialValues& trial : trials) {
        ATTUNE_ASSIGN(const RunConfig recipe, trialRecipe(plan, trials.size(), base, trial, catalog));
        const TimeEstimate time = estimateTime(model, recipe, catalog, data, computer);
        steps += static_cast<double>(time.steps), seconds += time.seconds;
        estimate.peakBytes = std::max(estimate.peakBytes, estimateMemory(model, recipe, catalog, data, computer).total());
    }
    // Of all whole runs, the share that is trained: each rung's trials go from the rung before to this one.
    double share = 1;
    if (const int rungs = rungCount(plan, trials.size()); rungs > 1) {
        double sum = 0, before = 0;
        for (int rung = 0; rung < rungs; ++rung) {
            const double reached = 1.0 / static_cast<double>(power(plan.eta, rungs - 1 - rung));
            sum += static_cast<double>(trialsAtRung(plan, trials.size(), rung)) * (reached - before);
            before = reached;
        }
        share = sum / static_cast<double>(trials.size());
    }
    estimate.steps = std::llround(steps * share);
    estimate.seconds = seconds * share;
    return estimate;
}

Json sweepPlanToJson(const SweepPlan& plan) {
    Json knobs = Json::array();
    for (const SweepKnob& knob : plan.knobs)
        knobs.push_back(sweepKnobText(knob));
    return {{"kind", sweepKindId(plan.kind)}, {"knobs", knobs},   {"trials", plan.trials}, {"metric", plan.metric},
            {"seed", plan.seed},              {"eta", plan.eta}, {"rows", plan.rows}};
}

Result<SweepPlan> sweepPlanFromJson(const Json& json, const RunConfig& base, const Catalog& catalog) {
    const auto damaged = [](const std::string& what) {
        return fail(ErrorCode::InvalidData, "The plan of the sweep is damaged: " + what, "Start the sweep anew; its runs can still be used.");
    };
    if (!json.is_object())
        return damaged("it is not an object");
    SweepPlan plan;
    const auto number = [&](const char* key, auto& value) {
        const auto found = json.find(key);
        if (found == json.end() || !found->is_number_integer() || *found < 0)
            return false;
        value = found->get<std::remove_reference_t<decltype(value)>>();
        return true;
    };
    if (!number("trials", plan.trials) || !number("seed", plan.seed) || !number("eta", plan.eta) || !number("rows", plan.rows))
        return damaged("a number is missing");
    const auto kind = json.find("kind"), metric = json.find("metric"), knobs = json.find("knobs");
    if (kind == json.end() || !kind->is_string() || metric == json.end() || !metric->is_string() || knobs == json.end() || !knobs->is_array())
        return damaged("kind, metric or knobs are missing");
    ATTUNE_ASSIGN(plan.kind, sweepKindFromId(kind->get_ref<const std::string&>()));
    plan.metric = metric->get<std::string>();
    for (const Json& knob : *knobs) {
        if (!knob.is_string())
            return damaged("a knob is no text");
        ATTUNE_ASSIGN(SweepKnob read, parseSweepKnob(knob.get_ref<const std::string&>(), base, catalog));
        plan.knobs.push_back(std::move(read));
    }
    ATTUNE_CHECK(checkPlan(plan));
    return plan;
}

} // namespace attune
