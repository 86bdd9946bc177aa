#include "core/text/jinja_globals.h"

#include <limits>
#include <unordered_map>

#include "core/text/jinja_format.h"
#include "core/text/jinja_operators.h"
#include "core/text/jinja_strftime.h"

namespace attune::jinja {

namespace {

constexpr std::uint64_t kMaxRange = 100'000; // the sandbox's own limit

Value range(Machine& machine, CallArguments& arguments) {
    const auto bound = bind(arguments, "range", {"start", "stop", "step"}, 1);
    std::int64_t begin = 0, end = integerOf(*bound[0], "range's argument"), step = 1;
    if (bound[1]) {
        begin = end;
        end = integerOf(*bound[1], "range's argument");
    }
    if (bound[2])
        step = integerOf(*bound[2], "range's argument");
    if (step == 0)
        raise("range() arg 3 must not be zero");
    std::uint64_t size = 0;
    if (step > 0 && begin < end)
        size = (static_cast<std::uint64_t>(end) - static_cast<std::uint64_t>(begin) - 1) /
                   static_cast<std::uint64_t>(step) +
               1;
    if (step < 0 && begin > end)
        size = (static_cast<std::uint64_t>(begin) - static_cast<std::uint64_t>(end) - 1) /
                   (0 - static_cast<std::uint64_t>(step)) +
               1;
    if (size > kMaxRange)
        raise("Range too big. The sandbox blocks ranges larger than MAX_RANGE (" + std::to_string(kMaxRange) + ").");
    machine.chargeItems(size);
    std::vector<Value> items;
    items.reserve(size);
    for (std::uint64_t i = 0; i < size; ++i) // wraps instead of overflowing behind the last one
        items.push_back(Value::integer(
            static_cast<std::int64_t>(static_cast<std::uint64_t>(begin) + i * static_cast<std::uint64_t>(step))));
    std::string label = "range(" + std::to_string(begin) + ", " + std::to_string(end);
    label += step == 1 ? ")" : ", " + std::to_string(step) + ")";
    return Value::sequence(Kind::Range, std::move(items), std::move(label));
}

void fill(Machine& machine, DictObject& target, const CallArguments& arguments, std::string_view function) {
    if (arguments.positional.size() > 1)
        raise(std::string(function) + " expected at most 1 argument, got " +
              std::to_string(arguments.positional.size()));
    for (const Value& source : arguments.positional) {
        if (source.isDict() || source.is(Kind::Namespace)) {
            machine.chargeItems(source.members().entries().size());
            for (const auto& [key, value] : source.members().entries())
                target.set(key, value);
            continue;
        }
        for (const Value& pair : iterate(machine, source)) {
            const std::vector<Value> parts = iterate(machine, pair);
            if (parts.size() != 2)
                raise("dictionary update sequence element has length " + std::to_string(parts.size()) +
                      "; 2 is required");
            target.set(parts[0], parts[1]);
        }
    }
    machine.chargeItems(arguments.named.size());
    for (const auto& [name, value] : arguments.named)
        target.set(Value::literal(name), value);
}

Value dict(Machine& machine, CallArguments& arguments) {
    Value result = Value::dict();
    fill(machine, result.members(), arguments, "dict");
    return result;
}

Value nameSpace(Machine& machine, CallArguments& arguments) {
    auto members = std::make_shared<DictObject>();
    members->depth = 1;
    fill(machine, *members, arguments, "namespace");
    return machine.makeNamespace(std::move(members));
}

Value raiseException(Machine& machine, CallArguments& arguments) {
    const auto bound = bind(arguments, "raise_exception", {"message"}, 1);
    raise(toText(machine, *bound[0]).bytes());
}

Value strftimeNow(Machine& machine, CallArguments& arguments) {
    const auto bound = bind(arguments, "strftime_now", {"format"}, 1);
    if (!bound[0]->isString())
        raise("strftime_now needs a format text");
    machine.charge(bound[0]->bytes().size() * 4);
    std::string text = formatMoment(machine.options().now, bound[0]->bytes());
    machine.checkBytes(text.size());
    return Value::literal(std::move(text));
}

class Cycler : public Callable {
public:
    explicit Cycler(std::vector<Value> items) : m_items(std::move(items)) {
        for (const Value& item : m_items)
            depth = std::max(depth, depthAbove(item.depth()));
    }
    Value call(Machine&, CallArguments&) override { raise("'Cycler' object is not callable"); }
    Value attribute(Machine&, std::string_view name) override {
        if (name == "current")
            return m_items[m_at];
        if (name == "next")
            return member("next", [this](Machine&, CallArguments&) {
                const Value item = m_items[m_at];
                m_at = (m_at + 1) % m_items.size();
                return item;
            });
        if (name == "reset")
            return member("reset", [this](Machine&, CallArguments&) {
                m_at = 0;
                return Value::none();
            });
        return Value();
    }
    std::string describe() const override { return "<jinja2.utils.Cycler object>"; }
    void setSelf(const std::shared_ptr<Cycler>& self) { m_self = self; }

private:
    Value member(const char* name, Function::Body body) {
        return Value::callable(std::make_shared<Function>(
            name,
            [self = m_self.lock(), action = std::move(body)](Machine& machine, CallArguments& arguments) {
                return action(machine, arguments);
            },
            depth));
    }
    std::vector<Value> m_items;
    std::size_t m_at = 0;
    std::weak_ptr<Cycler> m_self;
};

Value cycler(Machine&, CallArguments& arguments) {
    if (arguments.positional.empty())
        raise("at least one item has to be provided");
    auto object = std::make_shared<Cycler>(std::move(arguments.positional));
    object->setSelf(object);
    return Value::callable(std::move(object));
}

Value joiner(Machine&, CallArguments& arguments) {
    const auto bound = bind(arguments, "joiner", {"sep"});
    const Value separator = bound[0] ? *bound[0] : Value::literal(", ");
    return Value::callable(std::make_shared<Function>(
        "joiner",
        [separator, used = false](Machine&, CallArguments&) mutable {
            return std::exchange(used, true) ? separator : Value::literal("");
        },
        separator.depth()));
}

} // namespace

Value globalFunction(std::string_view name) {
    static const std::unordered_map<std::string_view, Value (*)(Machine&, CallArguments&)> functions = {
        {"range", range},
        {"dict", dict},
        {"namespace", nameSpace},
        {"raise_exception", raiseException},
        {"strftime_now", strftimeNow},
        {"cycler", cycler},
        {"joiner", joiner}};
    const auto found = functions.find(name);
    if (found == functions.end())
        return Value();
    return Value::callable(std::make_shared<Function>(std::string(name), found->second));
}

} // namespace attune::jinja
