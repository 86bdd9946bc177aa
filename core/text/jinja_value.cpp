#include "core/text/jinja_value.h"

#include <algorithm>
#include <cmath>

namespace attune::jinja {

namespace {

constexpr std::uint32_t kMaxValueDepth = 200;
constexpr std::size_t kLinearSearch = 8; // below this many entries comparing is faster than hashing

} // namespace

void raise(std::string message, ErrorCode code) {
    throw Failure{code, std::move(message), 0};
}

std::uint32_t depthAbove(std::uint32_t deepest) {
    if (deepest >= kMaxValueDepth)
        raise("values are nested deeper than " + std::to_string(kMaxValueDepth) + " levels");
    return deepest + 1;
}

Value Value::undefined(std::string message) {
    auto object = std::make_shared<UndefinedObject>();
    object->message = std::move(message);
    Value value(Kind::Undefined);
    value.m_object = std::move(object);
    return value;
}

Value Value::boolean(bool truth) {
    Value value(Kind::Bool);
    value.m_integer = truth;
    return value;
}

Value Value::integer(std::int64_t number) {
    Value value(Kind::Int);
    value.m_integer = number;
    return value;
}

Value Value::real(double number) {
    Value value(Kind::Float);
    value.m_real = number;
    return value;
}

Value Value::string(Text text, bool markup) {
    auto object = std::make_shared<StringObject>();
    object->text = std::move(text);
    object->markup = markup;
    Value value(Kind::String);
    value.m_object = std::move(object);
    return value;
}

Value Value::sequence(Kind kind, std::vector<Value> items, std::string label) {
    std::uint32_t deepest = 0;
    for (const Value& item : items)
        deepest = std::max(deepest, item.depth());
    auto object = std::make_shared<ListObject>();
    object->depth = depthAbove(deepest);
    object->values = std::move(items);
    object->label = std::move(label);
    Value value(kind);
    value.m_object = std::move(object);
    return value;
}

Value Value::dict() {
    Value value(Kind::Dict);
    value.m_object = std::make_shared<DictObject>();
    value.m_object->depth = 1;
    return value;
}

Value Value::nameSpace(std::shared_ptr<DictObject> members) {
    Value value(Kind::Namespace);
    value.m_object = std::move(members);
    return value;
}

Value Value::callable(std::shared_ptr<Callable> object) {
    Value value(Kind::Callable);
    value.m_object = std::move(object);
    return value;
}

const Text& Value::text() const {
    return static_cast<const StringObject&>(*m_object).text;
}
bool Value::markup() const {
    return isString() && static_cast<const StringObject&>(*m_object).markup;
}
ListObject& Value::items() const {
    return static_cast<ListObject&>(*m_object);
}
DictObject& Value::members() const {
    return static_cast<DictObject&>(*m_object);
}
Callable& Value::function() const {
    return static_cast<Callable&>(*m_object);
}
std::shared_ptr<Callable> Value::sharedFunction() const {
    return std::static_pointer_cast<Callable>(m_object);
}

const std::string& Value::undefinedMessage() const {
    static const std::string unnamed = "a value is undefined";
    return m_object ? static_cast<const UndefinedObject&>(*m_object).message : unnamed;
}

std::string keyIdentity(const Value& key) {
    switch (key.kind()) {
    case Kind::String:
        return "s" + key.bytes();
    case Kind::None:
        return "none";
    case Kind::Bool:
    case Kind::Int:
        return "n" + std::to_string(key.asInteger());
    case Kind::Float: {
        const double number = key.asReal();
        if (number == std::floor(number) && std::abs(number) < 9.2e18)
            return "n" + std::to_string(static_cast<std::int64_t>(number));
        return "f" + std::to_string(std::hash<double>()(number));
    }
    case Kind::Tuple: {
        std::string identity = "t";
        for (const Value& item : key.items().values) {
            const std::string part = keyIdentity(item);
            identity += std::to_string(part.size()) + ":" + part;
        }
        return identity;
    }
    case Kind::Undefined:
        return "undefined";
    case Kind::Namespace:
    case Kind::Callable:
        return "o" + std::to_string(reinterpret_cast<std::uintptr_t>(key.identity()));
    default:
        raise("unhashable type: '" + std::string(typeName(key)) + "'");
    }
}

const Value* DictObject::find(std::string_view key) const {
    if (m_index.empty()) {
        for (const auto& [name, value] : m_entries)
            if (name.isString() && name.bytes() == key)
                return &value;
        return nullptr;
    }
    const auto found = m_index.find("s" + std::string(key));
    return found == m_index.end() ? nullptr : &m_entries[found->second].second;
}

std::size_t DictObject::position(const Value& key) const {
    const std::string identity = keyIdentity(key);
    if (!m_index.empty()) {
        const auto found = m_index.find(identity);
        return found == m_index.end() ? m_entries.size() : found->second;
    }
    for (std::size_t i = 0; i < m_entries.size(); ++i)
        if (m_entries[i].first.isString() == key.isString() && keyIdentity(m_entries[i].first) == identity)
            return i;
    return m_entries.size();
}

const Value* DictObject::find(const Value& key) const {
    if (key.isString())
        return find(key.bytes());
    const std::size_t at = position(key);
    return at == m_entries.size() ? nullptr : &m_entries[at].second;
}

void DictObject::set(const Value& key, Value value) {
    const std::size_t at = position(key);
    depth = std::max(depth, depthAbove(std::max(key.depth(), value.depth())));
    if (at < m_entries.size()) {
        m_entries[at].second = std::move(value);
        return;
    }
    m_entries.emplace_back(key, std::move(value));
    if (!m_index.empty())
        m_index.emplace(keyIdentity(key), at);
    else if (m_entries.size() > kLinearSearch)
        for (std::size_t i = 0; i < m_entries.size(); ++i)
            m_index.emplace(keyIdentity(m_entries[i].first), i);
}

void DictObject::clear() {
    m_entries.clear();
    m_index.clear();
}

std::unique_ptr<Value> CallArguments::take(std::string_view name) {
    const auto found = std::find_if(named.begin(), named.end(), [&](const auto& entry) { return entry.first == name; });
    if (found == named.end())
        return nullptr;
    auto value = std::make_unique<Value>(std::move(found->second));
    named.erase(found);
    return value;
}

std::vector<const Value*> bind(const CallArguments& arguments, std::string_view function,
                               std::initializer_list<std::string_view> parameters, std::size_t required) {
    const std::string name(function);
    if (arguments.positional.size() > parameters.size())
        raise(name + "() takes at most " + std::to_string(parameters.size()) + " arguments (" +
              std::to_string(arguments.positional.size()) + " given)");
    std::vector<const Value*> bound(parameters.size(), nullptr);
    for (std::size_t i = 0; i < arguments.positional.size(); ++i)
        bound[i] = &arguments.positional[i];
    for (const auto& [key, value] : arguments.named) {
        const auto found = std::find(parameters.begin(), parameters.end(), key);
        if (found == parameters.end())
            raise(name + "() got an unexpected keyword argument '" + key + "'");
        const auto at = static_cast<std::size_t>(found - parameters.begin());
        if (bound[at])
            raise(name + "() got multiple values for argument '" + key + "'");
        bound[at] = &value;
    }
    for (std::size_t i = 0; i < required; ++i)
        if (!bound[i])
            raise(name + "() missing required argument '" + std::string(parameters.begin()[i]) + "'");
    return bound;
}

Value Callable::attribute(Machine&, std::string_view) {
    return Value();
}

std::string_view typeName(const Value& value) {
    switch (value.kind()) {
    case Kind::Undefined:
        return "Undefined";
    case Kind::None:
        return "NoneType";
    case Kind::Bool:
        return "bool";
    case Kind::Int:
        return "int";
    case Kind::Float:
        return "float";
    case Kind::String:
        return value.markup() ? "Markup" : "str";
    case Kind::List:
        return "list";
    case Kind::Tuple:
        return "tuple";
    case Kind::Range:
        return "range";
    case Kind::Generator:
        return "generator";
    case Kind::View:
        return value.items().label;
    case Kind::Dict:
        return "dict";
    case Kind::Namespace:
        return "Namespace";
    case Kind::Callable:
        return "function";
    }
    return "object";
}

} // namespace attune::jinja
