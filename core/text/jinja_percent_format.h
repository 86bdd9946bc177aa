// Python's two ways to fill in a text: "%s of %d" % values and "{} of {name}".format(...). Pure functions of their
// arguments.
#pragma once

#include "core/text/jinja_machine.h"

namespace attune::jinja {

/// `format` is a string; `values` one value, a tuple, or a dict for %(name)s.
Value percentFormat(Machine& machine, const Value& format, const Value& values);
Value braceFormat(Machine& machine, const Value& format, const CallArguments& arguments);

} // namespace attune::jinja
