#include "core/review/review_csv.h"

#include <charconv>

namespace attune {

std::string csvText(std::string_view text) {
    std::string field(text);
    if (!field.empty() && std::string_view("=+-@\t\r").find(field.front()) != std::string_view::npos)
        field.insert(field.begin(), '\'');
    if (field.find_first_of(",\"\r\n\t") == std::string::npos && !field.starts_with(' ') && !field.ends_with(' '))
        return field;
    std::string quoted = "\"";
    for (const char c : field) {
        if (c == '"')
            quoted += '"';
        quoted += c;
    }
    return quoted + '"';
}

std::string reviewCsv(const ReviewQueue& queue) {
    std::string csv = "id,prompt,expected,base,tuned,tuned_side,verdict,note,tags,seconds\r\n";
    for (std::size_t i = 0; i < queue.size(); ++i) {
        const auto& vote = queue.vote(i);
        if (!vote)
            continue;
        const PairItem& item = queue.item(i);
        std::string tags;
        for (const auto* list : {&item.tags, &vote->tags})
            for (const std::string& tag : *list)
                tags += (tags.empty() ? "" : " ") + tag;
        for (const std::string* text : {&item.id, &item.prompt, &item.expected, &item.base, &item.tuned})
            csv += csvText(*text) + ',';
        csv += std::string(vote->tunedLeft ? "left" : "right") + ',' + preferenceId(vote->verdict) + ',';
        csv += csvText(vote->note) + ',' + csvText(tags) + ',';
        char seconds[32];
        csv.append(seconds, std::to_chars(seconds, seconds + sizeof seconds, vote->seconds).ptr);
        csv += "\r\n";
    }
    return csv;
}

} // namespace attune
