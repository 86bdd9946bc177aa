#include "core/text/jinja_filters.h"

namespace attune::jinja {

namespace {

Filter findFilter(std::string_view name) {
    for (const FilterTable* table : {&textFilters(), &listFilters(), &orderFilters(), &numberFilters(), &markupFilters(), &wrapFilters()})
        if (const auto found = table->find(name); found != table->end())
            return found->second;
    return nullptr;
}

} // namespace

bool isFilter(std::string_view name) {
    return findFilter(name) != nullptr;
}

Value applyFilter(Machine& machine, std::string_view name, const Value& input, CallArguments& arguments) {
    const Filter filter = findFilter(name);
    if (!filter)
        raise("No filter named '" + std::string(name) + "'.", ErrorCode::Unsupported);
    if (input.isString())
        machine.chargeScan(input.bytes().size());
    return filter(machine, input, arguments);
}

} // namespace attune::jinja
