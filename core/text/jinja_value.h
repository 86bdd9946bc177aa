// The values of a template: Python's None, bool, int, float, str, list, tuple, dict and what Jinja adds (undefined,
// namespace, callables). A Value is a small handle; containers are shared as in Python. Used by one render on one
// thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/base/result.h"
#include "core/text/jinja_text.h"

namespace attune::jinja {

/// How anything goes wrong inside the engine; caught in chat_template.cpp and turned into an Error.
struct Failure {
    ErrorCode code = ErrorCode::InvalidData;
    std::string message;
    int line = 0; // 0: the interpreter adds where it was
};

[[noreturn]] void raise(std::string message, ErrorCode code = ErrorCode::InvalidData);

enum class Kind : std::uint8_t {
    Undefined,
    None,
    Bool,
    Int,
    Float,
    String,
    List,
    Tuple,
    Range,
    Generator,
    View,
    Dict,
    Namespace,
    Callable,
};

class Machine;
class Value;
class ListObject;
class DictObject;
class Callable;

/// Base of everything shared. `depth` is 1 + the deepest member's: containers that would nest too deep are never made,
/// so that walking or freeing a value cannot exhaust the stack.
struct Object {
    virtual ~Object() = default;
    std::uint32_t depth = 0;
};

class Value {
public:
    Value() = default; // undefined without a name
    static Value undefined(std::string message);
    static Value none() { return Value(Kind::None); }
    static Value boolean(bool value);
    static Value integer(std::int64_t value);
    static Value real(double value);
    static Value string(Text text, bool markup = false);
    static Value literal(std::string text) { return string(Text(std::move(text), kTemplate)); }
    static Value list(std::vector<Value> items) { return sequence(Kind::List, std::move(items)); }
    static Value tuple(std::vector<Value> items) { return sequence(Kind::Tuple, std::move(items)); }
    /// Any kind that is a row of items; `label` is what a view or range prints as.
    static Value sequence(Kind kind, std::vector<Value> items, std::string label = {});
    static Value dict();
    static Value nameSpace(std::shared_ptr<DictObject> members);
    static Value callable(std::shared_ptr<Callable> object);

    Kind kind() const { return m_kind; }
    bool is(Kind kind) const { return m_kind == kind; }
    bool isUndefined() const { return m_kind == Kind::Undefined; }
    bool isString() const { return m_kind == Kind::String; }
    bool isInteger() const { return m_kind == Kind::Int || m_kind == Kind::Bool; } // as in Python, bool is an int
    bool isNumber() const { return isInteger() || m_kind == Kind::Float; }
    bool isItems() const { return m_kind >= Kind::List && m_kind <= Kind::View; }
    bool isDict() const { return m_kind == Kind::Dict; }

    std::int64_t asInteger() const { return m_integer; } // isInteger()
    double asReal() const { return m_kind == Kind::Float ? m_real : static_cast<double>(m_integer); }
    const Text& text() const; // isString()
    const std::string& bytes() const { return text().bytes(); }
    bool markup() const;                         // a string that `escape` or `safe` made
    const std::string& undefinedMessage() const; // isUndefined()
    ListObject& items() const;                   // isItems()
    DictObject& members() const;                 // Dict or Namespace
    Callable& function() const;                  // Callable
    std::shared_ptr<Callable> sharedFunction() const;
    const Object* identity() const { return m_object.get(); }
    std::uint32_t depth() const { return m_object ? m_object->depth : 0; }

private:
    explicit Value(Kind kind) : m_kind(kind) {}
    Kind m_kind = Kind::Undefined;
    union {
        std::int64_t m_integer = 0;
        double m_real;
    };
    std::shared_ptr<Object> m_object;
};

struct StringObject : Object {
    Text text;
    bool markup = false;
};

struct UndefinedObject : Object {
    std::string message;
};

class ListObject : public Object {
public:
    std::vector<Value> values;
    std::string label;
    bool consumed = false; // a generator that was read once is empty afterwards
};

/// Ordered as in Python; keys are strings, numbers, bools, None or tuples of them.
class DictObject : public Object {
public:
    const std::vector<std::pair<Value, Value>>& entries() const { return m_entries; }
    const Value* find(std::string_view key) const;
    const Value* find(const Value& key) const; // fails on a key that cannot be hashed
    void set(const Value& key, Value value);
    void clear();

private:
    std::size_t position(const Value& key) const;
    std::vector<std::pair<Value, Value>> m_entries;
    std::unordered_map<std::string, std::size_t> m_index; // filled once a linear search would be slow
};

struct CallArguments {
    std::vector<Value> positional;
    std::vector<std::pair<std::string, Value>> named;

    /// Takes the named argument out, or returns nullptr.
    std::unique_ptr<Value> take(std::string_view name);
};

/// Arguments put in the order of the parameters of a built-in function; nullptr where none was given.
/// Fails on too many, unknown or doubled ones and when one of the first `required` is missing.
std::vector<const Value*> bind(const CallArguments& arguments, std::string_view function,
                               std::initializer_list<std::string_view> parameters, std::size_t required = 0);

class Callable : public Object {
public:
    virtual Value call(Machine& machine, CallArguments& arguments) = 0;
    /// Undefined when there is no such attribute (loop.index, macro.name ...).
    virtual Value attribute(Machine& machine, std::string_view name);
    virtual std::string describe() const = 0; // what printing it gives
};

/// Fails when a container of members this deep would be too deep.
std::uint32_t depthAbove(std::uint32_t deepest);
/// Python's name of the type ("str", "NoneType" ...).
std::string_view typeName(const Value& value);
/// A string equal for two keys exactly if Python's == and hash say that they are one key.
std::string keyIdentity(const Value& key);

} // namespace attune::jinja
