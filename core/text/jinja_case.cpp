#include "core/text/jinja_case.h"

#include <algorithm>
#include <iterator>

#include <utf8proc.h>

namespace attune::jinja {

namespace {

struct LongMapping {
    char32_t letter;
    const char32_t *upper, *title;
};

// What becomes more than one character, by code point (Unicode's SpecialCasing.txt, the unconditional part).
constexpr LongMapping kLongMappings[] = {
    {0x00DF, U"SS", U"Ss"}, {0x0149, U"\u02BCN", U"\u02BCN"}, {0x01F0, U"J\u030C", U"J\u030C"},
    {0x0390, U"\u0399\u0308\u0301", U"\u0399\u0308\u0301"}, {0x03B0, U"\u03A5\u0308\u0301", U"\u03A5\u0308\u0301"},
    {0x0587, U"\u0535\u0552", U"\u0535\u0582"}, {0x1E96, U"H\u0331", U"H\u0331"}, {0x1E97, U"T\u0308", U"T\u0308"},
    {0x1E98, U"W\u030A", U"W\u030A"}, {0x1E99, U"Y\u030A", U"Y\u030A"}, {0x1E9A, U"A\u02BE", U"A\u02BE"},
    {0x1F50, U"\u03A5\u0313", U"\u03A5\u0313"}, {0x1F52, U"\u03A5\u0313\u0300", U"\u03A5\u0313\u0300"},
    {0x1F54, U"\u03A5\u0313\u0301", U"\u03A5\u0313\u0301"}, {0x1F56, U"\u03A5\u0313\u0342", U"\u03A5\u0313\u0342"},
    {0x1F80, U"\u1F08\u0399", U"\u1F88"}, {0x1F81, U"\u1F09\u0399", U"\u1F89"}, {0x1F82, U"\u1F0A\u0399", U"\u1F8A"},
    {0x1F83, U"\u1F0B\u0399", U"\u1F8B"}, {0x1F84, U"\u1F0C\u0399", U"\u1F8C"}, {0x1F85, U"\u1F0D\u0399", U"\u1F8D"},
    {0x1F86, U"\u1F0E\u0399", U"\u1F8E"}, {0x1F87, U"\u1F0F\u0399", U"\u1F8F"}, {0x1F88, U"\u1F08\u0399", U"\u1F88"},
    {0x1F89, U"\u1F09\u0399", U"\u1F89"}, {0x1F8A, U"\u1F0A\u0399", U"\u1F8A"}, {0x1F8B, U"\u1F0B\u0399", U"\u1F8B"},
    {0x1F8C, U"\u1F0C\u0399", U"\u1F8C"}, {0x1F8D, U"\u1F0D\u0399", U"\u1F8D"}, {0x1F8E, U"\u1F0E\u0399", U"\u1F8E"},
    {0x1F8F, U"\u1F0F\u0399", U"\u1F8F"}, {0x1F90, U"\u1F28\u0399", U"\u1F98"}, {0x1F91, U"\u1F29\u0399", U"\u1F99"},
    {0x1F92, U"\u1F2A\u0399", U"\u1F9A"}, {0x1F93, U"\u1F2B\u0399", U"\u1F9B"}, {0x1F94, U"\u1F2C\u0399", U"\u1F9C"},
    {0x1F95, U"\u1F2D\u0399", U"\u1F9D"}, {0x1F96, U"\u1F2E\u0399", U"\u1F9E"}, {0x1F97, U"\u1F2F\u0399", U"\u1F9F"},
    {0x1F98, U"\u1F28\u0399", U"\u1F98"}, {0x1F99, U"\u1F29\u0399", U"\u1F99"}, {0x1F9A, U"\u1F2A\u0399", U"\u1F9A"},
    {0x1F9B, U"\u1F2B\u0399", U"\u1F9B"}, {0x1F9C, U"\u1F2C\u0399", U"\u1F9C"}, {0x1F9D, U"\u1F2D\u0399", U"\u1F9D"},
    {0x1F9E, U"\u1F2E\u0399", U"\u1F9E"}, {0x1F9F, U"\u1F2F\u0399", U"\u1F9F"}, {0x1FA0, U"\u1F68\u0399", U"\u1FA8"},
    {0x1FA1, U"\u1F69\u0399", U"\u1FA9"}, {0x1FA2, U"\u1F6A\u0399", U"\u1FAA"}, {0x1FA3, U"\u1F6B\u0399", U"\u1FAB"},
    {0x1FA4, U"\u1F6C\u0399", U"\u1FAC"}, {0x1FA5, U"\u1F6D\u0399", U"\u1FAD"}, {0x1FA6, U"\u1F6E\u0399", U"\u1FAE"},
    {0x1FA7, U"\u1F6F\u0399", U"\u1FAF"}, {0x1FA8, U"\u1F68\u0399", U"\u1FA8"}, {0x1FA9, U"\u1F69\u0399", U"\u1FA9"},
    {0x1FAA, U"\u1F6A\u0399", U"\u1FAA"}, {0x1FAB, U"\u1F6B\u0399", U"\u1FAB"}, {0x1FAC, U"\u1F6C\u0399", U"\u1FAC"},
    {0x1FAD, U"\u1F6D\u0399", U"\u1FAD"}, {0x1FAE, U"\u1F6E\u0399", U"\u1FAE"}, {0x1FAF, U"\u1F6F\u0399", U"\u1FAF"},
    {0x1FB2, U"\u1FBA\u0399", U"\u1FBA\u0345"}, {0x1FB3, U"\u0391\u0399", U"\u1FBC"}, {0x1FB4, U"\u0386\u0399", U"\u0386\u0345"},
    {0x1FB6, U"\u0391\u0342", U"\u0391\u0342"}, {0x1FB7, U"\u0391\u0342\u0399", U"\u0391\u0342\u0345"},
    {0x1FBC, U"\u0391\u0399", U"\u1FBC"}, {0x1FC2, U"\u1FCA\u0399", U"\u1FCA\u0345"}, {0x1FC3, U"\u0397\u0399", U"\u1FCC"},
    {0x1FC4, U"\u0389\u0399", U"\u0389\u0345"}, {0x1FC6, U"\u0397\u0342", U"\u0397\u0342"},
    {0x1FC7, U"\u0397\u0342\u0399", U"\u0397\u0342\u0345"}, {0x1FCC, U"\u0397\u0399", U"\u1FCC"},
    {0x1FD2, U"\u0399\u0308\u0300", U"\u0399\u0308\u0300"}, {0x1FD3, U"\u0399\u0308\u0301", U"\u0399\u0308\u0301"},
    {0x1FD6, U"\u0399\u0342", U"\u0399\u0342"}, {0x1FD7, U"\u0399\u0308\u0342", U"\u0399\u0308\u0342"},
    {0x1FE2, U"\u03A5\u0308\u0300", U"\u03A5\u0308\u0300"}, {0x1FE3, U"\u03A5\u0308\u0301", U"\u03A5\u0308\u0301"},
    {0x1FE4, U"\u03A1\u0313", U"\u03A1\u0313"}, {0x1FE6, U"\u03A5\u0342", U"\u03A5\u0342"},
    {0x1FE7, U"\u03A5\u0308\u0342", U"\u03A5\u0308\u0342"}, {0x1FF2, U"\u1FFA\u0399", U"\u1FFA\u0345"},
    {0x1FF3, U"\u03A9\u0399", U"\u1FFC"}, {0x1FF4, U"\u038F\u0399", U"\u038F\u0345"}, {0x1FF6, U"\u03A9\u0342", U"\u03A9\u0342"},
    {0x1FF7, U"\u03A9\u0342\u0399", U"\u03A9\u0342\u0345"}, {0x1FFC, U"\u03A9\u0399", U"\u1FFC"}, {0xFB00, U"FF", U"Ff"},
    {0xFB01, U"FI", U"Fi"}, {0xFB02, U"FL", U"Fl"}, {0xFB03, U"FFI", U"Ffi"}, {0xFB04, U"FFL", U"Ffl"}, {0xFB05, U"ST", U"St"},
    {0xFB06, U"ST", U"St"}, {0xFB13, U"\u0544\u0546", U"\u0544\u0576"}, {0xFB14, U"\u0544\u0535", U"\u0544\u0565"},
    {0xFB15, U"\u0544\u053B", U"\u0544\u056B"}, {0xFB16, U"\u054E\u0546", U"\u054E\u0576"}, {0xFB17, U"\u0544\u053D", U"\u0544\u056D"},
};

void appendAll(const char32_t* points, std::string& out) {
    for (; *points; ++points)
        utf8::append(out, *points);
}

template <bool title>
void appendRaised(char32_t point, std::string& out) {
    if (point < 0x80) {
        out += static_cast<char>(point >= 'a' && point <= 'z' ? point - 32 : point);
        return;
    }
    const auto found = std::lower_bound(std::begin(kLongMappings), std::end(kLongMappings), point,
                                        [](const LongMapping& mapping, char32_t letter) { return mapping.letter < letter; });
    if (found != std::end(kLongMappings) && found->letter == point)
        return appendAll(title ? found->title : found->upper, out);
    const auto one = static_cast<utf8proc_int32_t>(point);
    utf8::append(out, static_cast<char32_t>(title ? utf8proc_totitle(one) : utf8proc_toupper(one)));
}

void appendLower(char32_t point, std::string& out) {
    if (point < 0x80)
        out += static_cast<char>(point >= 'A' && point <= 'Z' ? point + 32 : point);
    else if (point == 0x130)
        out += "i\xCC\x87";
    else
        utf8::append(out, static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(point))));
}

