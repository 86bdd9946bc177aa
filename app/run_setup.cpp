#include "app/run_setup.h"

#include <algorithm>
#include <cstdlib>
#include <iterator>

#include "core/base/rng.h"
#include "core/data/import_file.h"
#include "core/data/split.h"

namespace attune {

namespace {

struct Loaded {
    std::vector<Sample> samples;
    std::string hash;
};

// A folder stands for all data files in it (each may have its own format), in the order of their names.
Result<std::vector<fs::path>> dataFiles(const fs::path& path) {
    std::error_code code;
    if (!fs::is_directory(path, code))
        return std::vector<fs::path>{path};
    std::vector<fs::path> files;
    for (fs::directory_iterator it(path, code), end; !code && it != end; it.increment(code)) {
        const std::string extension = it->path().extension().string();
        if (extension == ".jsonl" || extension == ".json" || extension == ".csv" || extension == ".tsv")
            files.push_back(it->path());
    }
    if (files.empty())
        return fail(ErrorCode::NotFound, "The folder " + path.string() + " holds no .jsonl, .json, .csv or .tsv file",
                    "Name a data file, or a folder with data files.");
    std::sort(files.begin(), files.end());
    return files;
}

Result<Loaded> load(const std::string& path, const std::string& format, std::vector<std::string>& problems) {
    ATTUNE_ASSIGN(const std::vector<fs::path> files, dataFiles(path));
    Loaded loaded;
    for (const fs::path& file : files) {
        std::vector<ImportProblem> found;
        ATTUNE_ASSIGN(auto samples, loadSamples(file, format, &found));
        for (const ImportProblem& problem : found)
            problems.push_back(file.filename().string() + ", " + describe(problem));
        ATTUNE_ASSIGN(const std::string hash, hashFile(file));
        loaded.hash += hash;
        loaded.samples.insert(loaded.samples.end(), std::make_move_iterator(samples.begin()), std::make_move_iterator(samples.end()));
    }
    if (files.size() > 1)
        loaded.hash = hashBytes(loaded.hash);
    return loaded;
}

std::shared_ptr<const SampleSource> source(std::vector<Sample> samples, std::string hash) {
    return std::make_shared<VectorSampleSource>(std::move(samples), std::move(hash));
}

} // namespace

Result<RunSetup> setUpRunFromFiles(const RunConfig& config, const fs::path& runFolder) {
    if (config.data.train.empty())
        return fail(ErrorCode::InvalidArgument, "The recipe names no training data (data.train)",
                    "Add \"data: {train: FILE}\" with a JSON, JSONL or CSV file.");
    RunSetup setup;
    setup.request.config = config;
    setup.request.folder = runFolder.string();
    ATTUNE_ASSIGN(Loaded train, load(config.data.train, config.data.format, setup.problems));
    if (!config.data.validation.empty()) {
        ATTUNE_ASSIGN(Loaded validation, load(config.data.validation, config.data.format, setup.problems));
        setup.request.validation = source(std::move(validation.samples), std::move(validation.hash));
    } else if (config.data.validationShare > 0 && train.samples.size() >= 10) {
        const auto seed = static_cast<std::uint64_t>(paramInt(config.training, trainingParams().params, "seed"));
        SplitOptions options;
        options.validation = config.data.validationShare;
        options.test = 0;
        options.seed = seed;
        ATTUNE_CHECK(splitSamples(train.samples, options));
        std::vector<Sample> kept, held;
        for (Sample& sample : train.samples)
            (sample.split == Split::Validation ? held : kept).push_back(std::move(sample));
        const std::string share = "/" + std::to_string(config.data.validationShare) + "/" + std::to_string(seed);
        train.samples = std::move(kept);
        setup.request.validation = source(std::move(held), train.hash + share + "/validation");
        train.hash += share + "/train";
    }
    setup.request.train = source(std::move(train.samples), std::move(train.hash));
    return setup;
}

Result<fs::path> resourcesFolder() {
    std::vector<fs::path> candidates;
    if (const char* given = std::getenv("ATTUNE_RESOURCES"))
        candidates.emplace_back(given);
    std::error_code code;
    const fs::path executable = fs::read_symlink("/proc/self/exe", code);
    if (!code)
        candidates.push_back(executable.parent_path().parent_path() / "share" / "attune");
    candidates.emplace_back(ATTUNE_RESOURCES);
    for (const fs::path& folder : candidates) {
        if (fs::is_directory(folder / "starter_model", code))
            return folder;
    }
    return fail(ErrorCode::NotFound, "The program's resources (starter model, sample project) were not found",
                "Set ATTUNE_RESOURCES to the folder \"resources\" of the source tree.");
}

} // namespace attune
