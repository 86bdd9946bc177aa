// The filters of Jinja2 as Hugging Face's environment has them (its own tojson, no autoescape). Those about text are
// in jinja_text_filters.cpp, those about numbers, HTML and lists in files of that name, those that compare in
// jinja_order_filters.cpp.
#pragma once

#include <string_view>
#include <unordered_map>

#include "core/text/jinja_machine.h"

namespace attune::jinja {

using Filter = Value (*)(Machine& machine, const Value& input, CallArguments& arguments);
using FilterTable = std::unordered_map<std::string_view, Filter>;

const FilterTable& textFilters();
const FilterTable& numberFilters();
const FilterTable& markupFilters();
const FilterTable& wrapFilters();
const FilterTable& listFilters();
const FilterTable& orderFilters();

bool isFilter(std::string_view name);
/// Errors (Failure): Unsupported for a name that is none.
Value applyFilter(Machine& machine, std::string_view name, const Value& input, CallArguments& arguments);

} // namespace attune::jinja
