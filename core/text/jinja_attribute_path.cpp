#include "core/text/jinja_attribute_path.h"

#include <algorithm>

#include "core/text/jinja_operators.h"
#include "core/text/jinja_strings.h"

namespace attune::jinja {

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

Value follow(Machine& machine, Value value, const std::vector<Value>& path, const Value* fallback) {
    for (const Value& part : path) {
        value = getItem(machine, value, part);
        if (fallback && value.isUndefined())
            value = *fallback;
    }
    return value;
}

} // namespace attune::jinja
