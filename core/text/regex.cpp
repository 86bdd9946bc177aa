#include "core/text/regex.h"

#include <chrono>
#include <mutex>

#include <oniguruma.h>

#include "core/text/utf8.h"

namespace attune {

namespace {

constexpr unsigned long kRetriesPerMatch = 5'000'000; // about 0.1 s
constexpr unsigned kStackEntries = 8'000'000;
constexpr auto kTimePerCall =
    std::chrono::seconds(5); // plus one second per megabyte; only hostile expressions come near

const OnigUChar* bytes(const char* text) {
    return reinterpret_cast<const OnigUChar*>(text);
}

std::string describe(int code, OnigErrorInfo* info) {
    OnigUChar buffer[ONIG_MAX_ERROR_MESSAGE_LEN];
    const int size = onig_error_code_to_str(buffer, code, info);
    return {reinterpret_cast<const char*>(buffer), static_cast<std::size_t>(size > 0 ? size : 0)};
}

struct Search { // frees on every way out
    OnigRegion* region = onig_region_new();
    OnigMatchParam* limits = onig_new_match_param();
    Search() {
        onig_initialize_match_param(limits);
        onig_set_retry_limit_in_match_of_match_param(limits, kRetriesPerMatch);
        onig_set_retry_limit_in_search_of_match_param(limits, 2 * kRetriesPerMatch);
        onig_set_match_stack_limit_size_of_match_param(limits, kStackEntries);
    }
    ~Search() {
        onig_region_free(region, 1);
        onig_free_match_param(limits);
    }
    Search(const Search&) = delete;
    Search& operator=(const Search&) = delete;
};

} // namespace

Result<bool> Regex::contains(std::string_view text) const {
    const Search search;
    onig_set_retry_limit_in_match_of_match_param(search.limits, kRetriesPerMatch / 10);
    onig_set_retry_limit_in_search_of_match_param(search.limits, kRetriesPerMatch / 10);
    const OnigUChar* end = bytes(text.data()) + text.size();
    const int code = onig_search_with_param(static_cast<regex_t*>(m_regex.get()), bytes(text.data()), end, bytes(text.data()), end,
                                            search.region, ONIG_OPTION_NONE, search.limits);
    if (code < 0 && code != ONIG_MISMATCH)
        return fail(ErrorCode::InvalidData, m_where + ": the expression gave up on a text (" + describe(code, nullptr) + ")",
                    "Write a simpler expression, without repetitions inside repetitions.");
    return code >= 0;
}

Result<Regex> Regex::compile(std::string_view pattern, std::string_view where) {
    static std::once_flag initialized;
    std::call_once(initialized, [] {
        OnigEncoding encodings[] = {ONIG_ENCODING_UTF8};
        onig_initialize(encodings, 1);
    });
    if (pattern.size() > 65536 || utf8::firstInvalid(pattern) != pattern.size())
        return fail(ErrorCode::InvalidData, std::string(where) + ": the pattern is not a usable regular expression",
                    "Get the tokenizer file again from the model's publisher.");
    regex_t* compiled = nullptr;
    OnigErrorInfo info{};
    const int code = onig_new(&compiled, bytes(pattern.data()), bytes(pattern.data() + pattern.size()),
                              ONIG_OPTION_NONE, ONIG_ENCODING_UTF8, ONIG_SYNTAX_DEFAULT, &info);
    if (code != ONIG_NORMAL)
        return fail(ErrorCode::InvalidData,
                    std::string(where) + ": the pattern does not compile: " + describe(code, &info),
                    "Get the tokenizer file again from the model's publisher.");
    Regex regex;
    regex.m_regex = std::shared_ptr<void>(compiled, [](void* r) { onig_free(static_cast<regex_t*>(r)); });
    regex.m_where = where;
    return regex;
}

Status Regex::findAll(std::string_view text, std::uint32_t base, std::vector<TextRange>& matches) const {
    const Search search;
    auto* regex = static_cast<regex_t*>(m_regex.get());
    const OnigUChar* begin = bytes(text.data());
    const OnigUChar* end = begin + text.size();
    const auto deadline = std::chrono::steady_clock::now() + kTimePerCall + std::chrono::microseconds(text.size());
    std::size_t at = 0, lastEnd = text.size() + 1;
    while (at <= text.size()) {
        const int code =
            onig_search_with_param(regex, begin, end, begin + at, end, search.region, ONIG_OPTION_NONE, search.limits);
        if (code == ONIG_MISMATCH)
            break;
        if (code < 0 || std::chrono::steady_clock::now() > deadline)
            return fail(ErrorCode::InvalidData,
                        m_where + ": the pattern gave up at byte " + std::to_string(at) + " of the text" +
                            (code < 0 ? " (" + describe(code, nullptr) + ")" : " (too slow)"),
                        "Shorten or split this text, or use a tokenizer with a simpler pattern.");
        const auto from = static_cast<std::size_t>(search.region->beg[0]);
        const auto to = static_cast<std::size_t>(search.region->end[0]);
        if (from == to && to == lastEnd) {
            if (at >= text.size())
                break;
            at += utf8::decode(text, at).size;
            continue;
        }
        matches.push_back({base + static_cast<std::uint32_t>(from), base + static_cast<std::uint32_t>(to)});
        at = lastEnd = to;
    }
    return {};
}

} // namespace attune
