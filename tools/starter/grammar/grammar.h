// The texts of the grammar, one function per topic, in the notation of tools/starter/pen.h. Data only.
#pragma once

#include <string_view>
#include <vector>

namespace attune::starter::grammar {

std::string_view words();
std::string_view stories();
std::string_view moreStories();
std::string_view everyday();
std::string_view support();

inline std::vector<std::string_view> sources() { return {words(), stories(), moreStories(), everyday(), support()}; }

} // namespace attune::starter::grammar
