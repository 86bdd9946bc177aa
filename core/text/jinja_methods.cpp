#include "core/text/jinja_methods.h"

#include <algorithm>
#include <unordered_set>

#include "core/text/jinja_format.h"
#include "core/text/jinja_operators.h"

namespace attune::jinja {

namespace {

class BoundMethod : public Callable {
public:
    BoundMethod(std::string name, Value self, Method method)
        : m_name(std::move(name)), m_self(std::move(self)), m_method(method) {
        depth = depthAbove(m_self.depth());
    }
    Value call(Machine& machine, CallArguments& arguments) override {
        if (m_self.isString())
            machine.chargeScan(m_self.bytes().size());
        return m_method(machine, m_self, arguments);
    }
    std::string describe() const override {
        return "<built-in method " + m_name + " of " + std::string(typeName(m_self)) + " object>";
    }

private:
    std::string m_name;
    Value m_self;
    Method m_method;
};

Value dictGet(Machine&, const Value& self, const CallArguments& arguments) {
    const auto bound = bind(arguments, "get", {"key", "default"}, 1);
    const Value* found = self.members().find(*bound[0]);
    return found ? *found : bound[1] ? *bound[1] : Value::none();
}

std::vector<Value> dictPart(Machine& machine, const Value& self, bool keys, bool values) {
    machine.chargeItems(self.members().entries().size());
    std::vector<Value> items;
    for (const auto& [key, value] : self.members().entries())
        items.push_back(keys && values ? Value::tuple({key, value}) : keys ? key : value);
    return items;
}

Value dictItems(Machine& machine, const Value& self, const CallArguments& arguments) {
    bind(arguments, "items", {});
    return Value::sequence(Kind::View, dictPart(machine, self, true, true), "dict_items");
}
Value dictKeys(Machine& machine, const Value& self, const CallArguments& arguments) {
    bind(arguments, "keys", {});
    return Value::sequence(Kind::View, dictPart(machine, self, true, false), "dict_keys");
}
Value dictValues(Machine& machine, const Value& self, const CallArguments& arguments) {
    bind(arguments, "values", {});
    return Value::sequence(Kind::View, dictPart(machine, self, false, true), "dict_values");
}
Value dictCopy(Machine& machine, const Value& self, const CallArguments& arguments) {
    bind(arguments, "copy", {});
    machine.chargeItems(self.members().entries().size());
    Value copy = Value::dict();
    for (const auto& [key, value] : self.members().entries())
        copy.members().set(key, value);
    return copy;
}

Value listCount(Machine& machine, const Value& self, const CallArguments& arguments) {
    const auto bound = bind(arguments, "count", {"value"}, 1);
    const auto& items = self.items().values;
    return Value::integer(
        std::count_if(items.begin(), items.end(), [&](const Value& item) { return equal(machine, item, *bound[0]); }));
}
Value listIndex(Machine& machine, const Value& self, const CallArguments& arguments) {
    const auto bound = bind(arguments, "index", {"value"}, 1);
    const auto& items = self.items().values;
    for (std::size_t i = 0; i < items.size(); ++i)
        if (equal(machine, items[i], *bound[0]))
            return Value::integer(static_cast<std::int64_t>(i));
    raise(toRepr(machine, *bound[0]).bytes() + " is not in list");
}
Value listCopy(Machine& machine, const Value& self, const CallArguments& arguments) {
    bind(arguments, "copy", {});
    machine.chargeItems(self.items().values.size());
    return Value::list(self.items().values);
}
const Methods& dictMethods() {
    static const Methods methods = {
        {"get", dictGet}, {"items", dictItems}, {"keys", dictKeys}, {"values", dictValues}, {"copy", dictCopy}};
    return methods;
}
const Methods& listMethods() {
    static const Methods methods = {{"count", listCount}, {"index", listIndex}, {"copy", listCopy}};
    return methods;
}
const Methods& tupleMethods() {
    static const Methods methods = {{"count", listCount}, {"index", listIndex}};
    return methods;
}

bool mutates(const Value& value, std::string_view name) {
    static const std::unordered_set<std::string_view> dict = {"clear", "pop", "popitem", "setdefault", "update"};
    static const std::unordered_set<std::string_view> list = {"append", "reverse", "insert", "sort",
                                                              "extend", "remove",  "pop",    "clear"};
    return value.isDict() ? dict.contains(name) : value.is(Kind::List) && list.contains(name);
}

} // namespace

bool findMethod(const Value& value, const std::string& name, Value& found) {
    const bool isObject = value.isString() || value.isItems() || value.isDict();
    if (isObject && mutates(value, name)) {
        found = Value::undefined("access to attribute '" + name + "' of '" + std::string(typeName(value)) +
                                 "' object is unsafe.");
        return true;
    }
    const Methods* methods = value.isString()        ? &stringMethods()
                             : value.isDict()        ? &dictMethods()
                             : value.is(Kind::List)  ? &listMethods()
                             : value.is(Kind::Tuple) ? &tupleMethods()
                                                     : nullptr;
    if (!methods)
        return false;
    const auto method = methods->find(name);
    if (method == methods->end())
        return false;
    found = Value::callable(std::make_shared<BoundMethod>(name, value, method->second));
    return true;
}

} // namespace attune::jinja
