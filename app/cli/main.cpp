// attune-cli: everything the window does, without a window.
#include <csignal>
#include <iostream>
#include <optional>
#include <thread>

#include "app/cli/commands.h"
#include "app/cli/usage.h"
#include "core/engine/torch_engine.h"

namespace {

// Ctrl+C asks once for an orderly stop (a run saves a checkpoint); a second one ends the process.
std::stop_source stopSource;

void watchInterrupt(const sigset_t& signals, std::stop_token ended) {
    const timespec interval{0, 200'000'000};
    for (bool asked = false; !ended.stop_requested();) {
        if (sigtimedwait(&signals, nullptr, &interval) <= 0)
            continue;
        if (asked)
            std::_Exit(130);
        asked = true;
        std::cerr << "\nStopping; press Ctrl+C again to end at once.\n";
        stopSource.request_stop();
    }
}

} // namespace

int main(int argc, char** argv) {
    using namespace attune;
    prepareProcessForEngine(argv);
    CLI::App app("Attune on the command line: tune a language model on private data and see whether it got better.", "attune-cli");
    app.require_subcommand(1);
    app.set_version_flag("--version", ATTUNE_VERSION);

    cli::Cli context;
    context.stop = stopSource.get_token();
    app.add_flag("--json", context.json, "Print one JSON object per line");
    app.fallthrough();
    std::unique_ptr<Engine> engine;
    context.engine = [&]() -> Engine& {
        if (!engine)
            engine = makeTorchEngine();
        return *engine;
    };
    for (const cli::AddCommand add : cli::commands())
        add(app, context);

    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    std::jthread watcher([&](std::stop_token ended) { watchInterrupt(signals, std::move(ended)); });

    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return cli::reportUsage(app, error);
    } catch (const std::exception& error) {
        return cli::report({ErrorCode::Internal, std::string("Unexpected: ") + error.what(), "Please report this."});
    }
    return context.exitStatus;
}
