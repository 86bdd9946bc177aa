#include "core/store/text_search.h"

#include <algorithm>
#include <string_view>

#include <sqlite3.h>
#include <utf8proc.h>

#include "core/store/sample_codec.h"

namespace attune {

namespace {

char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

bool isAscii(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

// `needle` is in lower case. Looks for its first letter in both cases, which keeps the common miss fast.
bool containsAscii(std::string_view text, std::string_view needle) {
    if (needle.size() > text.size())
        return false;
    const char first = needle[0];
    const std::size_t last = text.size() - needle.size();
    for (std::size_t i = 0; i <= last; ++i) {
        if (lower(text[i]) != first)
            continue;
        std::size_t k = 1;
        while (k < needle.size() && lower(text[i + k]) == needle[k])
            ++k;
        if (k == needle.size())
            return true;
    }
    return false;
}

std::string folded(std::string_view text) {
    if (isAscii(text)) {
        std::string result(text);
        std::transform(result.begin(), result.end(), result.begin(), lower);
        return result;
    }
    utf8proc_uint8_t* mapped = nullptr;
    const auto size =
        utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()), static_cast<utf8proc_ssize_t>(text.size()),
                     &mapped, static_cast<utf8proc_option_t>(UTF8PROC_CASEFOLD | UTF8PROC_COMPOSE | UTF8PROC_STABLE));
    if (size < 0)
        return std::string(text);
    std::string result(reinterpret_cast<const char*>(mapped), static_cast<std::size_t>(size));
    std::free(mapped); // utf8proc allocates with malloc
    return result;
}

bool contains(std::string_view text, std::string_view needle, bool ascii) {
    if (text.empty())
        return false;
    return ascii ? containsAscii(text, needle) : folded(text).find(needle) != std::string::npos;
}

std::string_view valueText(sqlite3_value* value) {
    const auto* text = reinterpret_cast<const char*>(sqlite3_value_text(value));
    return text ? std::string_view(text, static_cast<std::size_t>(sqlite3_value_bytes(value))) : std::string_view();
}

void containsFunction(sqlite3_context* context, int, sqlite3_value** values) {
    // The folded needle is kept with the statement, so it is made once per query.
    auto* needle = static_cast<std::string*>(sqlite3_get_auxdata(context, 0));
    std::string own;
    if (!needle) {
        own = folded(valueText(values[0]));
        sqlite3_set_auxdata(context, 0, new std::string(own), [](void* p) { delete static_cast<std::string*>(p); });
        needle = &own;
    }
    if (needle->empty())
        return sqlite3_result_int(context, 1);
    const bool ascii = isAscii(*needle);
    for (int i = 2; i <= 4; ++i)
        if (contains(valueText(values[i]), *needle, ascii))
            return sqlite3_result_int(context, 1);
    // A quick look at the JSON as it stands first: the needle's longest part that JSON would not escape must be there.
    const std::string_view json = valueText(values[1]);
    const auto plainEnd = needle->find_first_of("\"\\\n\r\t");
    const std::string_view plain = std::string_view(*needle).substr(0, plainEnd);
    bool found = false;
    if (plain.empty() || contains(json, plain, ascii)) {
        if (const auto messages = decodeMessages(json))
            found = std::any_of(messages->begin(), messages->end(),
                                [&](const Message& message) { return contains(message.content, *needle, ascii); });
    }
    sqlite3_result_int(context, found ? 1 : 0);
}

} // namespace

void registerTextSearch(sqlite3* database) {
    sqlite3_create_function_v2(
        database, "attune_contains", 5, SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_DIRECTONLY, nullptr,
        [](sqlite3_context* context, int count, sqlite3_value** values) {
            try {
                containsFunction(context, count, values);
            } catch (...) { // bad_alloc must not cross C
                sqlite3_result_error_nomem(context);
            }
        },
        nullptr, nullptr, nullptr);
}

} // namespace attune
