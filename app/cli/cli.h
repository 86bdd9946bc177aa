// The command line's frame: every subcommand is one file that adds itself here. Links no GUI. Exit status: 0 done, 1 failed,
// 2 wrong usage, 3 gate rejected.
#pragma once

#include <functional>
#include <istream>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "core/base/json.h"
#include "core/run/engine.h"

namespace attune::cli {

struct Cli {
    bool json = false;                // --json: one JSON object per line on stdout
    std::function<Engine&()> engine;  // made when first asked for
    std::stop_token stop;             // Ctrl+C
    int exitStatus = 0;
};

/// Prints message and hint on stderr and returns exit status 1.
int report(const Error& error);
/// Calls `line` for each line of FILE ("-" = standard input), without its newline; empty lines
/// count but are not handed on. Errors: NotFound, InvalidData (no line at all), Unsupported (a file that is a picture, an archive, ...), or what `line` returned.
Status forEachLine(const std::string& file, const std::function<Status(std::string_view line, std::size_t number)>& line);
/// The same for files of one JSON object per line. `expected` says what a line must look like: the hint of every lineError.
Status forEachObject(const std::string& file, const std::string& expected,
                     const std::function<Status(const Json& object, std::size_t number)>& object);
/// "line 17: what"; forEachObject adds the hint.
tl::unexpected<Error> lineError(std::size_t number, const std::string& what);
/// One JSON value and a newline on stdout; invalid UTF-8 is replaced, never thrown on. Flushes, so that pipes see each line at once.
void printJson(const Json& value);

using AddCommand = void (*)(CLI::App& app, Cli& cli);
/// All subcommands, in the order of --help (commands.cpp).
const std::vector<AddCommand>& commands();

} // namespace attune::cli
