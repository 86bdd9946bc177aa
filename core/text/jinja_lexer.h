// Splits a template into tokens with the whitespace rules of Hugging Face's environment (trim_blocks, lstrip_blocks).
// Pure function. Fails (Failure) with the line on what cannot be read.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace attune::jinja {

struct Token {
    enum class Type {
        Data,
        VariableBegin,
        VariableEnd,
        BlockBegin,
        BlockEnd,
        Name,
        String,
        Integer,
        Float,
        Operator,
        End
    };
    Type type = Type::End;
    std::string text; // data, name, operator, or the string's value with escapes resolved
    int line = 0;
    std::int64_t integer = 0;
    double real = 0;

    bool isOperator(std::string_view what) const { return type == Type::Operator && text == what; }
    bool isName(std::string_view what) const { return type == Type::Name && text == what; }
};

/// The last token is End. `source` must be valid UTF-8.
std::vector<Token> tokenize(std::string_view source);

} // namespace attune::jinja
