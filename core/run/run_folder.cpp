#include "core/run/run_folder.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <ctime>

namespace attune {

namespace {

constexpr std::array<std::pair<RunState, const char*>, 7> kStates{{{RunState::Preparing, "preparing"},
                                                                   {RunState::Running, "running"},
                                                                   {RunState::Paused, "paused"},
                                                                   {RunState::Stopping, "stopping"},
                                                                   {RunState::Finished, "finished"},
                                                                   {RunState::Stopped, "stopped"},
                                                                   {RunState::Failed, "failed"}}};

// The text fields of run.json, in one table for writing and reading.
constexpr std::array<std::pair<const char*, std::string RunSummary::*>, 9> kTexts{
    {{"id", &RunSummary::id},
     {"name", &RunSummary::name},
     {"model", &RunSummary::model},
     {"method", &RunSummary::method},
     {"objective", &RunSummary::objective},
     {"data_hash", &RunSummary::dataHash},
     {"created", &RunSummary::created},
     {"finished", &RunSummary::finished},
     {"error", &RunSummary::error}}};
constexpr std::array<std::pair<const char*, std::int64_t RunSummary::*>, 3> kIntegers{
    {{"step", &RunSummary::step}, {"total_steps", &RunSummary::totalSteps}, {"best_step", &RunSummary::bestStep}}};
constexpr std::array<std::pair<const char*, std::optional<double> RunSummary::*>, 4> kNumbers{
    {{"base_validation_loss", &RunSummary::baseValidationLoss},
     {"best_validation_loss", &RunSummary::bestValidationLoss},
     {"base_general_loss", &RunSummary::baseGeneralLoss},
     {"general_loss", &RunSummary::generalLoss}}};

Error damaged(const std::string& why) {
    return {ErrorCode::InvalidData, "run.json is damaged: " + why, "The run's other files can still be used."};
}

} // namespace

const char* runStateId(RunState state) {
    for (const auto& [value, id] : kStates)
        if (value == state)
            return id;
    return "failed";
}

Result<RunState> runStateFromId(std::string_view id) {
    for (const auto& [value, name] : kStates)
        if (name == id)
            return value;
    return fail(ErrorCode::InvalidData, "There is no run state \"" + std::string(id.substr(0, 40)) + "\"",
                "The file was written by another version.");
}

Json runSummaryToJson(const RunSummary& record) {
    Json json{{"state", runStateId(record.state)}};
    for (const auto& [key, member] : kTexts)
        json[key] = record.*member;
    for (const auto& [key, member] : kIntegers)
        json[key] = record.*member;
    for (const auto& [key, member] : kNumbers)
        json[key] = record.*member ? Json(*(record.*member)) : Json();
    return json;
}

Result<RunSummary> runSummaryFromJson(const Json& json) {
    if (!json.is_object())
        return fail(damaged("it is not an object"));
    RunSummary record;
    if (const auto state = json.find("state"); state != json.end()) {
        if (!state->is_string())
            return fail(damaged("state must be a text"));
        ATTUNE_ASSIGN(record.state, runStateFromId(state->get_ref<const std::string&>()));
    }
    for (const auto& [key, member] : kTexts)
        if (const auto found = json.find(key); found != json.end()) {
            if (!found->is_string())
                return fail(damaged(std::string(key) + " must be a text"));
            record.*member = found->get<std::string>();
        }
    for (const auto& [key, member] : kIntegers)
        if (const auto found = json.find(key); found != json.end()) {
            if (!found->is_number_integer())
                return fail(damaged(std::string(key) + " must be a whole number"));
            record.*member = found->get<std::int64_t>();
        }
    for (const auto& [key, member] : kNumbers)
        if (const auto found = json.find(key); found != json.end()) {
            if (!found->is_number() && !found->is_null())
                return fail(damaged(std::string(key) + " must be a number"));
            if (found->is_number())
                record.*member = found->get<double>();
        }
    return record;
}

Status writeRunSummary(const RunFolder& folder, const RunSummary& record) {
    return writeFileAtomic(folder.record(),
                           runSummaryToJson(record).dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
}

Result<RunSummary> readRunSummary(const RunFolder& folder) {
    ATTUNE_ASSIGN(const Json json, readJsonFile(folder.record(), {.maxBytes = 1 << 20, .maxDepth = 8}));
    return runSummaryFromJson(json);
}

void updateRunSummary(RunSummary& record, const TrainingEvent& event) {
    if (const auto* change = std::get_if<StateChanged>(&event)) {
        record.state = change->state;
        if (isFinal(change->state))
            record.finished = utcNow();
    } else if (const auto* step = std::get_if<StepFinished>(&event)) {
        record.step = step->step, record.totalSteps = step->totalSteps;
    } else if (const auto* eval = std::get_if<EvalFinished>(&event); eval && eval->name == "general") {
        if (eval->step == 0)
            record.baseGeneralLoss = eval->loss;
        if (record.bestStep < 0 || record.bestStep == eval->step) // the validation of a step comes first
            record.generalLoss = eval->loss;
    } else if (eval && eval->name == "validation") {
        if (eval->step == 0)
            record.baseValidationLoss = eval->loss;
        if (eval->best)
            record.bestStep = eval->step, record.bestValidationLoss = eval->loss;
    } else if (const auto* failed = std::get_if<RunFailed>(&event)) {
        record.error = failed->error.message;
    }
}

std::vector<ListedRun> listRuns(const fs::path& folder) {
    std::vector<ListedRun> runs;
    std::error_code error;
    for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
        const RunFolder candidate{entry->path()};
        if (auto record = readRunSummary(candidate))
            runs.push_back({candidate, std::move(*record)});
    }
    std::sort(runs.begin(), runs.end(), [](const ListedRun& a, const ListedRun& b) {
        return std::tie(b.record.created, b.folder.root) < std::tie(a.record.created, a.folder.root);
    });
    return runs;
}

std::string utcNow() {
    const std::time_t now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
    std::tm utc{};
    ::gmtime_r(&now, &utc);
    char text[32];
    std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
    return text;
}

} // namespace attune
