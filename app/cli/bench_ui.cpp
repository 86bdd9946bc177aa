// attune-cli bench ui: starts the window program on a project of many rows, has it go through its stations and reports how
// late its event loop was. Links no GUI itself.
#include <cerrno>
#include <csignal>
#include <cstdlib>

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "app/cli/commands.h"
#include "core/base/files.h"
#include "core/store/bench_import.h"

namespace attune::cli {

namespace {

struct UiOptions {
    std::string program;
    std::int64_t rows = 100'000;
    int rounds = 3;
};

// The window program lies beside this one.
Result<fs::path> windowProgram(const std::string& asked) {
    std::error_code error;
    const fs::path path = asked.empty() ? fs::read_symlink("/proc/self/exe", error).parent_path() / "attune" : fs::path(asked);
    if (::access(path.c_str(), X_OK) != 0)
        return fail(ErrorCode::NotFound, "There is no window program at " + path.string() + ".",
                    "Build Attune with its window (ATTUNE_GUI=ON), or name the program with --program.");
    return path;
}

struct Finished {
    int status = 0;
    std::int64_t peakBytes = 0;
};

// Settings of the user neither help nor suffer: the window gets a folder of its own for them.
Result<Finished> runWindow(const fs::path& program, const std::vector<std::string>& arguments, const fs::path& settings,
                           const std::stop_token& stop) {
    const pid_t child = ::fork();
    if (child < 0)
        return fail(errnoError(errno, "Cannot start", program));
    if (child == 0) {
        if (!std::getenv("DISPLAY") && !std::getenv("WAYLAND_DISPLAY"))
            ::setenv("QT_QPA_PLATFORM", "offscreen", 1);
        ::setenv("XDG_CONFIG_HOME", settings.c_str(), 1);
        std::vector<char*> argv{const_cast<char*>(program.c_str())};
        for (const std::string& argument : arguments)
            argv.push_back(const_cast<char*>(argument.c_str()));
        argv.push_back(nullptr);
        ::execv(program.c_str(), argv.data());
        ::_exit(127);
    }
    const std::stop_callback ended(stop, [child] { ::kill(child, SIGTERM); });
    Finished finished;
    rusage usage{};
    while (::wait4(child, &finished.status, 0, &usage) < 0)
        if (errno != EINTR)
            return fail(errnoError(errno, "Cannot wait for", program));
    finished.peakBytes = std::int64_t{usage.ru_maxrss} * 1024;
    return finished;
}

Result<Json> benchUi(const UiOptions& options, const std::stop_token& stop) {
    ATTUNE_ASSIGN(const fs::path program, windowProgram(options.program));
    ATTUNE_ASSIGN(const BenchFolder folder, BenchFolder::create());
    const fs::path project = folder.path() / "bench.attune", figures = folder.path() / "figures.json";
    ATTUNE_ASSIGN(const Json imported, importForBench(folder, project, {}, options.rows, stop));
    ATTUNE_ASSIGN(const Finished finished, runWindow(program,
                                                     {"--heartbeat", figures.string(), "--tour",
                                                      std::to_string(options.rounds), project.string()},
                                                     folder.path() / "config", stop));
    if (stop.stop_requested())
        return fail(ErrorCode::Cancelled, "The measurement was cancelled.");
    if (!WIFEXITED(finished.status) || WEXITSTATUS(finished.status) != 0)
        return fail(ErrorCode::Internal, "The window program ended before its tour was over.",
                    "Start " + program.string() + " by itself to see why.");
    ATTUNE_ASSIGN(const std::string text, readFile(figures));
    Json result = Json::parse(text, nullptr, false);
    if (!result.is_object())
        return fail(ErrorCode::InvalidData, "The window program wrote no figures.", "Start " + program.string() + " by itself to see why.");
    result["rows"] = imported["rows"];
    result["peak_bytes"] = finished.peakBytes;
    result["tokens_per_second"] = nullptr;
    return result;
}

} // namespace

void addBenchUiTo(CLI::App& benchCommand, Cli& cli) {
    auto* command = benchCommand.add_subcommand("ui", "How smoothly the window runs on a project of many rows");
    auto options = std::make_shared<UiOptions>();
    command->add_option("--rows", options->rows, "Rows of the project")->capture_default_str()->check(CLI::Range(1, 10'000'000));
    command->add_option("--rounds", options->rounds, "Times every station is visited")->capture_default_str()->check(CLI::Range(1, 1000));
    command->add_option("--program", options->program, "The window program (default: attune beside this one)");
    command->callback([options, &cli] { printWithRate(benchUi(*options, cli.stop), cli); });
}

} // namespace attune::cli