utf8proc_category_t categoryOf(char32_t point) {
    return utf8proc_category(static_cast<utf8proc_int32_t>(point));
}

struct Range {
    char32_t first, last;
};

template <std::size_t size>
bool isIn(const Range (&ranges)[size], char32_t point) {
    return std::any_of(std::begin(ranges), std::end(ranges), [point](const Range& r) { return point >= r.first && point <= r.last; });
}

// Letters that count as lower or upper case without being of that category (Other_Lowercase, Other_Uppercase).
constexpr Range kOtherLower[] = {{0xAA, 0xAA}, {0xBA, 0xBA}, {0x2B0, 0x2B8}, {0x2C0, 0x2C1}, {0x2E0, 0x2E4}, {0x345, 0x345},
    {0x37A, 0x37A}, {0x1D2C, 0x1D6A}, {0x1D78, 0x1D78}, {0x1D9B, 0x1DBF}, {0x2071, 0x2071}, {0x207F, 0x207F}, {0x2090, 0x209C},
    {0x2170, 0x217F}, {0x24D0, 0x24E9}, {0x2C7C, 0x2C7D}, {0xA69C, 0xA69D}, {0xA770, 0xA770}, {0xA7F8, 0xA7F9}, {0xAB5C, 0xAB5F},
    {0x10780, 0x10780}, {0x10783, 0x10785}, {0x10787, 0x107B0}, {0x107B2, 0x107BA}};
