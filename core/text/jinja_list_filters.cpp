// Filters on lists, dicts and other rows of items.
#include <algorithm>

#include "core/text/jinja_attribute_path.h"
#include "core/text/jinja_filters.h"
#include "core/text/jinja_format.h"
#include "core/text/jinja_operators.h"
#include "core/text/jinja_strings.h"

namespace attune::jinja {

namespace {

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
            results.push_back(
                follow(machine, item, path, fallback && !fallback->is(Kind::None) ? fallback.get() : nullptr));
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
        {"length", length},
        {"count", length},
        {"first", first},
        {"last", last},
        {"join", join},
        {"list", listFilter},
        {"items", items},
        {"map", map},
        {"select", select<false, true>},
        {"reject", select<false, false>},
        {"selectattr", select<true, true>},
        {"rejectattr", select<true, false>},
        {"reverse", reverse},
        {"sum", sum},
        {"batch", batch},
        {"slice", slice},
    };
    return table;
}

} // namespace attune::jinja
