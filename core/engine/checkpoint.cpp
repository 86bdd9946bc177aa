#include "core/engine/checkpoint.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <map>
#include <set>

#include <ATen/ATen.h>

#include "core/model_files/safetensors.h"

namespace attune {

namespace {

constexpr const char* kDamagedHint = "Continue from an earlier checkpoint of this run, or train again.";

constexpr const char* kModelFile = "model.safetensors";
constexpr const char* kOptimizerFile = "optimizer.safetensors";
constexpr const char* kStateFile = "state.json";
constexpr const char* kManifestFile = "manifest.json";
constexpr std::uint64_t kReservedBytes = std::uint64_t{16} << 20; // left free for logs and the database

std::optional<TensorType> tensorType(at::ScalarType type) {
    switch (type) {
    case at::kFloat: return TensorType::F32;
    case at::kDouble: return TensorType::F64;
    case at::kBFloat16: return TensorType::BF16;
    case at::kHalf: return TensorType::F16;
    case at::kLong: return TensorType::I64;
    case at::kInt: return TensorType::I32;
    case at::kByte: return TensorType::U8;
    default: return std::nullopt;
    }
}

std::optional<at::ScalarType> scalarType(TensorType type) {
    switch (type) {
    case TensorType::F32: return at::kFloat;
    case TensorType::F64: return at::kDouble;
    case TensorType::BF16: return at::kBFloat16;
    case TensorType::F16: return at::kHalf;
    case TensorType::I64: return at::kLong;
    case TensorType::I32: return at::kInt;
    case TensorType::U8: return at::kByte;
    default: return std::nullopt;
    }
}

fs::path checkpointsFolder(const fs::path& runFolder) { return runFolder / "checkpoints"; }

std::string folderName(std::int64_t step) {
    char name[32];
    std::snprintf(name, sizeof name, "step-%06lld", static_cast<long long>(step));
    return name;
}

Json toJson(const TrainProgress& progress) {
    return {{"step", progress.step},
            {"optimizer_steps", progress.optimizerSteps},
            {"best_loss", progress.bestLoss},
            {"best_step", progress.bestStep},
            {"best_metrics", progress.bestMetrics},
            {"evaluations_without_gain", progress.evaluationsWithoutGain},
            {"measuring_due", progress.measuringDue},
            {"refused_steps", progress.refusedSteps},
            {"general_before", progress.generalBefore},
            {"general_after", progress.generalAfter},
            {"tokens", progress.tokens},
            {"seconds", progress.seconds},
            {"finished", progress.finished},
            {"carried", progress.carried},
            {"identity", progress.identity}};
}

Result<TrainProgress> progressFromJson(const Json& json, const fs::path& file) {
    try {
        TrainProgress progress;
        progress.step = json.at("step").get<std::int64_t>();
        progress.optimizerSteps = json.at("optimizer_steps").get<std::int64_t>();
        progress.bestLoss = json.at("best_loss").get<double>();
        progress.bestStep = json.at("best_step").get<std::int64_t>();
        if (const auto carried = json.find("carried"); carried != json.end()) // older checkpoints have none
            progress.carried = carried->get<std::map<std::string, double>>();
        if (const auto best = json.find("best_metrics"); best != json.end())
            progress.bestMetrics = best->get<std::map<std::string, double>>();
        progress.evaluationsWithoutGain = json.at("evaluations_without_gain").get<std::int64_t>();
        progress.measuringDue = json.value("measuring_due", false); // absent in files of earlier versions
        progress.refusedSteps = json.at("refused_steps").get<std::vector<std::int64_t>>();
        progress.generalBefore = json.value("general_before", -1.0);
        progress.generalAfter = json.value("general_after", -1.0);
        progress.tokens = json.at("tokens").get<std::int64_t>();
        progress.seconds = json.at("seconds").get<double>();
        progress.finished = json.at("finished").get<bool>();
        progress.identity = json.at("identity").get<std::string>();
        return progress;
    } catch (const Json::exception& error) {
        return fail(ErrorCode::InvalidData, file.string() + ": " + error.what(), "The previous checkpoint is used instead.");
    }
}

Result<Checkpoint> openCheckpoint(const fs::path& folder) {
    ATTUNE_ASSIGN(const Json manifest, readJsonFile(folder / kManifestFile, {.maxBytes = 1 << 20}));
    const auto files = manifest.find("files");
    if (files == manifest.end() || !files->is_object() || !files->contains(kModelFile) || !files->contains(kOptimizerFile) ||
        !files->contains(kStateFile))
        return fail(ErrorCode::InvalidData, (folder / kManifestFile).string() + " does not list the checkpoint's files", kDamagedHint);
    for (const auto& [name, entry] : files->items()) {
        const auto bytes = entry.is_object() ? entry.find("bytes") : entry.end(), sum = entry.is_object() ? entry.find("xxh3_128") : entry.end();
        if (name.find('/') != std::string::npos || bytes == entry.end() || !bytes->is_number_unsigned() || sum == entry.end() || !sum->is_string())
            return fail(ErrorCode::InvalidData, (folder / kManifestFile).string() + ": bad entry " + name, kDamagedHint);
        std::error_code code;
        const auto size = fs::file_size(folder / name, code);
        if (code || size != bytes->get<std::uint64_t>())
            return fail(ErrorCode::InvalidData, (folder / name).string() + " does not have the size its manifest says", kDamagedHint);
        ATTUNE_ASSIGN(const std::string hash, hashFile(folder / name));
        if (hash != sum->get_ref<const std::string&>())
            return fail(ErrorCode::InvalidData, (folder / name).string() + " is damaged: its hash differs from the manifest's", kDamagedHint);
    }
    ATTUNE_ASSIGN(const Json state, readJsonFile(folder / kStateFile, {.maxBytes = 16 << 20}));
    ATTUNE_ASSIGN(TrainProgress progress, progressFromJson(state, folder / kStateFile));
    return Checkpoint{folder, std::move(progress)};
}

std::vector<std::pair<std::int64_t, fs::path>> checkpointFolders(const fs::path& runFolder) {
    std::vector<std::pair<std::int64_t, fs::path>> found;
    std::error_code code;
    for (fs::directory_iterator it(checkpointsFolder(runFolder), code), end; !code && it != end; it.increment(code)) {
        long long step = 0;
        if (std::sscanf(it->path().filename().c_str(), "step-%lld", &step) == 1 && it->path().filename() == folderName(step))
            found.emplace_back(step, it->path());
    }
    std::sort(found.rbegin(), found.rend());
    return found;
}

Status checkFinite(const std::vector<StateTensor>& tensors) {
    for (const StateTensor& entry : tensors) {
        if (!entry.tensor.is_floating_point())
            continue;
        // The sum is finite only if every element is (an overflowing sum of finite values also counts as ruined). In pieces,
        // because a sum in double makes a copy in double.
        constexpr std::int64_t kPiece = std::int64_t{1} << 20;
        const at::Tensor flat = entry.tensor.flatten(); // a view: the method's tensors are contiguous
        double sum = 0;
        for (std::int64_t begin = 0; begin < flat.numel(); begin += kPiece)
            sum += flat.narrow(0, begin, std::min(kPiece, flat.numel() - begin)).sum(at::kDouble).item<double>();
        if (!std::isfinite(sum))
            return fail(ErrorCode::Numerical, "The weight " + entry.name + " holds NaN or Inf; the checkpoint was not saved",
                        "Lower the learning rate and continue from the last good checkpoint.");
    }
    return {};
}

std::uint64_t totalBytes(const std::vector<StateTensor>& tensors) {
    std::uint64_t bytes = 0;
    for (const StateTensor& entry : tensors)
        bytes += entry.tensor.nbytes();
    return bytes;
}

} // namespace

Status writeTensors(const fs::path& path, const std::vector<StateTensor>& tensors) {
    std::vector<TensorToWrite> list;
    list.reserve(tensors.size());
    at::Tensor current; // keeps the bytes handed out alive until the next call
    for (const StateTensor& entry : tensors) {
        const auto type = tensorType(entry.tensor.scalar_type());
        if (!type)
            return fail(ErrorCode::Internal, "Cannot store the tensor " + entry.name + ": its type has no safetensors name");
        list.push_back({entry.name, *type, entry.tensor.sizes().vec(), [&current, &entry]() -> Result<std::span<const std::byte>> {
                            current = entry.tensor.to(at::kCPU).contiguous();
                            return std::span(static_cast<const std::byte*>(current.data_ptr()), current.nbytes());
                        }});
    }
    return writeSafetensors(path, list);
}

Status readTensorsInto(const fs::path& path, const std::vector<StateTensor>& tensors) {
    ATTUNE_ASSIGN(const auto file, SafetensorsFile::open(path));
    const char* hint = "The recipe or the model was changed since; start a new run.";
    for (const StateTensor& entry : tensors) {
        const TensorInfo* info = file->find(entry.name);
        if (!info || entry.tensor.sizes() != at::IntArrayRef(info->shape))
            return fail(ErrorCode::InvalidData, path.string() + " does not fit: it has no tensor " + entry.name + " of the right shape", hint);
        if (!scalarType(info->type))
            return fail(ErrorCode::Unsupported, path.string() + ": tensor " + entry.name + " has the type " + tensorTypeName(info->type));
    }
    if (file->tensors().size() != tensors.size())
        return fail(ErrorCode::InvalidData, path.string() + " does not fit: it has " + std::to_string(file->tensors().size()) + " tensors, " +
                        std::to_string(tensors.size()) + " belong there", hint);
    for (const StateTensor& entry : tensors) {
        const TensorInfo& info = *file->find(entry.name);
        const at::ScalarType type = *scalarType(info.type);
        const bool inPlace = type == entry.tensor.scalar_type() && entry.tensor.is_contiguous() && entry.tensor.is_cpu();
        const at::Tensor memory = inPlace ? entry.tensor : at::empty(info.shape, at::TensorOptions().dtype(type));
        ATTUNE_CHECK(file->read(info, std::span(static_cast<std::byte*>(memory.data_ptr()), memory.nbytes())));
        if (!inPlace)
            entry.tensor.copy_(memory);
    }
    return {};
}

Result<Checkpoint> saveCheckpoint(const fs::path& runFolder, const TrainProgress& progress, const std::vector<StateTensor>& model,
                                  Optimizer& optimizer) {
    ATTUNE_CHECK(checkFinite(model));
    std::vector<StateTensor> moments;
    for (const auto& entry : optimizer.state())
        moments.push_back({entry.name, entry.tensor});

    const fs::path folder = checkpointsFolder(runFolder) / folderName(progress.step);
    std::error_code code;
    fs::create_directories(folder, code);
    if (code)
        return fail(errnoError(code.value(), "Cannot create", folder));
    const std::uint64_t needed = totalBytes(model) + totalBytes(moments) + kReservedBytes;
    const fs::space_info space = fs::space(folder, code);
    if (!code && space.available < needed) {
        fs::remove_all(folder, code);
        return fail(ErrorCode::OutOfSpace,
                    "The disk of " + runFolder.string() + " is full: a checkpoint needs " + std::to_string((needed + (1 << 20) - 1) >> 20) + " MB, " +
                        std::to_string(space.available >> 20) + " MB are free",
                    "Free some space, then continue the run: everything up to the last checkpoint is safe.");
    }

    const auto write = [&]() -> Status {
        fs::remove(folder / kManifestFile, code); // an older attempt at this step stops being valid before it is overwritten
        ATTUNE_CHECK(writeTensors(folder / kModelFile, model));
        ATTUNE_CHECK(writeTensors(folder / kOptimizerFile, moments));
        ATTUNE_CHECK(writeFileAtomic(folder / kStateFile, toJson(progress).dump(2) + "\n"));
        Json files = Json::object();
        for (const char* name : {kModelFile, kOptimizerFile, kStateFile}) {
            ATTUNE_ASSIGN(const std::string hash, hashFile(folder / name));
            files[name] = {{"bytes", fs::file_size(folder / name)}, {"xxh3_128", hash}};
        }
        ATTUNE_CHECK(writeFileAtomic(folder / kManifestFile, Json{{"format", 1}, {"files", files}}.dump(2) + "\n"));
        return syncFolder(checkpointsFolder(runFolder));
    };
    if (auto written = write(); !written) {
        fs::remove_all(folder, code); // half a checkpoint would only take the space that is missing
        return fail(std::move(written).error());
    }
    return Checkpoint{folder, progress};
}

std::optional<Checkpoint> latestCheckpoint(const fs::path& runFolder) {
    for (const auto& [step, folder] : checkpointFolders(runFolder)) {
        if (auto checkpoint = openCheckpoint(folder))
            return *checkpoint;
    }
    return std::nullopt;
}

std::optional<Checkpoint> checkpointAt(const fs::path& runFolder, std::int64_t step) {
    if (auto checkpoint = openCheckpoint(checkpointsFolder(runFolder) / folderName(step)))
        return *checkpoint;
    return std::nullopt;
}

Status loadCheckpoint(const Checkpoint& checkpoint, const std::vector<StateTensor>& model, Optimizer* optimizer) {
    ATTUNE_CHECK(readTensorsInto(checkpoint.folder / kModelFile, model));
    if (!optimizer)
        return {};
    std::vector<StateTensor> moments;
    for (const auto& entry : optimizer->state())
        moments.push_back({entry.name, entry.tensor});
    ATTUNE_CHECK(readTensorsInto(checkpoint.folder / kOptimizerFile, moments));
    optimizer->setStepCount(checkpoint.progress.optimizerSteps);
    return {};
}

void pruneCheckpoints(const fs::path& runFolder, int keep, std::int64_t bestStep) {
    int kept = 0;
    std::error_code code;
    for (const auto& [step, folder] : checkpointFolders(runFolder)) {
        if (!fs::exists(folder / kManifestFile, code)) {
            fs::remove_all(folder, code); // an interrupted write
            continue;
        }
        if (step == bestStep || kept++ < std::max(keep, 1))
            continue;
        // The manifest goes first: an interrupted deletion leaves a folder that does not count as a checkpoint.
        fs::remove(folder / kManifestFile, code);
        fs::remove_all(folder, code);
    }
}

} // namespace attune