constexpr Range kOtherUpper[] = {{0x2160, 0x216F}, {0x24B6, 0x24CF}, {0x1F130, 0x1F149}, {0x1F150, 0x1F169}, {0x1F170, 0x1F189}};
// What a search for a neighbouring letter passes over beside marks, formats and modifiers (Case_Ignorable).
constexpr Range kIgnored[] = {{'\'', '\''}, {'.', '.'}, {':', ':'}, {0xB7, 0xB7}, {0x387, 0x387}, {0x55F, 0x55F}, {0x5F4, 0x5F4},
    {0x2018, 0x2019}, {0x2024, 0x2024}, {0x2027, 0x2027}, {0xFE13, 0xFE13}, {0xFE52, 0xFE52}, {0xFE55, 0xFE55}, {0xFF07, 0xFF07},
    {0xFF0E, 0xFF0E}, {0xFF1A, 0xFF1A}};

bool isCased(char32_t point) {
    return isLower(point) || isUpper(point) || isTitle(point);
}

bool isPassedOver(char32_t point) {
    switch (categoryOf(point)) {
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_SK:
        return true;
    default:
        return isIn(kIgnored, point);
    }
}

constexpr char32_t kSigma = 0x3A3, kSmallSigma = 0x3C3, kFinalSigma = 0x3C2;

