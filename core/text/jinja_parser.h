// Turns a template's source into its syntax tree. Pure function. Fails (Failure) with the line: syntax, tags and
// filters that nothing here knows, nesting beyond a fixed depth.
#pragma once

#include <string_view>

#include "core/text/jinja_ast.h"

namespace attune::jinja {

Program parseProgram(std::string_view source);

} // namespace attune::jinja
