// Typed reading of the fields of a tokenizer file, with errors that name the field. Stateless.
#pragma once

#include <string>
#include <string_view>

#include "core/base/json.h"

namespace attune::fields {

inline tl::unexpected<Error> broken(const std::string& where, const std::string& what) {
    return fail(ErrorCode::InvalidData, where + ": " + what,
                "Get the tokenizer files again from the model's publisher.");
}

inline tl::unexpected<Error> unknown(const std::string& where, const std::string& what) {
    return fail(ErrorCode::Unsupported, where + ": " + what + " is not supported",
                "Use a model whose tokenizer is of a supported kind (BPE as in GPT-2, Llama, Qwen, Gemma).");
}

/// The member, or nullptr when absent or null.
inline const Json* member(const Json& object, const char* key) {
    if (!object.is_object())
        return nullptr;
    const auto found = object.find(key);
    return found == object.end() || found->is_null() ? nullptr : &*found;
}

inline Result<std::string> text(const Json& object, const char* key, const std::string& where) {
    const Json* value = member(object, key);
    if (!value || !value->is_string())
        return broken(where, std::string("\"") + key + "\" must be a text");
    return value->get<std::string>();
}

inline Result<std::string> textOr(const Json& object, const char* key, std::string fallback, const std::string& where) {
    return member(object, key) ? text(object, key, where) : Result<std::string>(std::move(fallback));
}

inline Result<bool> flag(const Json& object, const char* key, bool fallback, const std::string& where) {
    const Json* value = member(object, key);
    if (!value)
        return fallback;
    if (!value->is_boolean())
        return broken(where, std::string("\"") + key + "\" must be true or false");
    return value->get<bool>();
}

/// A whole number in [0, limit].
inline Result<std::uint64_t> count(const Json& object, const char* key, std::uint64_t limit, const std::string& where) {
    const Json* value = member(object, key);
    if (!value || !value->is_number_unsigned() || value->get<std::uint64_t>() > limit)
        return broken(where, std::string("\"") + key + "\" must be a whole number up to " + std::to_string(limit));
    return value->get<std::uint64_t>();
}

inline Result<const Json*> list(const Json& object, const char* key, const std::string& where) {
    const Json* value = member(object, key);
    if (!value || !value->is_array())
        return broken(where, std::string("\"") + key + "\" must be a list");
    return value;
}

} // namespace attune::fields