// A capital sigma between begin and end of `bytes`: small and final behind a letter at the end of a word, small elsewhere.
char32_t smallSigma(const std::string& bytes, std::size_t begin, std::size_t end) {
    bool behindLetter = false;
    for (std::size_t at = begin; at > 0;) {
        at = utf8::previous(bytes, at);
        const char32_t point = utf8::decode(bytes, at).value;
        if (!isPassedOver(point)) {
            behindLetter = isCased(point);
            break;
        }
    }
    if (!behindLetter)
        return kSmallSigma;
    for (std::size_t at = end; at < bytes.size();) {
        const utf8::CodePoint point = utf8::decode(bytes, at);
        if (!isPassedOver(point.value))
            return isCased(point.value) ? kSmallSigma : kFinalSigma;
        at += point.size;
    }
    return kFinalSigma;
}

// `write(codePoint, out)` for every character, in order, but a capital sigma that shall be small is made small here.
template <class Lowers, class Write>
Text mappedWithSigma(const Text& text, Lowers lowers, Write write) {
    std::size_t at = 0; // the runs tile the text, so characters come in order
    return text.mapped([&](char32_t point, std::string& out) {
        const std::size_t begin = at;
        at += utf8::decode(text.bytes(), at).size;
        if (point == kSigma && lowers(point))
            utf8::append(out, smallSigma(text.bytes(), begin, at));
        else
            write(point, out);
    });
}

} // namespace

bool isLetter(char32_t codePoint) {
    if (codePoint < 0x80)
        return (codePoint | 32) >= 'a' && (codePoint | 32) <= 'z';
    const auto category = categoryOf(codePoint);
    return category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_LO;
}
bool isUpper(char32_t codePoint) {
    return categoryOf(codePoint) == UTF8PROC_CATEGORY_LU || (codePoint >= 0x80 && isIn(kOtherUpper, codePoint));
}
bool isLower(char32_t codePoint) {
    return categoryOf(codePoint) == UTF8PROC_CATEGORY_LL || (codePoint >= 0x80 && isIn(kOtherLower, codePoint));
}
bool isTitle(char32_t codePoint) {
    return categoryOf(codePoint) == UTF8PROC_CATEGORY_LT;
}

Text upperCase(const Text& text) {
    return text.mapped(appendRaised<false>);
}

Text lowerCase(const Text& text) {
    return mappedWithSigma(text, [](char32_t) { return true; }, appendLower);
}

Text titleCase(const Text& text) {
    bool inWord = false;
    return mappedWithSigma(
        text, [&](char32_t) { return inWord; },
        [&](char32_t point, std::string& out) {
            if (inWord)
                appendLower(point, out);
            else
                appendRaised<true>(point, out);
            inWord = isCased(point);
        });
}

Text capitalized(const Text& text) {
    bool first = true;
    return mappedWithSigma(
        text, [&](char32_t) { return !first; },
        [&](char32_t point, std::string& out) {
            if (std::exchange(first, false))
                appendRaised<true>(point, out);
            else
                appendLower(point, out);
        });
}

Text swappedCase(const Text& text) {
    return mappedWithSigma(
        text, [](char32_t) { return true; },
        [](char32_t point, std::string& out) {
            if (isUpper(point))
                appendLower(point, out);
            else if (isLower(point))
                appendRaised<false>(point, out);
            else
                utf8::append(out, point);
        });
}

Text foldedCase(const Text& text) {
    return text.mapped([](char32_t point, std::string& out) {
        utf8proc_int32_t folded[8];
        int boundary = 0;
        const auto count = utf8proc_decompose_char(static_cast<utf8proc_int32_t>(point), folded, std::size(folded), UTF8PROC_CASEFOLD, &boundary);
        if (count <= 0 || count > std::ssize(folded))
            return utf8::append(out, point);
        for (std::ptrdiff_t i = 0; i < count; ++i)
            utf8::append(out, static_cast<char32_t>(folded[i]));
    });
}

} // namespace attune::jinja
