// Filters on lists, dicts and other rows of items.
#include <algorithm>
#include <unordered_set>

#include "core/text/jinja_filters.h"
#include "core/text/jinja_format.h"
#include "core/text/jinja_operators.h"
#include "core/text/jinja_strings.h"

namespace attune::jinja {

namespace {

// A path such as "function.name" or "0.id": parts that are digits are indices.
std::vector<Value> attributePath(const Value& attribute) {
    if (!attribute.isString())
        return {attribute};
    std::vector<Value> path;
    for (const Text& part : split(attribute.text(), ".", -1, false)) {
        const std::string& bytes = part.bytes();
        const bool number = !bytes.empty() && bytes.size() < 10 &&
                            std::all_of(bytes.begin(), bytes.end(), [](char c) { return c >= '0' && c <= '9'; });
        path.push_back(number ? Value::integer(std::stoll(bytes)) : Value::string(part));
    }
    return path;
}

Value follow(Machine& machine, Value value, const std::vector<Value>& path, const Value* fallback = nullptr) {
    for (const Value& part : path) {
        value = getItem(machine, value, part);
        if (fallback && value.isUndefined())
            value = *fallback;
    }
    return value;
}

Value lowered(const Value& value) {
    return value.isString() ? Value::string(lowerCase(value.text())) : value;
}

constexpr std::uint64_t kKeySteps = 32; // what finding and keeping one key costs

// What sort, unique, min, max and groupby compare by.
class KeyOf {
public:
    KeyOf(Machine& machine, const Value* attribute, bool caseSensitive) : m_machine(machine), m_sensitive(caseSensitive) {
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

bool isTrue(const Value* value) { return value && truthy(*value); }

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

Value length(Machine&, const Value& input, CallArguments& arguments) {
    bind(arguments, "length", {});
    return Value::integer(lengthOf(input));
}

Value first(Machine& machine, const Value& input, CallArguments& arguments) {
    bind(arguments, "first", {});
    if (input.is(Kind::Generator)) {
        auto& row = input.items();
        if (row.consumed || row.values.empty())
            return Value::undefined("No first item, sequence was empty.");
        const Value item = row.values.front();
        row.values.erase(row.values.begin());
        return item;
    }
    if (input.isItems() && !input.items().values.empty())
        return input.items().values.front();
    const std::vector<Value> items = iterate(machine, input);
    return items.empty() ? Value::undefined("No first item, sequence was empty.") : items.front();
}

Value last(Machine& machine, const Value& input, CallArguments& arguments) {
    bind(arguments, "last", {});
    if (input.is(Kind::Generator))
        raise("'generator' object is not reversible");
    if (input.isItems() && !input.items().values.empty())
        return input.items().values.back();
    const std::vector<Value> items = iterate(machine, input);
    return items.empty() ? Value::undefined("No last item, sequence was empty.") : items.back();
}

Value join(Machine& machine, const Value& input, CallArguments& arguments) {
    const auto bound = bind(arguments, "join", {"d", "attribute"});
    const Text separator = bound[0] ? toText(machine, *bound[0]) : Text();
    std::vector<Value> path;
    if (bound[1] && !bound[1]->is(Kind::None))
        path = attributePath(*bound[1]);
    Text out;
    bool isFirst = true;
    for (const Value& item : iterate(machine, input)) {
        if (!std::exchange(isFirst, false))
            out.append(separator);
        const Text text = toText(machine, follow(machine, item, path));
        out.append(text);
        machine.chargeBytes(separator.size() + text.size());
        machine.checkBytes(out.size());
    }
    return Value::string(std::move(out));
}

Value listFilter(Machine& machine, const Value& input, CallArguments& arguments) {
    bind(arguments, "list", {});
    return Value::list(iterate(machine, input));
}

Value items(Machine& machine, const Value& input, CallArguments& arguments) {
    bind(arguments, "items", {});
    if (input.isUndefined())
        return Value::sequence(Kind::Generator, {});
    if (!input.isDict())
        raise("Can only get item pairs from a mapping.");
    machine.chargeItems(input.members().entries().size());
    std::vector<Value> pairs;
    for (const auto& [key, value] : input.members().entries())
        pairs.push_back(Value::tuple({key, value}));
    return Value::sequence(Kind::Generator, std::move(pairs));
}

Value map(Machine& machine, const Value& input, CallArguments& arguments) {
    std::vector<Value> results;
    if (!truthy(input)) // as Jinja: nothing is complained about when there is nothing to do
        return Value::sequence(Kind::Generator, {});
    if (arguments.positional.empty()) {
        const auto attribute = arguments.take("attribute");
        const auto fallback = arguments.take("default");
        if (!attribute)
            raise("map requires a filter argument");
        if (!arguments.named.empty())
            raise("Unexpected keyword argument '" + arguments.named.front().first + "'");
        const std::vector<Value> path = attributePath(*attribute);
        for (const Value& item : iterate(machine, input))
            results.push_back(follow(machine, item, path, fallback && !fallback->is(Kind::None) ? fallback.get() : nullptr));
        return Value::sequence(Kind::Generator, std::move(results));
    }
    const std::string name = toText(machine, arguments.positional.front()).bytes();
    arguments.positional.erase(arguments.positional.begin());
    for (const Value& item : iterate(machine, input)) {
        CallArguments copy = arguments;
        results.push_back(machine.callFilter(name, item, copy));
    }
    return Value::sequence(Kind::Generator, std::move(results));
}

template <bool byAttribute, bool wanted>
Value select(Machine& machine, const Value& input, CallArguments& arguments) {
    std::vector<Value> results;
    if (!truthy(input))
        return Value::sequence(Kind::Generator, {});
    std::vector<Value> path;
    if (byAttribute) {
        if (arguments.positional.empty())
            raise("Missing parameter for attribute name");
        path = attributePath(arguments.positional.front());
        arguments.positional.erase(arguments.positional.begin());
    }
    std::string test;
    if (!arguments.positional.empty()) {
        test = toText(machine, arguments.positional.front()).bytes();
        arguments.positional.erase(arguments.positional.begin());
    }
    for (const Value& item : iterate(machine, input)) {
        const Value subject = follow(machine, item, path);
        bool holds = false;
        if (test.empty()) {
            holds = truthy(subject);
        } else {
            CallArguments copy = arguments;
            holds = machine.callTest(test, subject, copy);
        }
        if (holds == wanted)
            results.push_back(item);
    }
    return Value::sequence(Kind::Generator, std::move(results));
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

Value reverse(Machine& machine, const Value& input, CallArguments& arguments) {
    bind(arguments, "reverse", {});
    if (input.is(Kind::Generator))
        raise("'generator' object is not reversible");
    std::vector<Value> items = iterate(machine, input);
    std::reverse(items.begin(), items.end());
    if (!input.isString())
        return Value::sequence(Kind::Generator, std::move(items));
    Text out;
    for (const Value& item : items)
        out.append(item.text());
    return Value::string(std::move(out), input.markup());
}

Value sum(Machine& machine, const Value& input, CallArguments& arguments) {
    const auto bound = bind(arguments, "sum", {"attribute", "start"});
    std::vector<Value> path;
    if (bound[0] && !bound[0]->is(Kind::None))
        path = attributePath(*bound[0]);
    Value total = bound[1] ? *bound[1] : Value::integer(0);
    if (total.isString())
        raise("sum() can't sum strings [use ''.join(seq) instead]");
    for (const Value& item : iterate(machine, input))
        total = binaryOperation(machine, BinaryOperator::Add, total, follow(machine, item, path));
    return total;
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

Value batch(Machine& machine, const Value& input, CallArguments& arguments) {
    const auto bound = bind(arguments, "batch", {"linecount", "fill_with"}, 1);
    const std::int64_t size = integerOf(*bound[0], "batch's size");
    std::vector<Value> rows, row;
    for (const Value& item : iterate(machine, input)) {
        if (static_cast<std::int64_t>(row.size()) == size)
            rows.push_back(Value::list(std::exchange(row, {})));
        row.push_back(item);
    }
    if (!row.empty()) {
        if (bound[1] && !bound[1]->is(Kind::None) && static_cast<std::int64_t>(row.size()) < size) {
            machine.chargeItems(static_cast<std::uint64_t>(size));
            row.resize(static_cast<std::size_t>(size), *bound[1]);
        }
        rows.push_back(Value::list(std::move(row)));
    }
    return Value::sequence(Kind::Generator, std::move(rows));
}

Value slice(Machine& machine, const Value& input, CallArguments& arguments) {
    const auto bound = bind(arguments, "slice", {"slices", "fill_with"}, 1);
    const std::vector<Value> items = iterate(machine, input);
    const std::int64_t slices = integerOf(*bound[0], "slice's count");
    if (slices <= 0)
        raise("slice's count must be positive");
    machine.chargeItems(static_cast<std::uint64_t>(slices));
    const auto size = static_cast<std::int64_t>(items.size());
    const std::int64_t perSlice = size / slices, withExtra = size % slices;
    std::vector<Value> rows;
    auto at = items.begin();
    for (std::int64_t i = 0; i < slices; ++i) {
        const auto end = at + perSlice + (i < withExtra);
        std::vector<Value> row(at, end);
        if (bound[1] && !bound[1]->is(Kind::None) && i >= withExtra)
            row.push_back(*bound[1]);
        rows.push_back(Value::list(std::move(row)));
        at = end;
    }
    return Value::sequence(Kind::Generator, std::move(rows));
}

} // namespace

const FilterTable& listFilters() {
    static const FilterTable table = {
        {"length", length}, {"count", length}, {"first", first}, {"last", last}, {"join", join}, {"list", listFilter},
        {"items", items}, {"map", map}, {"select", select<false, true>}, {"reject", select<false, false>},
        {"selectattr", select<true, true>}, {"rejectattr", select<true, false>}, {"sort", sortFilter},
        {"dictsort", dictSort}, {"unique", unique}, {"groupby", groupBy}, {"reverse", reverse}, {"sum", sum},
        {"min", extreme<false>}, {"max", extreme<true>}, {"batch", batch}, {"slice", slice},
    };
    return table;
}

} // namespace attune::jinja
