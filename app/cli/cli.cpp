#include "app/cli/cli.h"

#include <fstream>
#include <iostream>

namespace attune::cli {

int report(const Error& error) {
    std::cerr << "attune-cli: " << error.message << '\n';
    if (!error.hint.empty())
        std::cerr << "  next: " << error.hint << '\n';
    return 1;
}

Status forEachLine(const std::string& file, const std::function<Status(std::string_view, std::size_t)>& line) {
    std::ifstream opened;
    std::istream* input = &std::cin;
    if (file != "-") {
        opened.open(file, std::ios::binary);
        if (!opened || fs::is_directory(file))
            return fail(ErrorCode::NotFound, "Cannot read " + file, "Check the path, or give - for standard input.");
        input = &opened;
    }
    std::string text;
    for (std::size_t number = 1; std::getline(*input, text); ++number) {
        if (!text.empty() && text.back() == '\r')
            text.pop_back();
        if (text.empty())
            continue;
        ATTUNE_CHECK(line(text, number));
    }
    return {};
}

tl::unexpected<Error> lineError(std::size_t number, const std::string& what) {
    return fail(ErrorCode::InvalidData, "line " + std::to_string(number) + ": " + what);
}

Status forEachObject(const std::string& file, const std::string& expected,
                     const std::function<Status(const Json&, std::size_t)>& object) {
    return forEachLine(file, [&](std::string_view line, std::size_t number) -> Status {
        const auto parsed = parseJson(line, "line " + std::to_string(number));
        Status status = !parsed               ? fail(parsed.error())
                        : parsed->is_object() ? object(*parsed, number)
                                              : lineError(number, "not a JSON object");
        if (!status && status.error().hint.empty() && status.error().message.starts_with("line "))
            status.error().hint = "Each line is one JSON object, " + expected + ".";
        return status;
    });
}

void printJson(const Json& value) {
    std::cout << value.dump(-1, ' ', false, Json::error_handler_t::replace) << std::endl;
}

} // namespace attune::cli
