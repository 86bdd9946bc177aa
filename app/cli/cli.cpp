#include "app/cli/cli.h"

#include <fstream>
#include <iostream>

#include "core/base/file_kind.h"
#include "core/base/space.h"

namespace attune::cli {

int report(const Error& error) {
    std::cerr << "attune-cli: " << error.message << '\n';
    if (!error.hint.empty())
        std::cerr << "  next: " << error.hint << '\n';
    return 1;
}

namespace {

constexpr const char* kNoLine = "Give at least one line.";

// Enough to tell what a file is.
std::string headOf(const std::string& file) {
    std::string head(std::size_t{1} << 16, '\0');
    std::ifstream opened(file, std::ios::binary);
    opened.read(head.data(), std::ssize(head));
    head.resize(static_cast<std::size_t>(opened.gcount()));
    return head;
}

} // namespace

Status forEachLine(const std::string& file, const std::function<Status(std::string_view, std::size_t)>& line) {
    std::ifstream opened;
    std::istream* input = &std::cin;
    if (file != "-") {
        opened.open(file, std::ios::binary);
        if (!opened || fs::is_directory(file))
            return fail(ErrorCode::NotFound, "Cannot read " + file, "Check the path, or give - for standard input.");
        input = &opened;
    }
    const std::string name = file == "-" ? "standard input" : file;
    std::string text;
    bool any = false;
    for (std::size_t number = 1; std::getline(*input, text); ++number) {
        if (number == 1) {
            if (text.starts_with("\xEF\xBB\xBF"))
                text.erase(0, 3);
            ATTUNE_CHECK(refuseForeign(fs::is_regular_file(file) ? headOf(file) : text, "read " + name));
        }
        if (!text.empty() && text.back() == '\r')
            text.pop_back();
        if (text.empty())
            continue;
        any = true;
        ATTUNE_CHECK(line(text, number));
    }
    if (!any)
        return fail(ErrorCode::InvalidData, (file == "-" ? std::string("Standard input") : file) + " is empty", kNoLine);
    return {};
}

tl::unexpected<Error> lineError(std::size_t number, const std::string& what) {
    return fail(ErrorCode::InvalidData, "line " + std::to_string(number) + ": " + what);
}

Status forEachObject(const std::string& file, const std::string& expected,
                     const std::function<Status(const Json&, std::size_t)>& object) {
    Status all = forEachLine(file, [&](std::string_view line, std::size_t number) -> Status {
        if (isBlank(line))
            return {};
        const auto parsed = parseJson(line, "line " + std::to_string(number));
        Status status = !parsed               ? fail(parsed.error())
                        : parsed->is_object() ? object(*parsed, number)
                                              : lineError(number, "not a JSON object");
        if (!status && status.error().hint.empty() && status.error().message.starts_with("line "))
            status.error().hint = "Each line is one JSON object, " + expected + ".";
        return status;
    });
    if (!all && all.error().hint == kNoLine)
        all.error().hint = "Give one JSON object a line, " + expected + ".";
    return all;
}

void printJson(const Json& value) {
    std::cout << value.dump(-1, ' ', false, Json::error_handler_t::replace) << std::endl;
}

} // namespace attune::cli
