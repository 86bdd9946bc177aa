#include "core/base/json.h"

#include <algorithm>
#include <string>
#include <type_traits>
#include <unordered_map>
#include <vector>

namespace attune {

namespace {

// Builds the value while it checks; never recurses, so depth costs no stack here.
template <class Value>
class LimitedBuilder {
public:
    using number_integer_t = typename Value::number_integer_t;
    using number_unsigned_t = typename Value::number_unsigned_t;
    using number_float_t = typename Value::number_float_t;
    using string_t = typename Value::string_t;
    using binary_t = typename Value::binary_t;

    explicit LimitedBuilder(const JsonLimits& limits) : m_limits(limits) {}

    bool null() { return add(nullptr); }
    bool boolean(bool value) { return add(value); }
    bool number_integer(number_integer_t value) { return add(value); }
    bool number_unsigned(number_unsigned_t value) { return add(value); }
    bool number_float(number_float_t value, const string_t&) { return add(value); }
    bool string(string_t& value) { return add(std::move(value)); }
    bool binary(binary_t&) { return stop("binary values are not JSON"); }
    bool start_object(std::size_t) { return open(Value::object()); }
    bool start_array(std::size_t) { return open(Value::array()); }
    bool end_object() { return close(); }
    bool end_array() { return close(); }
    bool key(string_t& name) {
        auto& object = m_stack.back()->template get_ref<typename Value::object_t&>();
        bool fresh = true;
        if constexpr (kOrdered) { // such an object is a list: finding a key in it would take time for every member
            const auto [place, added] = m_places.back().try_emplace(name, object.size());
            if (added)
                object.emplace_back(name, nullptr);
            fresh = added;
            m_slot = &(object.begin() + static_cast<std::ptrdiff_t>(place->second))->second;
        } else {
            const auto [member, added] = object.try_emplace(std::move(name), nullptr);
            fresh = added;
            m_slot = &member->second;
            if (!added)
                name = member->first;
        }
        if (!fresh && !m_limits.allowDuplicateKeys)
            return stop("the key \"" + name.substr(0, 80) + "\" appears twice in one object");
        return true;
    }
    template <class Exception>
    bool parse_error(std::size_t position, const std::string&, const Exception& error) {
        m_position = position;
        const std::string text = error.what();
        const auto colon = text.find(": ", text.find("column"));
        m_reason = colon == std::string::npos ? text : text.substr(colon + 2);
        return false;
    }

    Value root;
    const std::string& reason() const { return m_reason; }
    std::size_t position() const { return m_position; }

private:
    static constexpr bool kOrdered = std::is_same_v<Value, OrderedJson>;
    bool stop(std::string reason) {
        m_reason = std::move(reason);
        return false;
    }
    template <class T>
    Value* place(T&& value) {
        if (m_stack.empty()) {
            root = Value(std::forward<T>(value));
            return &root;
        }
        Value& parent = *m_stack.back();
        if (parent.is_array()) {
            parent.push_back(Value(std::forward<T>(value)));
            return &parent.back();
        }
        *m_slot = Value(std::forward<T>(value));
        return m_slot;
    }
    template <class T>
    bool add(T&& value) {
        if (++m_values > m_limits.maxValues)
            return stop("it holds more than " + std::to_string(m_limits.maxValues) + " values");
        place(std::forward<T>(value));
        return true;
    }
    bool open(Value container) {
        if (m_stack.size() >= m_limits.maxDepth)
            return stop("it is nested deeper than " + std::to_string(m_limits.maxDepth) + " levels");
        if (++m_values > m_limits.maxValues)
            return stop("it holds more than " + std::to_string(m_limits.maxValues) + " values");
        m_stack.push_back(place(std::move(container)));
        if constexpr (kOrdered)
            m_places.emplace_back();
        return true;
    }
    bool close() {
        m_stack.pop_back();
        if constexpr (kOrdered)
            m_places.pop_back();
        return true;
    }

    const JsonLimits& m_limits;
    std::vector<Value*> m_stack; // pointers stay valid: only the innermost container grows
    Value* m_slot = nullptr;     // where the value of the last key goes
    std::vector<std::unordered_map<std::string, std::size_t>>
        m_places; // per open object of OrderedJson: key to position
    std::string m_reason;
    std::size_t m_values = 0, m_position = 0;
};

template <class Value>
Result<Value> parse(std::string_view text, std::string_view what, const JsonLimits& limits) {
    const std::string name(what);
    if (text.size() > limits.maxBytes)
        return fail(ErrorCode::InvalidData, name + " is too large (" + std::to_string(text.size()) + " bytes)",
                    "Check that this is the right file.");
    LimitedBuilder<Value> builder(limits);
    if (!Value::sax_parse(text.begin(), text.end(), &builder)) {
        std::string where;
        if (builder.position() > 0) {
            const auto end = std::min(builder.position(), text.size());
            const auto line = std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(end), '\n') + 1;
            where = " (line " + std::to_string(line) + ", byte " + std::to_string(builder.position()) + ")";
        }
        return fail(ErrorCode::InvalidData, name + " is not valid JSON" + where + ": " + builder.reason(),
                    "Correct it in a text editor or export the file again.");
    }
    return std::move(builder.root);
}

} // namespace

Result<Json> parseJson(std::string_view text, std::string_view what, const JsonLimits& limits) {
    return parse<Json>(text, what, limits);
}

Result<OrderedJson> parseOrderedJson(std::string_view text, std::string_view what, const JsonLimits& limits) {
    return parse<OrderedJson>(text, what, limits);
}

Result<Json> readJsonFile(const fs::path& path, const JsonLimits& limits) {
    auto text = readFile(path, limits.maxBytes);
    if (!text)
        return fail(std::move(text).error());
    return parseJson(*text, path.string(), limits);
}

} // namespace attune
