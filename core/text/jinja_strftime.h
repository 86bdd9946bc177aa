// strftime for a fixed moment, always with English names whatever the program's locale.
#pragma once

#include <string>
#include <string_view>

namespace attune::jinja {

/// `moment`: "2025-07-10", with an optional time ("2025-07-10 14:30:00", blank or T between). Fails on anything else.
std::string formatMoment(std::string_view moment, std::string_view format);

} // namespace attune::jinja
