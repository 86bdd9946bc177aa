#include "app/cli/usage.h"

#include <algorithm>

#include "app/cli/cli.h"
#include "core/plan/param_check.h"

namespace attune::cli {

namespace {

struct Called {
    const CLI::App* command; // the innermost one that was understood
    std::string path;        // as typed after the program's name: "data import"
};

Called innermost(const CLI::App& app) {
    Called called{&app, {}};
    while (!called.command->get_subcommands().empty()) {
        called.command = called.command->get_subcommands().front();
        called.path += (called.path.empty() ? "" : " ") + called.command->get_name();
    }
    return called;
}

std::vector<std::string> subcommandsOf(const CLI::App& command) {
    std::vector<std::string> names;
    for (const CLI::App* sub : command.get_subcommands([](const CLI::App* one) { return !one->get_name().empty(); }))
        names.push_back(sub->get_name());
    return names;
}

std::vector<std::string> optionsOf(const CLI::App& command) {
    std::vector<std::string> names;
    for (const CLI::App* app = &command; app; app = app->get_parent())
        for (const CLI::Option* option : app->get_options([](const CLI::Option* one) { return one->nonpositional(); }))
            for (const std::string& name : option->get_lnames())
                names.push_back("--" + name);
    return names;
}

std::string didYouMean(const std::string& word, const std::vector<std::string>& known) {
    const std::string near = nearestWord(word, known);
    return near.empty() ? "" : "Did you mean " + near + "? ";
}

Error describe(const CLI::App& app, const CLI::ParseError& error) {
    const auto [command, path] = innermost(app);
    const std::string seeHelp = app.get_name() + (path.empty() ? "" : " " + path) + " --help lists what can be given.";
    const auto complaint = [where = path](const std::string& alone, const std::string& within, const std::string& hint) -> Error {
        return {ErrorCode::InvalidArgument, where.empty() ? alone : where + within, hint};
    };
    const std::vector<std::string> unknown = app.remaining(true);
    const std::vector<std::string> subcommands = subcommandsOf(*command);
    if (!subcommands.empty() && command->get_subcommands().empty()) {
        const auto word = std::find_if(unknown.begin(), unknown.end(), [](const std::string& one) { return !one.starts_with('-'); });
        std::string known;
        for (const std::string& subcommand : subcommands)
            known += (known.empty() ? "" : ", ") + subcommand;
        if (word != unknown.end())
            return complaint("There is no command \"" + *word + "\"", " has no command \"" + *word + "\"",
                             didYouMean(*word, subcommands) + "Commands: " + known + ".");
        if (unknown.empty())
            return complaint("A command is needed", " needs a command", "Commands: " + known + ".");
    }
    if (!unknown.empty() && unknown.front().starts_with('-')) {
        const std::string option = unknown.front().substr(0, unknown.front().find('='));
        return complaint("There is no option " + option, " has no option " + option, didYouMean(option, optionsOf(*command)) + seeHelp);
    }
    return {ErrorCode::InvalidArgument, error.what(), seeHelp};
}

} // namespace

int reportUsage(const CLI::App& app, const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) // --help, --version
        return app.exit(error);
    report(describe(app, error));
    return 2;
}

CLI::Validator atLeast(std::int64_t least) {
    const auto check = [least](std::string& text) {
        double value = 0;
        if (CLI::detail::lexical_cast(text, value) && value >= static_cast<double>(least))
            return std::string();
        return "must be a number of at least " + std::to_string(least) + ", not " + text;
    };
    return CLI::Validator(check, ">=" + std::to_string(least));
}

} // namespace attune::cli
