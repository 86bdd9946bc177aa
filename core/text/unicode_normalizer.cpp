#include "core/text/unicode_normalizer.h"

#include <algorithm>

#include <utf8proc.h>

#include "core/text/utf8.h"

namespace attune {

namespace {

int decompositionOptions(bool compatibility) {
    return UTF8PROC_DECOMPOSE | UTF8PROC_STABLE | (compatibility ? UTF8PROC_COMPAT : 0);
}

int combiningClass(utf8proc_int32_t c) {
    return utf8proc_get_property(c)->combining_class;
}

// Nothing before such a character can reorder or compose with it, so a chunk may begin here.
bool beginsChunk(char32_t c, bool compatibility) {
    if (c < 0x300 || (c >= 0x4E00 && c <= 0x9FFF))
        return true;
    utf8proc_int32_t parts[32];
    int lastBoundary = 0;
    const auto count =
        utf8proc_decompose_char(static_cast<utf8proc_int32_t>(c), parts, 32,
                                static_cast<utf8proc_option_t>(decompositionOptions(compatibility)), &lastBoundary);
    if (count <= 0 || count > 32)
        return false;
    const auto first = static_cast<char32_t>(parts[0]);
    return combiningClass(parts[0]) == 0 && !utf8::isMark(first) && !(first >= 0x1100 && first <= 0x11FF);
}

// One chunk in its normal form. utf8proc's own reordering takes quadratic time on long runs of marks; a stable sort
// does not.
void normalize(std::string_view chunk, bool compose, bool compatibility, std::vector<utf8proc_int32_t>& points,
               std::string& out) {
    points.clear();
    out.clear();
    int lastBoundary = 0;
    for (std::size_t at = 0; at < chunk.size();) {
        const auto c = utf8::decode(chunk, at);
        at += c.size;
        utf8proc_int32_t parts[32];
        const auto count =
            utf8proc_decompose_char(static_cast<utf8proc_int32_t>(c.value), parts, 32,
                                    static_cast<utf8proc_option_t>(decompositionOptions(compatibility)), &lastBoundary);
        if (count > 0 && count <= 32)
            points.insert(points.end(), parts, parts + count);
        else
            points.push_back(static_cast<utf8proc_int32_t>(c.value));
    }
    for (auto run = points.begin(); run != points.end();) {
        if (combiningClass(*run) == 0) {
            ++run;
            continue;
        }
        const auto end = std::find_if(run, points.end(), [](auto c) { return combiningClass(c) == 0; });
        std::stable_sort(run, end, [](auto a, auto b) { return combiningClass(a) < combiningClass(b); });
        run = end;
    }
    auto count = static_cast<utf8proc_ssize_t>(points.size());
    if (compose)
        count = utf8proc_normalize_utf32(points.data(), count,
                                         static_cast<utf8proc_option_t>(UTF8PROC_COMPOSE | UTF8PROC_STABLE));
    for (utf8proc_ssize_t i = 0; i < count; ++i)
        utf8::append(out, static_cast<char32_t>(points[static_cast<std::size_t>(i)]));
}

bool isAscii(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

} // namespace

Status UnicodeNormalizer::apply(AlignedText& text) const {
    const std::string_view view = text.view();
    if (isAscii(view))
        return {};
    AlignedBuilder builder(text);
    bool changed = false;
    std::vector<utf8proc_int32_t> points;
    std::string normal;
    std::size_t kept = 0; // everything before is written
    for (std::size_t begin = 0; begin < view.size();) {
        std::size_t end = begin + utf8::decode(view, begin).size;
        while (end < view.size()) {
            const auto next = utf8::decode(view, end);
            if (beginsChunk(next.value, m_compatibility))
                break;
            end += next.size;
        }
        const auto chunk = view.substr(begin, end - begin);
        if (chunk.size() > 1) {
            normalize(chunk, m_compose, m_compatibility, points, normal);
            if (normal != chunk) {
                builder.keep(kept, begin);
                builder.replace(begin, end, normal);
                kept = end;
                changed = true;
            }
        }
        begin = end;
    }
    if (changed) {
        builder.keep(kept, view.size());
        text = builder.finish();
    }
    return {};
}

} // namespace attune
