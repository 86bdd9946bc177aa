#include "app/run_setup.h"

#include <algorithm>
#include <cstdlib>
#include <iterator>

#include "core/data/general_data.h"
#include "core/data/import_file.h"
#include "core/data/sample_hash.h"
#include "core/data/sample_text.h"
#include "core/data/split.h"
#include "core/text/tokenizer.h"

namespace attune {

namespace {

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

Result<std::vector<Sample>> load(const std::string& path, const std::string& format, std::vector<std::string>& problems) {
    ATTUNE_ASSIGN(const std::vector<fs::path> files, dataFiles(path));
    std::vector<Sample> samples;
    for (const fs::path& file : files) {
        std::vector<ImportProblem> found;
        ATTUNE_ASSIGN(auto rows, loadSamples(file, format, &found));
        for (const ImportProblem& problem : found)
            problems.push_back(file.filename().string() + ", " + describe(problem));
        samples.insert(samples.end(), std::make_move_iterator(rows.begin()), std::make_move_iterator(rows.end()));
    }
    return samples;
}

// Identified by what was read, not by the file's bytes: the same file read as another format is other data.
std::shared_ptr<const SampleSource> source(std::vector<Sample> samples) {
    std::string hashes;
    for (const Sample& sample : samples)
        hashes += toHex(contentHash(sample));
    return std::make_shared<VectorSampleSource>(std::move(samples), hashBytes(hashes));
}

} // namespace

Result<RunSetup> setUpRunFromFiles(const RunConfig& config, const fs::path& runFolder) {
    if (config.data.train.empty())
        return fail(ErrorCode::InvalidArgument, "The recipe names no training data (data.train)",
                    "Add \"data: {train: FILE}\" with a JSON, JSONL or CSV file.");
    RunSetup setup;
    setup.request.config = config;
    setup.request.folder = runFolder.string();
    setup.request.start = config.start;
    setup.request.tokenCache = userTokenCache().string();
    setup.request.replayMemory = (runFolder.parent_path() / "replay_memory.jsonl").string(); // beside the run: runs there share it
    ATTUNE_ASSIGN(std::vector<Sample> train, load(config.data.train, config.data.format, setup.problems));
    if (!config.data.validation.empty()) {
        ATTUNE_ASSIGN(std::vector<Sample> validation, load(config.data.validation, config.data.format, setup.problems));
        setup.request.validation = source(std::move(validation));
    } else if (config.data.validationShare > 0 && train.size() >= 10) {
        SplitOptions options;
        options.validation = config.data.validationShare;
        options.test = 0;
        options.seed = static_cast<std::uint64_t>(paramInt(config.training, trainingParams().params, "seed"));
        ATTUNE_CHECK(splitSamples(train, options));
        std::vector<Sample> kept, held;
        for (Sample& sample : train)
            (sample.split == Split::Validation ? held : kept).push_back(std::move(sample));
        train = std::move(kept);
        setup.request.validation = source(std::move(held));
    }
    setup.request.train = source(std::move(train));
    if (!config.data.general.empty()) {
        ATTUNE_ASSIGN(setup.request.general, loadGeneralData(config.data.general, &setup.problems));
    }
    return setup;
}

Result<DataShape> shapeOfRows(const SampleSource& rows, const fs::path& model) {
    constexpr std::size_t kLookedAt = 500;
    constexpr std::int64_t kMarks = 12; // of a chat template, for each row
    ATTUNE_ASSIGN(const auto tokenizer, Tokenizer::load(model));
    DataShape shape;
    shape.rows = static_cast<std::int64_t>(rows.size());
    const auto count = [&](const std::string& text) -> Result<std::int64_t> {
        ATTUNE_ASSIGN(const Encoding encoding, tokenizer->encode(text, {.addSpecialTokens = false}));
        return static_cast<std::int64_t>(encoding.ids.size());
    };
    const std::size_t stride = std::max<std::size_t>(1, rows.size() / kLookedAt);
    std::size_t longest = 0;
    std::int64_t longestBytes = -1;
    double looked = 0, tokens = 0, targets = 0;
    const auto measure = [&](std::size_t index) -> Status {
        ATTUNE_ASSIGN(const Sample sample, rows.at(index));
        ATTUNE_ASSIGN(const std::int64_t prompt, count(sample.kind == SampleKind::Text ? std::string() : promptText(sample)));
        ATTUNE_ASSIGN(const std::int64_t answer, count(completionText(sample)));
        ATTUNE_ASSIGN(const std::int64_t other, count(sample.rejected));
        const std::int64_t all = prompt + answer + kMarks + (sample.kind == SampleKind::Preference ? prompt + other + kMarks : 0);
        shape.longestTokens = std::max(shape.longestTokens, all);
        ++looked, tokens += static_cast<double>(all), targets += static_cast<double>(answer + other);
        return {};
    };
    for (std::size_t i = 0; i < rows.size(); ++i) {
        ATTUNE_ASSIGN(const Sample sample, rows.at(i));
        if (const std::int64_t bytes = textBytes(sample); bytes > longestBytes)
            longestBytes = bytes, longest = i;
        if (i % stride == 0)
            ATTUNE_CHECK(measure(i));
    }
    if (rows.size() == 0)
        return shape;
    shape.averageTokens = tokens / looked, shape.averageTargets = targets / looked;
    if (longest % stride != 0)
        ATTUNE_CHECK(measure(longest));
    return shape;
}

fs::path userTokenCache() {
    const auto absolute = [](const char* variable) {
        const char* value = std::getenv(variable);
        const fs::path path = value ? value : "";
        return path.is_absolute() ? path : fs::path(); // as the base directory specification says
    };
    if (const fs::path cache = absolute("XDG_CACHE_HOME"); !cache.empty())
        return cache / "attune" / "tokens";
    const fs::path home = absolute("HOME");
    return home.empty() ? home : home / ".cache" / "attune" / "tokens";
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
