#include "core/text/jinja_strftime.h"

#include <clocale>
#include <cstdio>
#include <ctime>
#include <locale.h>
#include <memory>

#include "core/text/jinja_value.h"

namespace attune::jinja {

namespace {

std::tm parseMoment(std::string_view moment) {
    const std::string text(moment);
    std::tm time{};
    int year = 0, month = 0, length = 0;
    if (std::sscanf(text.c_str(), "%4d-%2d-%2d%n", &year, &month, &time.tm_mday, &length) < 3 || month < 1 ||
        month > 12 || time.tm_mday < 1 || time.tm_mday > 31)
        raise("the date \"" + text.substr(0, 40) + "\" is not of the form 2025-07-10");
    if (static_cast<std::size_t>(length) < text.size()) {
        int end = 0;
        if (std::sscanf(text.c_str() + length + 1, "%2d:%2d:%2d%n", &time.tm_hour, &time.tm_min, &time.tm_sec, &end) <
                3 ||
            time.tm_hour > 23 || time.tm_min > 59 || time.tm_sec > 60 || time.tm_hour < 0 || time.tm_min < 0 ||
            time.tm_sec < 0)
            raise("the time of \"" + text.substr(0, 40) + "\" is not of the form 14:30:00");
    }
    time.tm_year = year - 1900;
    time.tm_mon = month - 1;
    std::tm known = time; // week day and day of the year follow from the date
    const std::time_t seconds = timegm(&known);
    gmtime_r(&seconds, &time);
    return time;
}

} // namespace

std::string formatMoment(std::string_view moment, std::string_view format) {
    const std::tm time = parseMoment(moment);
    using Locale = std::remove_pointer_t<locale_t>;
    const std::unique_ptr<Locale, void (*)(locale_t)> english(newlocale(LC_ALL_MASK, "C", nullptr), freelocale);
    std::string out;
    for (std::size_t at = 0; at < format.size(); ++at) {
        if (format[at] != '%' || at + 1 >= format.size()) {
            out += format[at];
            continue;
        }
        std::string directive = {'%', format[++at]};
        if ((format[at] == '-' || format[at] == '_' || format[at] == '0') && at + 1 < format.size())
            directive += format[++at]; // glibc's padding flags, which Python passes on
        if (directive == "%f") {
            out += "000000";
        } else if (directive == "%z" || directive == "%Z") {
            continue; // a time without zone has none
        } else {
            char buffer[128];
            out.append(buffer, strftime_l(buffer, sizeof buffer, directive.c_str(), &time, english.get()));
        }
    }
    return out;
}

} // namespace attune::jinja
