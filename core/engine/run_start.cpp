#include "core/engine/run_start.h"

#include <charconv>
#include <string_view>

#include "core/base/json.h"

namespace attune {

namespace {

constexpr const char* kStepPrefix = "step-";

// ".../checkpoints/step-000120" as the run's folder and the step.
std::optional<Checkpoint> checkpointOf(fs::path folder) {
    folder = folder.lexically_normal();
    if (!folder.has_filename())
        folder = folder.parent_path();
    const std::string name = folder.filename().string();
    if (!name.starts_with(kStepPrefix))
        return std::nullopt;
    std::int64_t step = -1;
    const std::string_view digits = std::string_view(name).substr(std::string_view(kStepPrefix).size());
    if (std::from_chars(digits.data(), digits.data() + digits.size(), step).ec != std::errc() || step < 0)
        return std::nullopt;
    return checkpointAt(folder.parent_path().parent_path(), step);
}

} // namespace

Result<RunStart> readRunStart(const TrainRequest& request) {
    if (request.start.empty())
        return RunStart{};
    const fs::path kept = fs::path(request.folder) / "start.json";
    RunStart start{checkpointOf(request.start), {}};
    std::error_code code;
    if (request.resume && fs::exists(kept, code)) {
        ATTUNE_ASSIGN(const Json json, readJsonFile(kept, {.maxBytes = 1 << 16}));
        start.identity = json.is_object() ? json.value("identity", std::string()) : std::string();
        return start;
    }
    if (!start.checkpoint)
        return fail(ErrorCode::NotFound, "There is no whole checkpoint to begin with in " + request.start,
                    "Set start to a folder checkpoints/step-... of a run, or leave it out to begin with the base model.");
    ATTUNE_ASSIGN(const std::string manifest, readFile(start.checkpoint->folder / "manifest.json", 1 << 20)); // it lists the weights' hash
    start.identity = hashBytes(manifest);
    fs::create_directories(kept.parent_path(), code);
    ATTUNE_CHECK(writeFileAtomic(kept, Json{{"checkpoint", request.start}, {"identity", start.identity}}.dump(1) + "\n"));
    return start;
}

} // namespace attune
