// Wrong usage told like any other failure: what is wrong by name, and the next step. Exit status 2.
#pragma once

#include <CLI/CLI.hpp>

namespace attune::cli {

/// Prints what the parser complained about (or the help it was asked for) and returns the exit status.
int reportUsage(const CLI::App& app, const CLI::ParseError& error);

/// A lower limit only. CLI11's NonNegativeNumber names the largest double as the upper one, all 309 digits of it.
CLI::Validator atLeast(std::int64_t least);

} // namespace attune::cli
