// The filter wordwrap: Python's textwrap.wrap line by line. Only its defaults for Jinja: blanks at the ends of lines go, tabs stay.
#include <algorithm>

#include "core/text/jinja_filters.h"
#include "core/text/jinja_operators.h"
#include "core/text/jinja_strings.h"
#include "core/text/regex.h"

namespace attune::jinja {

namespace {

// Where a line may be cut: at blanks, behind hyphens between letters, around dashes. The expression is textwrap's.
const Regex& wordParts(bool atHyphens) {
    static const auto compiled = [](const char* pattern) { return Regex::compile(pattern, "wordwrap").value(); };
    static const Regex hyphens = compiled(R"([\t\n\x0b\x0c\r ]+|(?<=[\w!"'&.,?])-{2,}(?=\w)|[^\t\n\x0b\x0c\r ]+?(?:-(?:(?<=[^\d\W]{2}-)|(?<=[^\d\W]-[\w!"'&.,?]-))(?=[^\d\W]-?[^\d\W])|(?=[\t\n\x0b\x0c\r ]|\z)|(?<=[\w!"'&.,?])(?=-{2,}\w)))");
    static const Regex blanks = compiled(R"([\t\n\x0b\x0c\r ]+|[^\t\n\x0b\x0c\r ]+)");
    return atHyphens ? hyphens : blanks;
}

struct WrapStyle {
    std::int64_t width = 79;
    bool breakLongWords = true, breakOnHyphens = true;
};

std::int64_t widthOf(const Text& text) {
    return static_cast<std::int64_t>(countCodePoints(text.bytes()));
}

bool isBlankPart(const Text& part) {
    return part.bytes().find_first_not_of("\t\n\v\f\r ") == std::string::npos;
}

// How many characters of a word that is too long stand on this line, where `room` are left.
std::int64_t firstPiece(const std::string& word, std::int64_t room, bool atHyphens) {
    if (atHyphens && static_cast<std::int64_t>(countCodePoints(word)) > room) {
        const std::size_t hyphen = std::string_view(word).substr(0, bytePosition(word, static_cast<std::size_t>(room))).rfind('-');
        if (hyphen != std::string::npos && hyphen > 0 && word.find_first_not_of('-') < hyphen)
            return static_cast<std::int64_t>(countCodePoints(std::string_view(word).substr(0, hyphen))) + 1;
    }
    return room;
}

std::vector<Text> wrapped(Machine& machine, const Text& line, const WrapStyle& style) {
    std::vector<TextRange> ranges;
    if (const auto found = wordParts(style.breakOnHyphens).findAll(line.bytes(), 0, ranges); !found)
        raise(found.error().message);
    std::vector<Text> parts; // the next part is the last
    for (auto range = ranges.rbegin(); range != ranges.rend(); ++range)
        parts.push_back(line.slice(range->begin, range->end));
    machine.chargeStrings(parts.size());
    std::vector<Text> lines;
    while (!parts.empty()) {
        std::vector<Text> current;
        std::int64_t length = 0;
        if (!lines.empty() && isBlankPart(parts.back()))
            parts.pop_back();
        while (!parts.empty() && length + widthOf(parts.back()) <= style.width) {
            length += widthOf(parts.back());
            current.push_back(std::move(parts.back()));
            parts.pop_back();
        }
        if (!parts.empty() && widthOf(parts.back()) > style.width) {
            Text& word = parts.back();
            machine.charge(word.size() / 8);
            if (style.breakLongWords) {
                const std::size_t cut = bytePosition(word.bytes(), static_cast<std::size_t>(firstPiece(word.bytes(), style.width - length, style.breakOnHyphens)));
                current.push_back(word.slice(0, cut));
                word = word.slice(cut, word.size());
            } else if (current.empty()) {
                current.push_back(std::move(word));
                parts.pop_back();
            }
        }
        if (!current.empty() && isBlankPart(current.back()))
            current.pop_back();
        if (current.empty())
            continue;
        Text joined;
        for (const Text& part : current)
            joined.append(part);
        lines.push_back(std::move(joined));
    }
    return lines;
}

Value wordWrap(Machine& machine, const Value& input, CallArguments& arguments) {
    const auto bound = bind(arguments, "wordwrap", {"width", "break_long_words", "wrapstring", "break_on_hyphens"});
    requireDefined(input);
    if (!input.isString())
        raise("'" + std::string(typeName(input)) + "' object has no attribute 'splitlines'");
    WrapStyle style;
    style.width = bound[0] ? integerOf(*bound[0], "wordwrap's width") : 79;
    style.breakLongWords = !bound[1] || truthy(*bound[1]);
    style.breakOnHyphens = !bound[3] || truthy(*bound[3]);
    const Text between = bound[2] && bound[2]->isString() ? bound[2]->text() : Text("\n", kTemplate);
    const std::vector<Text> lines = splitLines(input.text(), false);
    machine.chargeBytes(input.bytes().size() * 4);
    machine.chargeStrings(lines.size());
    Text out;
    for (std::size_t i = 0; i < lines.size(); ++i) {
        if (!lines[i].empty() && style.width <= 0)
            raise("invalid width " + std::to_string(style.width) + " (must be > 0)");
        if (i > 0)
            out.append(between);
        const std::vector<Text> rows = wrapped(machine, lines[i], style);
        for (std::size_t k = 0; k < rows.size(); ++k) {
            if (k > 0)
                out.append(between);
            out.append(rows[k]);
            machine.checkBytes(out.size());
        }
    }
    return Value::string(std::move(out), input.markup());
}

} // namespace

const FilterTable& wrapFilters() {
    static const FilterTable table = {{"wordwrap", wordWrap}};
    return table;
}

} // namespace attune::jinja
