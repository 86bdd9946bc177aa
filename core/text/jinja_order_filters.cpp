// Filters that compare members: sort, dictsort, unique, groupby, min, max.
#include <algorithm>
#include <unordered_set>

#include "core/text/jinja_attribute_path.h"
#include "core/text/jinja_case.h"
#include "core/text/jinja_filters.h"
#include "core/text/jinja_operators.h"
#include "core/text/jinja_strings.h"

namespace attune::jinja {

namespace {

Value lowered(const Value& value) {
    return value.isString() ? Value::string(lowerCase(value.text())) : value;
}

constexpr std::uint64_t kKeySteps = 32; // what finding and keeping one key costs

// What sort, unique, min, max and groupby compare by.
class KeyOf {
public:
    KeyOf(Machine& machine, const Value* attribute, bool caseSensitive)
        : m_machine(machine), m_sensitive(caseSensitive) {
        if (attribute && !attribute->is(Kind::None))
            m_path = attributePath(*attribute);
    }
    Value operator()(const Value& item) const {
        m_machine.charge(kKeySteps);
        const Value key = follow(m_machine, item, m_path);
        if (key.isString())
            m_machine.chargeScan(key.bytes().size());
        return m_sensitive ? key : lowered(key);
    }

private:
    Machine& m_machine;
    std::vector<Value> m_path;
    bool m_sensitive;
};

bool isTrue(const Value* value) {
    return value && truthy(*value);
}

void chargeSort(Machine& machine, std::size_t size) {
    std::uint64_t levels = 1;
    while ((std::size_t{1} << levels) < size)
        ++levels;
    machine.charge(size * levels);
}

// Sorts pairs of key and item by key, stably; `reverse` keeps equal ones in order as Python does.
void sortByKey(Machine& machine, std::vector<std::pair<Value, Value>>& pairs, bool reverse) {
    chargeSort(machine, pairs.size());
    std::stable_sort(pairs.begin(), pairs.end(), [&](const auto& a, const auto& b) {
        return reverse ? lessThan(machine, b.first, a.first) : lessThan(machine, a.first, b.first);
    });
}

std::vector<Value> seconds(std::vector<std::pair<Value, Value>> pairs) {
    std::vector<Value> items;
    items.reserve(pairs.size());
    for (auto& pair : pairs)
        items.push_back(std::move(pair.second));
    return items;
}

Value sortFilter(Machine& machine, const Value& input, CallArguments& arguments) {
    const auto bound = bind(arguments, "sort", {"reverse", "case_sensitive", "attribute"});
    const bool sensitive = isTrue(bound[1]);
    std::vector<std::vector<Value>> paths; // "a,b": by a, then by b
    if (bound[2] && bound[2]->isString()) {
        for (const Text& part : split(bound[2]->text(), ",", -1, false))
            paths.push_back(attributePath(Value::string(part)));
    } else if (bound[2] && !bound[2]->is(Kind::None)) {
        paths.push_back({*bound[2]});
    }
    std::vector<std::pair<Value, Value>> pairs;
    for (const Value& item : iterate(machine, input)) {
        std::vector<Value> key;
        for (const auto& path : paths)
            key.push_back(follow(machine, item, path));
        if (paths.empty())
            key.push_back(item);
        machine.charge(kKeySteps);
        for (const Value& part : key)
            if (part.isString())
                machine.chargeScan(part.bytes().size());
        if (!sensitive)
            std::transform(key.begin(), key.end(), key.begin(), lowered);
        pairs.emplace_back(Value::list(std::move(key)), item);
    }
    sortByKey(machine, pairs, isTrue(bound[0]));
    return Value::list(seconds(std::move(pairs)));
}

Value dictSort(Machine& machine, const Value& input, CallArguments& arguments) {
    const auto bound = bind(arguments, "dictsort", {"case_sensitive", "by", "reverse"});
    const std::string by = bound[1] && bound[1]->isString() ? bound[1]->bytes() : bound[1] ? "" : "key";
    if (by != "key" && by != "value")
        raise("You can only sort by either \"key\" or \"value\"");
    requireDefined(input);
    if (!input.isDict())
        raise("'" + std::string(typeName(input)) + " object' has no attribute 'items'");
    std::vector<std::pair<Value, Value>> pairs;
    machine.chargeItems(input.members().entries().size());
    for (const auto& [key, value] : input.members().entries()) {
        const Value& sortKey = by == "key" ? key : value;
        pairs.emplace_back(isTrue(bound[0]) ? sortKey : lowered(sortKey), Value::tuple({key, value}));
    }
    sortByKey(machine, pairs, isTrue(bound[2]));
    return Value::list(seconds(std::move(pairs)));
}

Value unique(Machine& machine, const Value& input, CallArguments& arguments) {
    const auto bound = bind(arguments, "unique", {"case_sensitive", "attribute"});
    const KeyOf keyOf(machine, bound[1], isTrue(bound[0]));
    std::unordered_set<std::string> seen;
    std::vector<Value> results;
    for (const Value& item : iterate(machine, input))
        if (seen.insert(keyIdentity(keyOf(item))).second)
            results.push_back(item);
    return Value::sequence(Kind::Generator, std::move(results));
}

Value groupBy(Machine& machine, const Value& input, CallArguments& arguments) {
    const auto bound = bind(arguments, "groupby", {"attribute", "default", "case_sensitive"}, 1);
    const std::vector<Value> path = attributePath(*bound[0]);
    const bool sensitive = isTrue(bound[2]);
    const auto plainKey = [&](const Value& item) {
        return follow(machine, item, path, bound[1] && !bound[1]->is(Kind::None) ? bound[1] : nullptr);
    };
    std::vector<std::pair<Value, Value>> pairs;
    for (const Value& item : iterate(machine, input)) {
        const Value key = plainKey(item);
        machine.charge(kKeySteps);
        pairs.emplace_back(sensitive ? key : lowered(key), item);
    }
    sortByKey(machine, pairs, false);
    std::vector<Value> groups;
    for (std::size_t begin = 0; begin < pairs.size();) {
        std::vector<Value> members;
        std::size_t end = begin;
        for (; end < pairs.size() && equal(machine, pairs[end].first, pairs[begin].first); ++end)
            members.push_back(pairs[end].second);
        Value group = Value::tuple({plainKey(pairs[begin].second), Value::list(std::move(members))});
        group.items().label = "grouper list"; // the two names of its members (getAttribute)
        groups.push_back(std::move(group));
        begin = end;
    }
    return Value::list(std::move(groups));
}

template <bool wantLargest>
Value extreme(Machine& machine, const Value& input, CallArguments& arguments) {
    const auto bound = bind(arguments, "min", {"case_sensitive", "attribute"});
    const KeyOf keyOf(machine, bound[1], isTrue(bound[0]));
    const std::vector<Value> items = iterate(machine, input);
    if (items.empty())
        return Value::undefined("No aggregated item, sequence was empty.");
    Value best = items.front(), bestKey = keyOf(best);
    for (std::size_t i = 1; i < items.size(); ++i) {
        const Value key = keyOf(items[i]);
        if (wantLargest ? lessThan(machine, bestKey, key, ">") : lessThan(machine, key, bestKey))
            best = items[i], bestKey = key;
    }
    return best;
}

} // namespace

const FilterTable& orderFilters() {
    static const FilterTable table = {
        {"sort", sortFilter}, {"dictsort", dictSort},  {"unique", unique},
        {"groupby", groupBy}, {"min", extreme<false>}, {"max", extreme<true>},
    };
    return table;
}

} // namespace attune::jinja
